"""Optimizers, all of them Optax's."""

from dataclasses import dataclass

import optax

from aersut.contracts import Optimizer
from aersut.registry import OPTIMIZERS


def _check(learning_rate: float) -> None:
    if learning_rate <= 0:
        raise ValueError(f"learning_rate must be above 0, got {learning_rate}")


@OPTIMIZERS.register("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015) at a constant rate; 1e-5 is the paper's."""

    learning_rate: float = 1e-5

    def __post_init__(self) -> None:
        _check(self.learning_rate)

    def build(self, steps: int) -> optax.GradientTransformation:
        return optax.adam(self.learning_rate)


@OPTIMIZERS.register("adamw")
@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019) at a constant rate."""

    learning_rate: float = 1e-3
    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        _check(self.learning_rate)
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay must be 0 or more, got {self.weight_decay}")

    def build(self, steps: int) -> optax.GradientTransformation:
        return optax.adamw(self.learning_rate, weight_decay=self.weight_decay)
