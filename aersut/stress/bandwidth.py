"""Bandwidth: a band-pass filter, and another sample rate."""

from dataclasses import dataclass

import numpy as np
import soxr
from jaxtyping import Float

from aersut.contracts import Condition, SkippedConditionError
from aersut.registry import CONDITIONS
from aersut.stress.filtering import band_limited

ORDER = 8
"""Order of both edges of the band-pass filter: 48 dB per octave."""


@CONDITIONS.register("band_limit")
@dataclass(frozen=True)
class BandLimit(Condition):
    """Band-pass filter, by default that of a telephone: Butterworth magnitude response of order 8, zero phase.

    Attributes:
        low, high: edges of the band in Hz, at which the attenuation is 3 dB.
    """

    low: float = 300.0
    high: float = 3_400.0

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise ValueError(f"low and high must be above 0 and in this order, got {self.low} and {self.high}")

    @property
    def title(self) -> str:
        return f"band {self.low:g} to {self.high:g} Hz"

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        return band_limited(samples, sample_rate, self.low, self.high, ORDER)


@CONDITIONS.register("sample_rate")
@dataclass(frozen=True)
class SampleRate(Condition):
    """Recording at a lower sample rate: resampled to it with soxr at high quality, and back.

    Attributes:
        hertz: the lower sample rate in Hz. Recordings at this rate or below are skipped.
    """

    hertz: int = 8_000

    def __post_init__(self) -> None:
        if self.hertz < 1:
            raise ValueError(f"hertz must be at least 1, got {self.hertz}")

    @property
    def title(self) -> str:
        return f"sample rate {self.hertz / 1000:g} kHz"

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        if sample_rate <= self.hertz:
            raise SkippedConditionError(f"the experiment's sample rate is {sample_rate:,} Hz")
        back = soxr.resample(soxr.resample(samples, sample_rate, self.hertz), self.hertz, sample_rate)[: len(samples)]
        return np.pad(back, (0, len(samples) - len(back)))
