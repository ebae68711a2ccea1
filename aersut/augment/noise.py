"""Additive Gaussian noise."""

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from aersut.augment.example import Example
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("noise")
@dataclass(frozen=True)
class Noise(Augmenter):
    """White Gaussian noise at a random signal-to-noise ratio.

    Attributes:
        snr_db: lowest and highest ratio in dB, drawn uniformly; over the power of the whole window.
        probability: of a change at all.
    """

    snr_db: tuple[float, float] = (10.0, 30.0)
    probability: float = 0.5

    def __post_init__(self) -> None:
        if self.snr_db[0] > self.snr_db[1]:
            raise ValueError(f"snr_db must go from low to high, got {self.snr_db}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be between 0 and 1, got {self.probability}")

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, level, noise = jax.random.split(key, 3)
        ratio = jax.random.uniform(level, minval=self.snr_db[0], maxval=self.snr_db[1])
        power = jnp.mean(jnp.square(example.values))
        deviation = jnp.sqrt(power * 10 ** (-ratio / 10))
        noisy = example.values + deviation * jax.random.normal(noise, example.values.shape)
        return dataclasses.replace(
            example, values=jnp.where(jax.random.uniform(chance) < self.probability, noisy, example.values)
        )
