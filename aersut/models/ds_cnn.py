"""DS-CNN: depthwise-separable convolutions over frames."""

from dataclasses import dataclass
from itertools import pairwise

from flax import nnx
from jaxtyping import Array, Float

from aersut.contracts import Model
from aersut.models.convolution import max_pool1d
from aersut.models.network import ConvBlock, ConvNorm, DepthwiseNorm, check_stack, pooled_size
from aersut.models.pooling import PooledNetwork, Pooling, check_pooling
from aersut.registry import MODELS


@MODELS.register("ds_cnn")
@dataclass(frozen=True)
class DSCNN(Model):
    """Depthwise-separable convolutions over frames (DS-CNN, Zhang et al. 2017), the model with the fewest weights.

    A convolution with max pooling by 2, then a block for each further entry of `filters`: a depthwise convolution over
    frames and a pointwise convolution, each with BatchNorm and ReLU. A block that keeps the width has a residual
    connection; a block that changes it ends in max pooling by 2. Statistics pooling over frames, Dropout, Dense.

    Attributes:
        filters: number of filters of the first convolution and of each block.
        kernels: kernel size of the first convolution and of each block, in frames.
        pooling: "attentive", "statistics" or "mean" pooling over frames.
        dropout: dropout rate after pooling.
    """

    filters: tuple[int, ...] = (64, 64, 96, 96)
    kernels: tuple[int, ...] = (5, 7, 7, 7)
    pooling: Pooling = "attentive"
    dropout: float = 0.3

    def __post_init__(self) -> None:
        check_stack(self.filters, self.kernels, self.dropout)
        check_pooling(self.pooling, self.dropout)

    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> PooledNetwork:
        pooled_size(frames, 1 + sum(a != b for a, b in pairwise(self.filters)), "frames")
        return _DSCNN(self, channels, classes, rngs)


class _DSCNN(PooledNetwork):
    def __init__(self, config: DSCNN, channels: int, classes: int, rngs: nnx.Rngs) -> None:
        super().__init__(config.filters[-1], config.pooling, config.dropout, classes, rngs=rngs)
        self.first = ConvBlock(channels, config.filters[0], config.kernels[0], rngs=rngs)
        widths = zip(pairwise(config.filters), config.kernels[1:], strict=True)
        self.blocks = nnx.List([_Block(a, b, size, rngs) for (a, b), size in widths])

    def frames(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch fewer width"]:
        x = self.first(features)
        for block in self.blocks:
            x = block(x)
        return x


class _Block(nnx.Module):
    def __init__(self, inputs: int, filters: int, size: int, rngs: nnx.Rngs) -> None:
        self.residual = inputs == filters
        self.depthwise = DepthwiseNorm(inputs, size, rngs=rngs)
        self.pointwise = ConvNorm(inputs, filters, 1, rngs=rngs)

    def __call__(self, x: Float[Array, "batch frames inputs"]) -> Float[Array, "batch fewer filters"]:
        y = nnx.relu(self.pointwise(nnx.relu(self.depthwise(x))))
        return x + y if self.residual else max_pool1d(y)
