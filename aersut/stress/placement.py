"""Placement of the recording in background noise."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from aersut.contracts import Condition
from aersut.registry import CONDITIONS
from aersut.stress.speech_level import background_power


@CONDITIONS.register("placement")
@dataclass(frozen=True)
class Placement(Condition):
    """Speech pauses before and after the recording: white Gaussian noise at the level of its own background.

    Attributes:
        before, after: duration of the pauses in s.
    """

    before: float = 0.5
    after: float = 1.0

    def __post_init__(self) -> None:
        if min(self.before, self.after) < 0 or not self.before + self.after:
            raise ValueError(f"before and after must be at least 0, one above, got {self.before} and {self.after}")

    @property
    def title(self) -> str:
        return f"pauses of {self.before:g} s before and {self.after:g} s after"

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " changed"]:
        deviation = np.float32(np.sqrt(background_power(samples, sample_rate)))
        before, after = (
            deviation * rng.standard_normal(round(seconds * sample_rate), np.float32)
            for seconds in (self.before, self.after)
        )
        return np.concatenate([before, samples, after])
