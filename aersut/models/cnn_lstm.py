"""The paper's convolutional and recurrent network."""

from dataclasses import dataclass
from itertools import pairwise

import jax
from flax import nnx
from jaxtyping import Array, Float

from aersut.contracts import Model
from aersut.models.network import LSTM, ConvStack, Network, check_stack, halved
from aersut.registry import MODELS


@MODELS.register("cnn_lstm")
@dataclass(frozen=True)
class CNNLSTM(Model):
    """The paper's CNN-LSTM: three 1-D convolutions over frames, LSTM layers, a small dense layer.

    The convolutions are those of `cnn`. The paper leaves the recurrent part open ("LSTM layers"): here LSTM 128 and 64,
    the last frame of which goes through Dense 64, ReLU and Dropout 0.5 to Dense.

    Attributes:
        filters: of each convolution.
        kernels: in frames, of each convolution.
        units: of each LSTM layer.
        dense: units of the hidden layer.
        dropout: share of them that is dropped in training.
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
        halved(frames, len(self.filters), "frames")
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
