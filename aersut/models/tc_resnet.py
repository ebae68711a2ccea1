"""TC-ResNet: a residual network of temporal convolutions."""

from dataclasses import dataclass
from itertools import pairwise

from flax import nnx
from jaxtyping import Array, Float

from aersut.contracts import Model
from aersut.models.convolution import conv_bands, max_pool1d
from aersut.models.network import ConvNorm, batch_norm, check_stack, pooled_size
from aersut.models.pooling import PooledNetwork, Pooling, check_pooling
from aersut.registry import MODELS

STRIDE = 4
"""Stride over bands of the convolution over frames and bands."""


@MODELS.register("tc_resnet")
@dataclass(frozen=True)
class TCResNet(Model):
    """Residual blocks of convolutions over frames, with bands as channels (TC-ResNet, Choi et al. 2019).

    A convolution, then a block for each further entry of `filters`: max pooling by 2, two convolutions with BatchNorm,
    a residual connection (a convolution of size 1 where the width changes), ReLU. Statistics pooling over frames,
    Dropout, Dense. Pooling replaces the strides of TC-ResNet's paper.

    A convolution over frames has no frequency-shift tolerance: its weights differ from band to band. `bands` adds a
    convolution over frames and bands in front, which has: 5 × 7, stride 4 over bands, BatchNorm, ReLU, max pooling by 2
    over frames.

    Attributes:
        bands: number of filters of the convolution over frames and bands; 0 omits it.
        filters: number of filters of the first convolution over frames and of each block.
        kernels: kernel size of the first convolution over frames and of each block, in frames.
        pooling: "attentive", "statistics" or "mean" pooling over frames.
        dropout: dropout rate after pooling.
    """

    bands: int = 0
    filters: tuple[int, ...] = (64, 64, 96)
    kernels: tuple[int, ...] = (5, 5, 5)
    pooling: Pooling = "attentive"
    dropout: float = 0.3

    def __post_init__(self) -> None:
        check_stack(self.filters, self.kernels, self.dropout)
        check_pooling(self.pooling, self.dropout)
        if self.bands < 0:
            raise ValueError(f"bands must be 0 (none) or more, got {self.bands}")

    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> PooledNetwork:
        pooled_size(frames, len(self.filters) - 1 + (self.bands > 0), "frames")
        return _TCResNet(self, channels, classes, rngs)


class _TCResNet(PooledNetwork):
    def __init__(self, config: TCResNet, channels: int, classes: int, rngs: nnx.Rngs) -> None:
        super().__init__(config.filters[-1], config.pooling, config.dropout, classes, rngs=rngs)
        self.stem = _Stem(config.bands, rngs) if config.bands else None
        if self.stem is not None:
            channels = config.bands * -(-channels // STRIDE)
        self.first = ConvNorm(channels, config.filters[0], config.kernels[0], rngs=rngs)
        widths = zip(pairwise(config.filters), config.kernels[1:], strict=True)
        self.blocks = nnx.List([_Block(a, b, size, rngs) for (a, b), size in widths])

    def frames(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch fewer width"]:
        x = features if self.stem is None else self.stem(features)
        x = nnx.relu(self.first(x))
        for block in self.blocks:
            x = block(x)
        return x


class _Stem(nnx.Module):
    def __init__(self, filters: int, rngs: nnx.Rngs) -> None:
        self.kernel = nnx.Param(nnx.initializers.normal((5 * 7) ** -0.5)(rngs.params(), (5, 7, filters)))
        self.norm = batch_norm(filters, rngs=rngs)

    def __call__(self, x: Float[Array, "batch frames bands"]) -> Float[Array, "batch half channels"]:
        # pooled before the reshape, which TensorFlow Lite Micro copies
        y = max_pool1d(nnx.relu(self.norm(conv_bands(x, self.kernel[...], STRIDE))))
        return y.reshape(*y.shape[:2], -1)


class _Block(nnx.Module):
    def __init__(self, inputs: int, filters: int, size: int, rngs: nnx.Rngs) -> None:
        self.one = ConvNorm(inputs, filters, size, rngs=rngs)
        self.two = ConvNorm(filters, filters, size, rngs=rngs)
        self.short = ConvNorm(inputs, filters, 1, rngs=rngs) if inputs != filters else None

    def __call__(self, x: Float[Array, "batch frames inputs"]) -> Float[Array, "batch half filters"]:
        x = max_pool1d(x)
        short = x if self.short is None else self.short(x)
        return nnx.relu(short + self.two(nnx.relu(self.one(x))))
