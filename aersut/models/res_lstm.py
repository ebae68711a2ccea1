"""ResLSTM: LSTMs with a residual connection and attentive pooling, behind convolutions."""

from dataclasses import dataclass

from flax import nnx
from jaxtyping import Array, Float

from aersut.contracts import Model
from aersut.models.network import LSTM, ConvStack, batch_norm, check_stack, pooled_size
from aersut.models.pooling import PooledNetwork, Pooling, check_pooling
from aersut.registry import MODELS


@MODELS.register("res_lstm")
@dataclass(frozen=True)
class ResLSTM(Model):
    """An LSTM with a residual connection, a second LSTM, and attentive statistics pooling over all frames.

    ResLSTM-SA (Krasnoproshin & Vashkevich 2026) behind convolutions. `filters=(), kernels=()` omits them, which is that
    paper's network, except that its pooling is the attentive mean alone.

    Attributes:
        filters: number of filters of each convolution; each is followed by max pooling by 2.
        kernels: kernel size of each convolution, in frames.
        units: number of units of the second LSTM; the first has one for each of its input channels.
        pooling: "attentive", "statistics" or "mean" pooling over frames.
        dropout: dropout rate after pooling.
    """

    filters: tuple[int, ...] = (64,)
    kernels: tuple[int, ...] = (5,)
    units: int = 64
    pooling: Pooling = "attentive"
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if self.filters or self.kernels:
            check_stack(self.filters, self.kernels, self.dropout)
        check_pooling(self.pooling, self.dropout)
        if self.units < 1:
            raise ValueError(f"units must be at least 1, got {self.units}")

    def build(self, frames: int, channels: int, classes: int, rngs: nnx.Rngs) -> PooledNetwork:
        pooled_size(frames, len(self.filters), "frames")
        return _ResLSTM(self, channels, classes, rngs)


class _ResLSTM(PooledNetwork):
    def __init__(self, config: ResLSTM, channels: int, classes: int, rngs: nnx.Rngs) -> None:
        super().__init__(config.units, config.pooling, config.dropout, classes, rngs=rngs)
        width = (channels, *config.filters)[-1]
        self.stack = ConvStack(channels, config.filters, config.kernels, rngs=rngs)
        self.one = LSTM(width, width, rngs=rngs)
        self.norm = batch_norm(width, rngs=rngs)
        self.two = LSTM(width, config.units, rngs=rngs)

    def frames(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch fewer width"]:
        x = self.stack(features)
        return self.two(self.norm(x + self.one(x)))
