"""Level: gain, peak normalization and clipping."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from aersut.contracts import Condition, SkippedConditionError
from aersut.registry import CONDITIONS
from aersut.stress.speech_level import active_frames, at_level_of


@CONDITIONS.register("gain")
@dataclass(frozen=True)
class Gain(Condition):
    """Gain: another recording level. Samples beyond full scale are clipped, as in a recorder.

    Attributes:
        gain_db: gain in dB.
    """

    gain_db: float = 12.0
    curve = "gain (dB)"

    @property
    def title(self) -> str:
        return f"gain {self.gain_db:+g} dB"

    @property
    def x(self) -> float:
        return self.gain_db

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        return samples * np.float32(10 ** (self.gain_db / 20))


@CONDITIONS.register("peak_normalization")
@dataclass(frozen=True)
class PeakNormalization(Condition):
    """Peak normalization: the largest magnitude becomes full scale (0 dBFS)."""

    @property
    def title(self) -> str:
        return "peak normalization"

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        peak = np.abs(samples).max()
        if not peak:
            raise SkippedConditionError("the recording is digital silence")
        return samples / peak


@CONDITIONS.register("clipping")
@dataclass(frozen=True)
class Clipping(Condition):
    """Clipping at a fixed fraction of the samples, as by an overdriven input, at the level of the recording.

    The limit is the magnitude that `fraction` of the samples of active speech exceed. The level of the active speech is
    restored afterwards, so the condition is no change of gain.

    Attributes:
        fraction: fraction of the samples of active speech that are clipped.
    """

    fraction: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise ValueError(f"fraction must be between 0 and 1, got {self.fraction}")

    @property
    def title(self) -> str:
        return f"clipping of {100 * self.fraction:g} %"

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        limit = np.quantile(np.abs(active_frames(samples, sample_rate)), 1 - self.fraction)
        if not limit:
            raise SkippedConditionError("the recording is digital silence, except for a few samples")
        return at_level_of(np.clip(samples, -limit, limit), samples, sample_rate)
