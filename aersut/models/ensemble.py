"""Several networks that judge together."""

from dataclasses import dataclass, field
from typing import Annotated

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from aersut.config import Named
from aersut.contracts import Model
from aersut.models.network import Network
from aersut.models.tc_resnet import TCResNet
from aersut.registry import MODELS


def _default() -> tuple[Model, ...]:
    return (TCResNet(filters=(32, 32, 48)),) * 3


@MODELS.register("ensemble")
@dataclass(frozen=True)
class Ensemble(Model):
    """Networks side by side on the same input, whose logits are averaged; one file, and one run, for all of them.

    Each learns by its own loss (Hansen & Salamon 1990), as if it were trained alone: what one gets wrong because of the
    weights that it began with, the others often do not. Averaged in training, they would be one wide network.

    Attributes:
        members: the networks; equal ones begin with other weights and drop other units.
    """

    members: tuple[Annotated[Model, Named(MODELS)], ...] = field(default_factory=_default)

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise ValueError(f"members must be two networks or more, got {len(self.members)}")

    @property
    def exportable(self) -> bool:  # type: ignore[override]
        return all(member.exportable for member in self.members)

    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Network:
        return _Ensemble([member.build(frames, channels, classes, rngs) for member in self.members])


class _Ensemble(Network):
    def __init__(self, members: list[Network]) -> None:
        self.members = nnx.List(members)
        self.deterministic = False

    def set_view(self, deterministic: bool | None = None) -> None:
        """What `nnx.view` calls."""
        if deterministic is not None:
            self.deterministic = deterministic

    def embed(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch width"]:
        return jnp.concatenate([member.embed(features) for member in self.members], axis=1)

    def __call__(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "*members batch classes"]:
        logits = [member(features) for member in self.members]
        return sum(logits[1:], logits[0]) / len(logits) if self.deterministic else jnp.stack(logits)
