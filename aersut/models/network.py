"""The layers that the architectures share. All of them become built-in operators of TensorFlow Lite."""

import abc
from collections.abc import Callable, Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from aersut.models.convolution import conv1d, depthwise1d, max_pool1d
from aersut.models.normalization import BatchNorm
from aersut.models.recurrence import recurred

FUSED_LSTM = "custom_call.aersut_lstm"
"""(x, kernel, recurrent, bias) → outputs; TensorFlow's converter keeps what is named custom_call.SOMETHING."""


class Network(nnx.Module):
    """What `Model.build` returns: an embedding, and a linear head over it. Softmax is the loss's and the export's.

    In training, one of several members may return the logits of each, with a first axis more; the loss is their mean.

    Attributes:
        head: the linear layer; a network with a `__call__` of its own needs none.
    """

    head: nnx.Linear

    @abc.abstractmethod
    def embed(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch width"]:
        """The penultimate layer."""

    def __call__(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "*members batch classes"]:
        """The logits."""
        return self.head(self.embed(features))


class ConvNorm(nnx.Module):
    """Convolution over frames, BatchNorm.

    The convolution has no bias: BatchNorm would cancel it, and its gradient is rounding noise that Adam makes steps of.
    """

    def __init__(self, inputs: int, filters: int, size: int, *, rngs: nnx.Rngs) -> None:
        self.kernel = nnx.Param(nnx.initializers.lecun_normal()(rngs.params(), (size, inputs, filters)))
        self.norm = batch_norm(filters, rngs=rngs)

    def __call__(self, x: Float[Array, "batch frames inputs"]) -> Float[Array, "batch some filters"]:
        return self.norm(conv1d(x, self.kernel[...]))


class ConvBlock(ConvNorm):
    """Convolution over frames, BatchNorm, ReLU, max pooling by 2."""

    def __call__(self, x: Float[Array, "batch frames inputs"]) -> Float[Array, "batch half filters"]:
        return max_pool1d(nnx.relu(super().__call__(x)))


class DepthwiseNorm(nnx.Module):
    """Convolution over frames of each channel by itself, BatchNorm."""

    def __init__(self, channels: int, size: int, *, rngs: nnx.Rngs) -> None:
        # what goes into a filter is one channel's, so that the channels are the batch of kernels
        init = nnx.initializers.variance_scaling(
            1.0, "fan_in", "truncated_normal", in_axis=0, out_axis=(), batch_axis=1
        )
        self.kernel = nnx.Param(init(rngs.params(), (size, channels)))
        self.norm = batch_norm(channels, rngs=rngs)

    def __call__(self, x: Float[Array, "batch frames channels"]) -> Float[Array, "batch frames channels"]:
        return self.norm(depthwise1d(x, self.kernel[...]))


def batch_norm(channels: int, *, rngs: nnx.Rngs) -> BatchNorm:
    """BatchNorm whose averages follow within some ten steps, since an epoch of these corpora has only a few dozen."""
    return BatchNorm(channels, momentum=0.9, epsilon=1e-3, rngs=rngs)


class LSTM(nnx.Module):
    """Long short-term memory over frames (Hochreiter & Schmidhuber 1997), gates in the order i, f, g, o as in Keras.

    The input's part of all gates is one matmul over all frames, so that the scan has the recurrent one only.
    The forget gate's bias starts at 1 (Jozefowicz et al. 2015).

    Attributes:
        fused: it is one operator, `FUSED_LSTM`, which the export puts TensorFlow Lite's own LSTM in place of. Set by
            `nnx.view(network, fused=True)`; such a network can be traced, but not run.
    """

    def __init__(self, inputs: int, units: int, *, rngs: nnx.Rngs) -> None:
        self.units = units
        self.fused = False
        self.kernel = nnx.Param(nnx.initializers.glorot_uniform()(rngs.params(), (inputs, 4 * units)))
        self.recurrent = nnx.Param(nnx.initializers.orthogonal()(rngs.params(), (units, 4 * units)))
        self.bias = nnx.Param(jnp.zeros(4 * units).at[units : 2 * units].set(1.0))

    def set_view(self, fused: bool | None = None) -> None:
        """What `nnx.view` calls."""
        if fused is not None:
            self.fused = fused

    def __call__(self, x: Float[Array, "batch frames inputs"]) -> Float[Array, "batch frames units"]:
        if self.fused:
            return _fused_lstm(x, self.kernel[...], self.recurrent[...], self.bias[...])
        projected = jnp.swapaxes(x, 0, 1) @ self.kernel[...] + self.bias[...]
        return jnp.swapaxes(recurred(projected, self.recurrent[...]), 0, 1)


def _fused_lstm(x: Array, kernel: Array, recurrent: Array, bias: Array) -> Array:
    outputs = jax.ShapeDtypeStruct((*x.shape[:2], len(recurrent)), x.dtype)  # type: ignore[no-untyped-call]
    # version 1 of custom calls is the one that the converter knows
    operator: Callable[..., Array] = jax.ffi.ffi_call(
        FUSED_LSTM, outputs, custom_call_api_version=1, legacy_backend_config=""
    )
    return operator(x, kernel, recurrent, bias)


class ConvStack(nnx.Module):
    """1-D `ConvBlock`s, each of which halves the frames."""

    def __init__(self, channels: int, filters: Sequence[int], kernels: Sequence[int], *, rngs: nnx.Rngs) -> None:
        widths = pairwise((channels, *filters))
        self.blocks = nnx.List([ConvBlock(a, b, k, rngs=rngs) for (a, b), k in zip(widths, kernels, strict=True)])

    def __call__(self, x: Float[Array, "batch frames channels"]) -> Float[Array, "batch fewer filters"]:
        for block in self.blocks:
            x = block(x)
        return x


def check_stack(filters: Sequence[int], kernels: Sequence[int], dropout: float) -> None:
    """Raise `ValueError` where the fields of a convolutional model do not fit together."""
    if not filters or len(filters) != len(kernels):
        raise ValueError(f"filters and kernels need one entry per convolution, got {filters} and {kernels}")
    if min(*filters, *kernels) < 1:
        raise ValueError(f"filters and kernels must be at least 1, got {filters} and {kernels}")
    check_dropout(dropout)


def check_dropout(dropout: float) -> None:
    """Raise `ValueError` for what is no share of units to drop."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and under 1, got {dropout}")


def halved(size: int, times: int, what: str) -> int:
    """`size` after `times` poolings by 2; raises `ValueError` where nothing is left of it."""
    left = size >> times
    if left < 1:
        raise ValueError(f"{size} {what} are too few for {times} poolings by 2; expected at least {1 << times}")
    return left
