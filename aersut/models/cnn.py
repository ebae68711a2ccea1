"""CNN: 1-D convolutions over frames and a dense layer."""

from dataclasses import dataclass

from flax import nnx
from jaxtyping import Array, Float

from aersut.contracts import Model
from aersut.models.network import ConvStack, Network, check_stack, pooled_size
from aersut.registry import MODELS


@MODELS.register("cnn")
@dataclass(frozen=True)
class CNN(Model):
    """The CNN of the AERSUT paper: three 1-D convolutions over frames and a wide dense layer.

    Conv1D 256 × 5, 128 × 3, 64 × 3, each with BatchNorm, ReLU and max pooling by 2; Dense 1024, ReLU, Dropout 0.5,
    Dense.

    Attributes:
        filters: number of filters of each convolution.
        kernels: kernel size of each convolution, in frames.
        dense: units of the hidden dense layer.
        dropout: dropout rate of the hidden layer.
    """

    filters: tuple[int, ...] = (256, 128, 64)
    kernels: tuple[int, ...] = (5, 3, 3)
    dense: int = 1024
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_stack(self.filters, self.kernels, self.dropout)
        if self.dense < 1:
            raise ValueError(f"dense must be at least 1, got {self.dense}")

    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Network:
        flat = pooled_size(frames, len(self.filters), "frames") * self.filters[-1]
        return _CNN(self, flat, channels, classes, rngs)


class _CNN(Network):
    def __init__(self, config: CNN, flat: int, channels: int, classes: int, rngs: nnx.Rngs) -> None:
        self.stack = ConvStack(channels, config.filters, config.kernels, rngs=rngs)
        self.hidden = nnx.Linear(flat, config.dense, rngs=rngs)
        self.dropout = nnx.Dropout(config.dropout, rngs=rngs)
        self.head = nnx.Linear(config.dense, classes, rngs=rngs)

    def embed(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch width"]:
        x = self.stack(features)
        return self.dropout(nnx.relu(self.hidden(x.reshape(x.shape[0], -1))))
