"""Statistics pooling: one vector from any number of frames."""

import abc
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from aersut.models.network import Network, check_dropout

Pooling = Literal["mean", "statistics", "attentive"]


class StatisticsPooling(nnx.Module):
    """Mean and mean absolute deviation of each channel over frames.

    "attentive" weighs each frame by the softmax of a linear score (attentive statistics pooling, Okabe et al. 2018);
    "statistics" weighs all frames equally, and so does "mean", the mean alone. The mean absolute deviation replaces the
    standard deviation of Okabe et al., since squares and roots lose most of the 8 bits of a quantized network.

    Attributes:
        width: number of output channels.
    """

    def __init__(self, channels: int, kind: Pooling, *, rngs: nnx.Rngs) -> None:
        self.deviation = kind != "mean"
        self.width = 2 * channels if self.deviation else channels
        # small initial scores weigh all frames nearly equally; a bias of the score would cancel in the softmax
        score = nnx.initializers.normal(0.1 / channels**0.5)
        self.score = nnx.Param(score(rngs.params(), (channels, 1))) if kind == "attentive" else None

    def __call__(self, x: Float[Array, "batch frames channels"]) -> Float[Array, "batch width"]:
        weights = self._weights(x)
        mean = weights @ x
        statistics = [mean, weights @ jnp.abs(x - mean)] if self.deviation else [mean]
        return jnp.concatenate([statistic.squeeze(1) for statistic in statistics], axis=1)

    def _weights(self, x: Array) -> Float[Array, "batch 1 frames"]:
        if self.score is None:
            return jnp.full((x.shape[0], 1, x.shape[1]), 1 / x.shape[1], x.dtype)
        # over the last axis, as TensorFlow Lite's softmax
        return jax.nn.softmax(jnp.swapaxes(x @ self.score[...], 1, 2), axis=-1)


class PooledNetwork(Network):
    """Statistics pooling over `frames`, dropout, and a linear classifier.

    Args:
        channels: the number of channels that `frames` returns.
    """

    def __init__(self, channels: int, pooling: Pooling, dropout: float, classes: int, *, rngs: nnx.Rngs) -> None:
        self.pool = StatisticsPooling(channels, pooling, rngs=rngs)
        self.dropout = nnx.Dropout(dropout, rngs=rngs)
        self.head = nnx.Linear(self.pool.width, classes, rngs=rngs)

    @abc.abstractmethod
    def frames(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch fewer width"]:
        """Features of each frame, the input of pooling."""

    def embed(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch width"]:
        return self.dropout(self.pool(self.frames(features)))


def check_pooling(pooling: str, dropout: float) -> None:
    """Raise `ValueError` if the arguments of `PooledNetwork` are not valid."""
    if pooling not in get_args(Pooling):
        raise ValueError(f"pooling must be one of {', '.join(get_args(Pooling))}, got {pooling}")
    check_dropout(dropout)
