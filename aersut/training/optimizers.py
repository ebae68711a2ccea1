"""Optimizers and learning-rate schedules, all from Optax."""

import abc
import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from aersut.contracts import Optimizer
from aersut.registry import OPTIMIZERS

Numbers = dict[str, Float[Array, ""]]
"""The values of an optimizer's `traced` fields."""


def without_numbers(optimizer: Optimizer) -> tuple[Optimizer, Numbers]:
    """Return the optimizer without the values of its `traced` fields, and these values."""
    numbers = {name: jnp.asarray(getattr(optimizer, name), jnp.float32) for name in optimizer.traced}
    return with_numbers(optimizer, dict.fromkeys(numbers)), numbers


def with_numbers(optimizer: Optimizer, numbers: Mapping[str, Array | None]) -> Optimizer:
    """Return a copy with these values of `traced` fields, unchecked, since a traced value cannot be compared."""
    changed = copy.copy(optimizer)
    for name, number in numbers.items():
        object.__setattr__(changed, name, number)
    return changed


@dataclass(frozen=True)
class Scheduled(Optimizer):
    """An optimizer with a learning-rate schedule, gradient clipping and gradient accumulation.

    Attributes:
        learning_rate: the maximum of the schedule.
        schedule: "constant"; "cosine" or "exponential", which decay to the fraction `final` of the learning rate at the
            end of the run; "plateau", which multiplies the learning rate by `factor` whenever the training loss has not
            improved by 1e-4 of itself for `patience` epochs (`optax.contrib.reduce_on_plateau`, over the mean loss of
            an epoch).
        warmup: fraction of the run over which the learning rate rises linearly from 0, before the schedule.
        final: fraction of the learning rate at the end of "cosine" and "exponential".
        factor, patience: of "plateau"; `factor` is below 1.
        clip_norm: maximum global norm of the gradients; larger gradients are scaled down. None does not clip.
        accumulate: steps whose gradients are averaged for one update, as in a batch that many times as large;
            BatchNorm, mixup and `Experiment.ema` still see each step. Each epoch ends with an update, so its last one
            averages the gradients of the steps that are left.
    """

    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine", "exponential", "plateau"] = "constant"
    warmup: float = 0.0
    final: float = 0.01
    factor: float = 0.5
    patience: int = 5
    clip_norm: float | None = None
    accumulate: int = 1

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup is a fraction of the run, from 0 to below 1, got {self.warmup}")
        if not 0 < self.final <= 1:
            raise ValueError(f"final must be above 0 and at most 1, got {self.final}")
        if not 0 < self.factor < 1:
            raise ValueError(f"factor must be above 0 and below 1, got {self.factor}")
        for name in ("patience", "accumulate"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be above 0, or none, got {self.clip_norm}")

    @abc.abstractmethod
    def rule(self, learning_rate: optax.Schedule) -> optax.GradientTransformation:
        """The update rule, with a learning-rate schedule."""

    def clipped_rule(self, learning_rate: optax.Schedule) -> list[optax.GradientTransformation]:
        """Gradient clipping, if there is any, and the update rule."""
        clip = [] if self.clip_norm is None else [optax.clip_by_global_norm(self.clip_norm)]
        return [*clip, self.rule(learning_rate)]

    def build(self, steps: int, steps_per_epoch: int) -> optax.GradientTransformation:
        per_epoch = math.ceil(steps_per_epoch / self.accumulate)
        epochs, rest = divmod(steps, steps_per_epoch)
        transformations = self.clipped_rule(self._schedule(epochs * per_epoch + math.ceil(rest / self.accumulate)))
        if self.accumulate > 1:
            last = steps_per_epoch - (per_epoch - 1) * self.accumulate
            accumulated = optax.MultiSteps(
                optax.chain(*transformations),
                lambda update: jnp.where((update + 1) % per_epoch == 0, last, self.accumulate),
            )
            whole = optax.GradientTransformationExtraArgs(accumulated.init, accumulated.update)
            if self.schedule != "plateau":
                return whole
            transformations = [whole]
        if self.schedule == "plateau":
            # not accumulated: `MultiSteps` would pass on the loss of the last step only
            transformations.append(
                optax.contrib.reduce_on_plateau(
                    factor=self.factor, patience=self.patience, accumulation_size=steps_per_epoch
                )
            )
        return optax.chain(*transformations)

    def _schedule(self, updates: int) -> optax.Schedule:
        warmup = round(self.warmup * updates)
        decay = max(1, updates - warmup)
        schedule: optax.Schedule = {
            "constant": optax.constant_schedule(self.learning_rate),
            "plateau": optax.constant_schedule(self.learning_rate),
            "cosine": optax.cosine_decay_schedule(self.learning_rate, decay, alpha=self.final),
            "exponential": optax.exponential_decay(self.learning_rate, decay, self.final),
        }[self.schedule]
        if not warmup:
            return schedule
        return optax.join_schedules([optax.linear_schedule(0.0, self.learning_rate, warmup), schedule], [warmup])


@dataclass(frozen=True)
class Decayed(Scheduled):
    """A scheduled optimizer with weight decay.

    Attributes:
        weight_decay: fraction by which a weight decreases in a step of learning rate 1. The momentum of "sgd"
            applies to it, too: at 0.9, weights decay ten times as fast.
    """

    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must be 0 or more, got {self.weight_decay}")


@OPTIMIZERS.register("adam")
@dataclass(frozen=True)
class Adam(Scheduled):
    """Adam (Kingma & Ba 2015). The default is the constant learning rate of the paper that AERSUT reproduces."""

    traced = ("learning_rate",)
    elementwise = True
    learning_rate: float = 1e-5

    def rule(self, learning_rate: optax.Schedule) -> optax.GradientTransformation:
        return optax.adam(learning_rate)


@OPTIMIZERS.register("adamw")
@dataclass(frozen=True)
class AdamW(Decayed):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    traced = ("learning_rate", "weight_decay")
    elementwise = True
    weight_decay: float = 1e-2

    def rule(self, learning_rate: optax.Schedule) -> optax.GradientTransformation:
        return optax.adamw(learning_rate, weight_decay=self.weight_decay)


@OPTIMIZERS.register("lion")
@dataclass(frozen=True)
class Lion(Decayed):
    """Lion (Chen et al. 2023). Its steps have a constant size: use a third to a tenth of Adam's learning rate."""

    traced = ("learning_rate", "weight_decay")
    elementwise = True
    learning_rate: float = 1e-4
    weight_decay: float = 1e-1

    def rule(self, learning_rate: optax.Schedule) -> optax.GradientTransformation:
        return optax.lion(learning_rate, weight_decay=self.weight_decay)


@OPTIMIZERS.register("sgd")
@dataclass(frozen=True)
class SGD(Decayed):
    """Stochastic gradient descent with Nesterov momentum.

    Attributes:
        momentum: fraction of the previous step that is added, from 0 to below 1.
    """

    traced = ("learning_rate",)
    elementwise = True
    learning_rate: float = 1e-2
    momentum: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be from 0 to below 1, got {self.momentum}")

    def rule(self, learning_rate: optax.Schedule) -> optax.GradientTransformation:
        descent = optax.sgd(learning_rate, momentum=self.momentum, nesterov=True)
        return optax.chain(optax.add_decayed_weights(self.weight_decay), descent) if self.weight_decay else descent
