"""Electrical interference: DC offset and mains hum."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from aersut.contracts import Condition
from aersut.registry import CONDITIONS
from aersut.stress.noise import with_noise

HARMONICS = 6


@CONDITIONS.register("dc_offset")
@dataclass(frozen=True)
class DCOffset(Condition):
    """Constant offset of all samples, as of a microphone's amplifier without a high-pass filter.

    Attributes:
        offset: the offset as a fraction of full scale, not 0.
    """

    offset: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < abs(self.offset) < 1:
            raise ValueError(f"offset must be between -1 and 1 and not 0, got {self.offset}")

    @property
    def title(self) -> str:
        return f"DC offset {self.offset:g}"

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        return samples + np.float32(self.offset)


@CONDITIONS.register("hum")
@dataclass(frozen=True)
class Hum(Condition):
    """Mains hum at a fixed SNR: six harmonics, the k-th with 1 / k of the first one's amplitude, at random phases.

    Attributes:
        hertz: mains frequency in Hz.
        snr_db: SNR in dB: power of the active speech relative to the power of all harmonics together.
    """

    hertz: float = 50.0
    snr_db: float = 10.0

    def __post_init__(self) -> None:
        if self.hertz <= 0:
            raise ValueError(f"hertz must be above 0, got {self.hertz}")

    @property
    def title(self) -> str:
        return f"hum {self.hertz:g} Hz, {self.snr_db:g} dB SNR"

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        angle = 2 * np.pi * self.hertz / sample_rate * np.arange(len(samples))
        phases = rng.uniform(0, 2 * np.pi, HARMONICS)
        kept = [k for k in range(1, HARMONICS + 1) if k * self.hertz < sample_rate / 2]
        hum = sum((np.sin(k * angle + phases[k - 1]) / k for k in kept), np.zeros(len(samples)))
        return with_noise(samples, sample_rate, hum.astype(np.float32), self.snr_db)
