"""CNN-LSTM: 1-D convolutions over frames and LSTM layers."""

from dataclasses import dataclass
from itertools import pairwise

import jax
from flax import nnx
from jaxtyping import Array, Float

from aersut.contracts import Model
from aersut.models.network import LSTM, ConvStack, Network, check_stack, pooled_size
from aersut.registry import MODELS


@MODELS.register("cnn_lstm")
@dataclass(frozen=True)
class CNNLSTM(Model):
    """The CNN-LSTM of the AERSUT paper: three 1-D convolutions over frames, LSTM layers and a small dense layer.

    The convolutions are those of `cnn`. The paper does not specify the recurrent layers ("LSTM layers"): here LSTM 128
    and LSTM 64, whose last frame is the input of Dense 64, ReLU, Dropout 0.5, Dense.

    Attributes:
        filters: number of filters of each convolution.
        kernels: kernel size of each convolution, in frames.
        units: number of units of each LSTM layer.
        dense: units of the hidden dense layer.
        dropout: dropout rate of the hidden layer.
    """

    filters: tuple[int, ...] = (256, 128, 64)
    kernels: tuple[int, ...] = (5, 3, 3)
    units: tuple[int, ...] = (128, 64)
    dense: int = 64
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_stack(self.filters, self.kernels, self.dropout)
        if not self.units or min(*self.units, self.dense) < 1:
            raise ValueError(f"units and dense must be at least 1, got {self.units} and {self.dense}")

    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> Network:
        pooled_size(frames, len(self.filters), "frames")
        return _CNNLSTM(self, channels, classes, rngs)


class _CNNLSTM(Network):
    def __init__(self, config: CNNLSTM, channels: int, classes: int, rngs: nnx.Rngs) -> None:
        self.stack = ConvStack(channels, config.filters, config.kernels, rngs=rngs)
        widths = pairwise((config.filters[-1], *config.units))
        self.lstms = nnx.List([LSTM(a, b, rngs=rngs) for a, b in widths])
        self.hidden = nnx.Linear(config.units[-1], config.dense, rngs=rngs)
        self.dropout = nnx.Dropout(config.dropout, rngs=rngs)
        self.head = nnx.Linear(config.dense, classes, rngs=rngs)

    def embed(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch width"]:
        x = self.stack(features)
        for lstm in self.lstms:
            x = lstm(x)
        return self.dropout(nnx.relu(self.hidden(jax.lax.index_in_dim(x, -1, axis=1, keepdims=False))))
