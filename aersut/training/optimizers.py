"""Optimizers with their schedules, all of them Optax's."""

import abc
from dataclasses import dataclass
from typing import Literal

import optax

from aersut.contracts import Optimizer
from aersut.registry import OPTIMIZERS


@dataclass(frozen=True)
class Scheduled(Optimizer):
    """What all optimizers here share: how the learning rate goes, clipping, and accumulation.

    Attributes:
        learning_rate: the highest one.
        schedule: "constant"; "cosine" or "exponential", which fall to `final` of it at the end of the run; "plateau",
            which multiplies it by `factor` whenever the training loss has not improved by 1e-4 of itself for `patience`
            epochs (`optax.contrib.reduce_on_plateau`, over the mean loss of an epoch).
        warmup: share of the run over which the rate rises linearly from 0 before that.
        final: share of the learning rate at the end of a cosine or an exponential.
        factor, patience: of a plateau.
        clip_norm: gradients are scaled down to this norm where theirs is larger; None leaves them.
        accumulate: steps whose gradients are averaged before the weights change, as if the batch were so many times as
            large.
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
            raise ValueError(f"warmup is a share of the run, from 0 to below 1, got {self.warmup}")
        for name in ("final", "factor"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1, got {getattr(self, name)}")
        for name in ("patience", "accumulate"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be above 0, or none, got {self.clip_norm}")

    @abc.abstractmethod
    def rule(self, learning_rate: optax.Schedule) -> optax.GradientTransformation:
        """The optimizer itself, under a schedule."""

    def build(self, steps: int, steps_per_epoch: int) -> optax.GradientTransformation:
        updates = max(1, steps // self.accumulate)
        parts = [self.rule(self._rate(updates))]
        if self.clip_norm is not None:
            parts.insert(0, optax.clip_by_global_norm(self.clip_norm))
        if self.schedule == "plateau":
            epoch = max(1, steps_per_epoch // self.accumulate)
            parts.append(
                optax.contrib.reduce_on_plateau(factor=self.factor, patience=self.patience, accumulation_size=epoch)
            )
        whole = optax.chain(*parts)
        if self.accumulate == 1:
            return whole
        several = optax.MultiSteps(whole, self.accumulate)
        return optax.GradientTransformationExtraArgs(several.init, several.update)

    def _rate(self, updates: int) -> optax.Schedule:
        rising = round(self.warmup * updates)
        falling = max(1, updates - rising)
        after: optax.Schedule = {
            "constant": optax.constant_schedule(self.learning_rate),
            "plateau": optax.constant_schedule(self.learning_rate),
            "cosine": optax.cosine_decay_schedule(self.learning_rate, falling, alpha=self.final),
            "exponential": optax.exponential_decay(self.learning_rate, falling, self.final),
        }[self.schedule]
        if not rising:
            return after
        return optax.join_schedules([optax.linear_schedule(0.0, self.learning_rate, rising), after], [rising])


@dataclass(frozen=True)
class Decayed(Scheduled):
    """A scheduled optimizer that shrinks the weights, too.

    Attributes:
        weight_decay: share of a weight that is taken off in a step of learning rate 1.
    """

    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must be 0 or more, got {self.weight_decay}")


@OPTIMIZERS.register("adam")
@dataclass(frozen=True)
class Adam(Scheduled):
    """Adam (Kingma & Ba 2015); a constant rate of 1e-5 is the paper's."""

    learning_rate: float = 1e-5

    def rule(self, learning_rate: optax.Schedule) -> optax.GradientTransformation:
        return optax.adam(learning_rate)


@OPTIMIZERS.register("adamw")
@dataclass(frozen=True)
class AdamW(Decayed):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    weight_decay: float = 1e-2

    def rule(self, learning_rate: optax.Schedule) -> optax.GradientTransformation:
        return optax.adamw(learning_rate, weight_decay=self.weight_decay)


@OPTIMIZERS.register("lion")
@dataclass(frozen=True)
class Lion(Decayed):
    """Lion (Chen et al. 2023), which takes steps of one size: a third to a tenth of Adam's rate will do."""

    learning_rate: float = 1e-4
    weight_decay: float = 1e-1

    def rule(self, learning_rate: optax.Schedule) -> optax.GradientTransformation:
        return optax.lion(learning_rate, weight_decay=self.weight_decay)


@OPTIMIZERS.register("sgd")
@dataclass(frozen=True)
class SGD(Decayed):
    """Gradient descent with Nesterov's momentum.

    Attributes:
        momentum: share of the last step that goes on, 0 to below 1.
    """

    learning_rate: float = 1e-2
    momentum: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be from 0 to below 1, got {self.momentum}")

    def rule(self, learning_rate: optax.Schedule) -> optax.GradientTransformation:
        descent = optax.sgd(learning_rate, momentum=self.momentum, nesterov=True)
        return optax.chain(optax.add_decayed_weights(self.weight_decay), descent) if self.weight_decay else descent
