"""2-D CNN: convolutions over the spectrogram as an image."""

from dataclasses import dataclass
from itertools import pairwise

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from aersut.contracts import Model
from aersut.models.network import Network, batch_norm, check_dropout, check_filters, pooled_size
from aersut.registry import MODELS


@MODELS.register("cnn2d")
@dataclass(frozen=True)
class CNN2D(Model):
    """2-D CNN on frames × channels as an image, for spectrograms.

    3 × 3 convolutions, each with BatchNorm, ReLU and 2 × 2 max pooling; global mean pooling; Dropout, Dense.

    Attributes:
        filters: number of filters of each convolution.
        dropout: dropout rate after pooling.
    """

    filters: tuple[int, ...] = (16, 32, 64, 128)
    dropout: float = 0.3

    def __post_init__(self) -> None:
        check_filters(self.filters)
        check_dropout(self.dropout)

    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Network:
        pooled_size(frames, len(self.filters), "frames")
        pooled_size(channels, len(self.filters), "channels")
        return _CNN2D(self, classes, rngs)


class _CNN2D(Network):
    def __init__(self, config: CNN2D, classes: int, rngs: nnx.Rngs) -> None:
        self.blocks = nnx.List([_Block(a, b, rngs) for a, b in pairwise((1, *config.filters))])
        self.dropout = nnx.Dropout(config.dropout, rngs=rngs)
        self.head = nnx.Linear(config.filters[-1], classes, rngs=rngs)

    def embed(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch width"]:
        x = features[..., None]
        for block in self.blocks:
            x = block(x)
        return self.dropout(jnp.mean(x, axis=(1, 2)))


class _Block(nnx.Module):
    def __init__(self, inputs: int, filters: int, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(inputs, filters, (3, 3), use_bias=False, rngs=rngs)
        self.norm = batch_norm(filters, rngs=rngs)

    def __call__(self, x: Float[Array, "batch frames bands inputs"]) -> Float[Array, "batch half half_bands filters"]:
        x = nnx.relu(self.norm(self.conv(x)))
        return nnx.max_pool(x, (2, 2), (2, 2))  # type: ignore[no-untyped-call]
