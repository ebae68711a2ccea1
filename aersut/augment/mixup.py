"""Mixup of examples and labels."""

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from aersut.augment.example import Example
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("mixup")
@dataclass(frozen=True)
class Mixup(Augmenter):
    """Mixup (Zhang et al. 2018): convex combination of each example and its label with another example of the batch.

    Attributes:
        alpha: the weight of the other example is drawn from Beta(alpha, alpha); small values give weights near 0 or 1.
    """

    domain = "batch"
    alpha: float = 0.2

    def __post_init__(self) -> None:
        if self.alpha <= 0:
            raise ValueError(f"alpha must be above 0, got {self.alpha}")

    def __call__(self, key: jax.Array, example: Example) -> Example:
        order, amount = jax.random.split(key)
        count = len(example.label)
        other = jax.random.permutation(order, count)
        # Beta(1, 1) is uniform; the rejection sampling of other ones is not worth its time
        weight = (
            jax.random.uniform(amount, (count,))
            if self.alpha == 1
            else jax.random.beta(amount, self.alpha, self.alpha, (count,))
        )

        def mixed(values: jax.Array) -> jax.Array:
            of_other = weight.reshape(-1, *(1,) * (values.ndim - 1))
            return jnp.asarray((1 - of_other) * values + of_other * values[other])

        return dataclasses.replace(example, values=mixed(example.values), label=mixed(example.label))
