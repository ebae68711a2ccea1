"""Mixing of the statistics of frequency bands between examples."""

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from aersut.augment.example import Example
from aersut.augment.random_apply import check_probability
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("freq_mixstyle")
@dataclass(frozen=True)
class FreqMixStyle(Augmenter):
    """Freq-MixStyle: mean and deviation of each band are mixed with those of another example of the batch.

    Microphone, room, background noise and speaker shape the mean and deviation of each band over the frames. So an
    example gets a part of the recording conditions of another one, and keeps its label (MixStyle, Zhou et al. 2021; on
    the bands of a spectrogram, Schmid et al. 2022).

    Attributes:
        alpha: the weight of the other example is drawn from Beta(alpha, alpha); small values give weights near 0 or 1.
        probability: probability of a change of an example.
    """

    domain = "batch"
    spectrogram = True
    alpha: float = 0.4
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise ValueError(f"alpha must be above 0, got {self.alpha}")
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        order, amount, chance = jax.random.split(key, 3)
        values, count = example.values, len(example.values)
        other = jax.random.permutation(order, count)
        weight = jax.random.beta(amount, self.alpha, self.alpha, (count, 1, 1))
        is_changed = jax.random.uniform(chance, (count, 1, 1)) < self.probability
        mean = jnp.mean(values, axis=1, keepdims=True)
        deviation = jnp.sqrt(jnp.var(values, axis=1, keepdims=True) + 1)  # in dB; a constant band is not amplified
        mixed_mean = (1 - weight) * mean + weight * mean[other]
        mixed_deviation = (1 - weight) * deviation + weight * deviation[other]
        changed = mixed_mean + (values - mean) * mixed_deviation / deviation
        return dataclasses.replace(example, values=jnp.where(is_changed, changed, values))
