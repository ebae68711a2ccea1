"""Reverberation: synthetic, and by measured impulse responses."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from aersut.contracts import Condition
from aersut.registry import CONDITIONS
from aersut.stress.filtering import convolved
from aersut.stress.recordings import chosen_files, folder_recordings
from aersut.stress.speech_level import at_level_of


@CONDITIONS.register("reverberation")
@dataclass(frozen=True)
class Reverberation(Condition):
    """Reverberation with a synthetic impulse response: the direct sound, then exponentially decaying noise.

    Such noise models late reverberation (Polack 1988). The direct sound keeps its time; the level of the active speech
    and the length of the recording do not change.

    Attributes:
        seconds: reverberation time (RT60) in s.
        direct_db: direct-to-reverberant energy ratio (DRR) in dB.
    """

    seconds: float = 0.3
    direct_db: float = 0.0

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise ValueError(f"seconds must be above 0, got {self.seconds}")

    @property
    def title(self) -> str:
        return f"reverberation RT60 {self.seconds:g} s, DRR {self.direct_db:g} dB"

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        length = max(1, round(self.seconds * sample_rate))
        decay = (10 ** (-3 * np.arange(1, length + 1) / length)).astype(np.float32)
        tail = decay * rng.standard_normal(length, np.float32)
        tail *= np.float32(10 ** (-self.direct_db / 20) / np.sqrt(np.vdot(tail, tail)))
        response = np.concatenate([np.ones(1, np.float32), tail])
        return at_level_of(convolved(samples, response)[: len(samples)], samples, sample_rate)


@CONDITIONS.register("impulse_responses")
@dataclass(frozen=True)
class ImpulseResponses(Condition):
    """Reverberation with a random one of the measured impulse responses in a folder.

    The largest magnitude of the impulse response is the direct sound, which keeps its time; the level of the active
    speech and the length of the recording do not change. See `folder_recordings` for the limits.

    Attributes:
        folder: folder of the impulse responses, .wav or .flac.
    """

    folder: str = "input/impulse-responses"

    @property
    def title(self) -> str:
        return "measured impulse responses"

    def recordings(self) -> list[Path]:
        return chosen_files(self.folder)

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        responses = folder_recordings(self.folder, sample_rate)
        response = responses[rng.integers(len(responses))]
        direct = int(np.abs(response).argmax())
        return at_level_of(convolved(samples, response)[direct : direct + len(samples)], samples, sample_rate)
