"""Band-pass filter: the bandwidth of a telephone or of a small microphone."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, log_uniform
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("band_limit")
@dataclass(frozen=True)
class BandLimit(Augmenter):
    """Band-pass filter with random edges: the magnitude response of Butterworth filters, zero phase.

    A telephone passes 300 to 3,400 Hz. A microphone of a few millimeters attenuates low frequencies and, in its
    housing, high ones.

    Attributes:
        low: lowest and highest lower band edge in Hz, drawn log-uniformly.
        high: lowest and highest upper band edge in Hz, drawn log-uniformly; at or above half the sample rate it has
            little effect.
        order: order of both filters; each order adds 6 dB per octave.
        probability: probability of a change.
    """

    low: tuple[float, float] = (50.0, 400.0)
    high: tuple[float, float] = (3_000.0, 8_000.0)
    order: int = 4
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("low", self.low, above=0)
        check_range("high", self.high, above=self.low[1])
        if self.order < 1:
            raise ValueError(f"order must be at least 1, got {self.order}")
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        import scipy.fft  # deferred: it takes longer to import than all augmenters and features

        chance, *draws = jax.random.split(key, 3)
        samples = len(example.values)
        size = scipy.fft.next_fast_len(samples + example.sample_rate // 10, real=True)  # no wrap-around
        hertz = np.fft.rfftfreq(size, 1 / example.sample_rate)

        def limited() -> Float[Array, " samples"]:
            low, high = log_uniform(draws[0], self.low), log_uniform(draws[1], self.high)
            steep = 2 * self.order
            with_low = (hertz / low) ** steep
            kept = jnp.sqrt(with_low / (1 + with_low) / (1 + (hertz / high) ** steep))
            return jnp.fft.irfft(jnp.fft.rfft(example.values, size) * kept, size)[:samples]

        return apply_with_probability(chance, self.probability, example, limited)
