"""A shift in time."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.chance import check_probability, sometimes
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
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, amount = jax.random.split(key)
        (samples,) = example.values.shape
        most = min(samples, round(self.seconds * example.sample_rate))
        shift = jax.random.randint(amount, (), -most, most + 1)

        def shifted() -> Float[Array, " samples"]:
            return jax.lax.dynamic_slice(jnp.pad(example.values, most), (most - shift,), (samples,))

        return sometimes(chance, self.probability, example, shifted)
