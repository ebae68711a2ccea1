"""A residual network of temporal convolutions."""

from dataclasses import dataclass
from itertools import pairwise

from flax import nnx
from jaxtyping import Array, Float

from aersut.contracts import Model
from aersut.models.convolution import conv_bands, max_pool1d
from aersut.models.network import ConvNorm, batch_norm, check_stack, halved
from aersut.models.pooling import Pooled, Pooling, check_pooling
from aersut.registry import MODELS

STRIDE = 4
"""Bands from one to the next that the convolution over frames and bands keeps."""


@MODELS.register("tc_resnet")
@dataclass(frozen=True)
class TCResNet(Model):
    """Residual blocks of convolutions over frames, a spectrogram's bands as channels (TC-ResNet, Choi et al. 2019).

    A convolution, then a block per further entry of `filters`: max pooling by 2, two convolutions with BatchNorm, the
    block's input added (through a convolution of size 1 where the width changes), ReLU. The statistics of the last
    block's channels over frames go through Dropout to Dense. Pooling takes the place of the paper's strides.

    To a convolution over frames, a voice that is a band higher is another voice altogether. `bands` puts one over
    frames and bands in front (5 × 7, every fourth band, BatchNorm, ReLU, max pooling by 2 over frames), which it is
    not to.

    Attributes:
        bands: filters of that convolution; 0 leaves it out.
        filters: of the first convolution, and of each block.
        kernels: in frames, likewise.
        pooling: "attentive", "statistics" or "mean" over frames.
        dropout: share of the pooled statistics that is dropped in training.
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

    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Pooled:
        halved(frames, len(self.filters) - 1 + (self.bands > 0), "frames")
        return _TCResNet(self, channels, classes, rngs)


class _TCResNet(Pooled):
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
        y = nnx.relu(self.norm(conv_bands(x, self.kernel[...], STRIDE)))
        return max_pool1d(y.reshape(*y.shape[:2], -1))


class _Block(nnx.Module):
    def __init__(self, inputs: int, filters: int, size: int, rngs: nnx.Rngs) -> None:
        self.one = ConvNorm(inputs, filters, size, rngs=rngs)
        self.two = ConvNorm(filters, filters, size, rngs=rngs)
        self.short = ConvNorm(inputs, filters, 1, rngs=rngs) if inputs != filters else None

    def __call__(self, x: Float[Array, "batch frames inputs"]) -> Float[Array, "batch half filters"]:
        x = max_pool1d(x)
        short = x if self.short is None else self.short(x)
        return nnx.relu(short + self.two(nnx.relu(self.one(x))))
