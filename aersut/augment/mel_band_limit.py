"""Band-pass filter of a log-mel spectrogram."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.mel_bands import band_frequencies
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, log_uniform
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("mel_band_limit")
@dataclass(frozen=True)
class MelBandLimit(Augmenter):
    """Band-pass filter of a log-mel spectrogram with random edges: the bandwidth of a telephone or a small microphone.

    As `band_limit`, with the response of the Butterworth filters at the center of each mel band. No cell falls below
    the floor.

    Attributes:
        low: lowest and highest lower band edge in Hz, drawn log-uniformly.
        high: lowest and highest upper band edge in Hz, drawn log-uniformly; at or above half the sample rate it has
            little effect.
        order: order of both filters; each order adds 6 dB per octave.
        floor_db: level of digital silence in dB; None for that of the features, 10 · log10 of the `amin` of `log_mel`.
        probability: probability of a change.
    """

    domain = "features"
    log_mel = True
    low: tuple[float, float] = (50.0, 400.0)
    high: tuple[float, float] = (3_000.0, 8_000.0)
    order: int = 4
    floor_db: float | None = None
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("low", self.low, above=0)
        check_range("high", self.high, above=self.low[1])
        if self.order < 1:
            raise ValueError(f"order must be at least 1, got {self.order}")
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, *draws = jax.random.split(key, 3)
        floor_db = example.log_mel.floor(self.floor_db)
        centers, _ = band_frequencies(example.sample_rate, example.values.shape[1], example.log_mel)

        def limited() -> Float[Array, "frames bands"]:
            low, high = log_uniform(draws[0], self.low), log_uniform(draws[1], self.high)
            steep = 2 * self.order
            loss = jnp.log10(1 + (low / centers) ** steep) + jnp.log10(1 + (centers / high) ** steep)
            return jnp.maximum(example.values - 10 * loss, jnp.minimum(example.values, floor_db))

        return apply_with_probability(chance, self.probability, example, limited)
