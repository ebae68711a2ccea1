"""Additive white Gaussian noise."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, root, uniform
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("noise")
@dataclass(frozen=True)
class Noise(Augmenter):
    """Additive white Gaussian noise at a random signal-to-noise ratio (SNR).

    Attributes:
        snr_db: lowest and highest SNR in dB, drawn uniformly; relative to the power of the whole window.
        probability: probability of a change.
    """

    snr_db: tuple[float, float] = (10.0, 30.0)
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("snr_db", self.snr_db)
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, level, noise = jax.random.split(key, 3)

        def noisy() -> Float[Array, " samples"]:
            ratio = uniform(level, self.snr_db)
            power = jnp.mean(jnp.square(example.values))
            deviation = root(power * 10 ** (-ratio / 10))
            return example.values + deviation * jax.random.normal(noise, example.values.shape)

        return apply_with_probability(chance, self.probability, example, noisy)
