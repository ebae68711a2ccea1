"""Ensemble of networks whose logits are averaged."""

from dataclasses import dataclass
from typing import Annotated

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from aersut.contracts import Model
from aersut.models.network import Network
from aersut.models.tc_resnet import TCResNet
from aersut.registry import MODELS
from aersut.tree import Named


@MODELS.register("ensemble")
@dataclass(frozen=True)
class Ensemble(Model):
    """Ensemble of networks on the same input, with averaged logits; one run and one exported model contain them all.

    Each member has its own loss, as if trained alone (Hansen & Salamon 1990): errors that depend on the initial weights
    of one member are often not those of the others. With logits averaged in training, they would be one wide network.

    Attributes:
        members: the networks; equal ones differ in initial weights and in dropout.
    """

    members: tuple[Annotated[Model, Named(MODELS)], ...] = (TCResNet(filters=(32, 32, 48)),) * 3

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise ValueError(f"members must be two or more networks, got {len(self.members)}")
        if any(isinstance(member, Ensemble) for member in self.members):
            raise ValueError("members must not be ensembles; list their members instead")

    @property
    def exportable(self) -> bool:
        return all(member.exportable for member in self.members)

    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Network:
        return _Ensemble([member.build(frames, channels, classes, rngs) for member in self.members])


class _Ensemble(Network):
    def __init__(self, members: list[Network]) -> None:
        self.members = nnx.List(members)
        self.deterministic = False

    def set_view(self, deterministic: bool | None = None) -> None:
        """Set the mode; called by `nnx.view`."""
        if deterministic is not None:
            self.deterministic = deterministic

    def embed(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch width"]:
        return jnp.concatenate([member.embed(features) for member in self.members], axis=1)

    def __call__(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "*members batch classes"]:
        logits = [member(features) for member in self.members]
        return sum(logits[1:], logits[0]) / len(logits) if self.deterministic else jnp.stack(logits)
