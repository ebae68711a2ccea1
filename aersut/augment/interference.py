"""Electrical interference: DC offset and mains hum."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, uniform
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS

MAINS = (50.0, 60.0)
HARMONICS = 6


@AUGMENTERS.register("interference")
@dataclass(frozen=True)
class Interference(Augmenter):
    """Electrical interference of cheap hardware: DC offset and mains hum.

    The hum has 50 or 60 Hz with equal probability and six harmonics below half the sample rate. The k-th has 1 / k of
    the amplitude of the first, and a random phase.

    Attributes:
        offset: largest magnitude of the DC offset as a fraction of full scale, drawn uniformly in both directions.
        hum_db: lowest and highest level of the hum in dBFS (0 dB is a mean square of 1), drawn uniformly.
        probability: probability of a change.
    """

    offset: float = 0.02
    hum_db: tuple[float, float] = (-70.0, -35.0)
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.offset < 1:
            raise ValueError(f"offset must be 0 or more and below 1, got {self.offset}")
        check_range("hum_db", self.hum_db)
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, shift, mains, level, phase = jax.random.split(key, 5)
        harmonics = np.arange(1, HARMONICS + 1)[:, None]
        samples = len(example.values)
        # both frequencies are multiples of 10 Hz: the hum repeats after 0.1 s, or where these are no whole samples, 1 s
        period = example.sample_rate // math.gcd(example.sample_rate, 10)
        times = np.arange(period) / example.sample_rate

        def disturbed() -> Float[Array, " samples"]:
            offset = jax.random.uniform(shift, minval=-self.offset, maxval=self.offset)
            hertz = jnp.where(jax.random.bernoulli(mains), *MAINS)
            amplitudes = (harmonics * hertz < example.sample_rate / 2) / harmonics
            power = 10 ** (uniform(level, self.hum_db) / 10)
            amplitudes *= jnp.sqrt(2 * power / jnp.maximum(jnp.sum(jnp.square(amplitudes)), 1e-12))
            phases = jax.random.uniform(phase, (HARMONICS, 1), maxval=2 * np.pi)
            waves = amplitudes * jnp.sin(2 * np.pi * harmonics * hertz * times + phases)
            return example.values + offset + jnp.resize(jnp.sum(waves, axis=0), (samples,))

        return apply_with_probability(chance, self.probability, example, disturbed)
