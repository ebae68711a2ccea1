"""Time shift."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.random_apply import apply_with_probability, check_probability
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("time_shift")
@dataclass(frozen=True)
class TimeShift(Augmenter):
    """Time shift of the clip within its window, filled with silence; samples beyond the window are lost.

    Attributes:
        seconds: largest shift in s, in both directions, drawn uniformly.
        probability: probability of a change.
    """

    seconds: float = 0.3
    probability: float = 0.5

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise ValueError(f"seconds must be above 0, got {self.seconds}")
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, amount = jax.random.split(key)
        (samples,) = example.values.shape
        most = min(samples, round(self.seconds * example.sample_rate))
        shift = jax.random.randint(amount, (), -most, most + 1)

        def shifted() -> Float[Array, " samples"]:
            return jax.lax.dynamic_slice(jnp.pad(example.values, most), (most - shift,), (samples,))

        return apply_with_probability(chance, self.probability, example, shifted)
