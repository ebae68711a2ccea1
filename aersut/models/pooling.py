"""From any number of frames to one vector: the statistics of each channel over time."""

import abc
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from aersut.models.network import Network, check_dropout

Pooling = Literal["mean", "statistics", "attentive"]


class Statistics(nnx.Module):
    """Each channel's mean over frames, and how far its values lie from it.

    Under "attentive" a frame counts as much as a linear score of it says, softmax over all (attentive statistics
    pooling, Okabe et al. 2018); under "statistics" and "mean" all count alike, and "mean" is the mean alone. Where the
    paper takes the standard deviation this takes the mean distance, since squares and roots lose most of 8 bits.

    Attributes:
        width: what comes out, in channels.
    """

    def __init__(self, channels: int, kind: Pooling, *, rngs: nnx.Rngs) -> None:
        self.spread = kind != "mean"
        self.width = 2 * channels if self.spread else channels
        # it begins with all frames nearly alike; one bias for all of them would change nothing
        score = nnx.initializers.normal(0.1 / channels**0.5)
        self.score = nnx.Param(score(rngs.params(), (channels, 1))) if kind == "attentive" else None

    def __call__(self, x: Float[Array, "batch frames channels"]) -> Float[Array, "batch width"]:
        weights = self._weights(x)
        mean = weights @ x
        parts = [mean, weights @ jnp.abs(x - mean)] if self.spread else [mean]
        return jnp.concatenate([part.squeeze(1) for part in parts], axis=1)

    def _weights(self, x: Array) -> Float[Array, "batch 1 frames"]:
        if self.score is None:
            return jnp.full((x.shape[0], 1, x.shape[1]), 1 / x.shape[1], x.dtype)
        # over the last axis, the one that TensorFlow Lite's softmax is over
        return jax.nn.softmax(jnp.swapaxes(x @ self.score[...], 1, 2), axis=-1)


class Pooled(Network):
    """A network that pools what its body says of each frame, drops some of it, and judges.

    Args:
        channels: what comes out of `frames`.
    """

    def __init__(self, channels: int, pooling: Pooling, dropout: float, classes: int, *, rngs: nnx.Rngs) -> None:
        self.pool = Statistics(channels, pooling, rngs=rngs)
        self.dropout = nnx.Dropout(dropout, rngs=rngs)
        self.head = nnx.Linear(self.pool.width, classes, rngs=rngs)

    @abc.abstractmethod
    def frames(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch fewer width"]:
        """What is pooled."""

    def embed(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch width"]:
        return self.dropout(self.pool(self.frames(features)))


def check_pooling(pooling: str, dropout: float) -> None:
    """Raise `ValueError` where the fields that `Pooled` takes are none."""
    if pooling not in get_args(Pooling):
        raise ValueError(f"pooling must be one of {', '.join(get_args(Pooling))}, got {pooling}")
    check_dropout(dropout)
