"""Mixtures of examples and of their labels."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp

from aersut.augment.example import Example
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("mixup")
@dataclass(frozen=True)
class Mixup(Augmenter):
    """Mixes every example, features and label alike, with another of its batch (Zhang et al. 2018).

    Attributes:
        alpha: the share of the other is drawn from Beta(alpha, alpha) for each example: small is rarely much.
    """

    domain: ClassVar[Literal["waveform", "features", "batch"]] = "batch"
    alpha: float = 0.2

    def __post_init__(self) -> None:
        if self.alpha <= 0:
            raise ValueError(f"alpha must be above 0, got {self.alpha}")

    def __call__(self, key: jax.Array, example: Example) -> Example:
        order, amount = jax.random.split(key)
        count = len(example.label)
        other = jax.random.permutation(order, count)
        share = jax.random.beta(amount, self.alpha, self.alpha, (count,))

        def mixed(values: jax.Array) -> jax.Array:
            of_other = share.reshape(-1, *(1,) * (values.ndim - 1))
            return jnp.asarray((1 - of_other) * values + of_other * values[other])

        return dataclasses.replace(example, values=mixed(example.values), label=mixed(example.label))
