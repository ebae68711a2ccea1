"""A shift in time."""

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from aersut.augment.example import Example
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("time_shift")
@dataclass(frozen=True)
class TimeShift(Augmenter):
    """Moves the clip within its window and fills with silence; what leaves the window is lost.

    Attributes:
        seconds: the largest shift, earlier or later, drawn uniformly.
        probability: of a change at all.
    """

    seconds: float = 0.3
    probability: float = 0.5

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise ValueError(f"seconds must be above 0, got {self.seconds}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be between 0 and 1, got {self.probability}")

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, amount = jax.random.split(key)
        (samples,) = example.values.shape
        most = min(samples, round(self.seconds * example.sample_rate))
        shift = jax.random.randint(amount, (), -most, most + 1)
        shift = jnp.where(jax.random.uniform(chance) < self.probability, shift, 0)
        padded = jnp.pad(example.values, most)
        return dataclasses.replace(example, values=jax.lax.dynamic_slice(padded, (most - shift,), (samples,)))
