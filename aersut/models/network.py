"""The layers of all architectures. Each converts to built-in operators of TensorFlow Lite."""

import abc
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from aersut.models.convolution import conv1d, depthwise1d, max_pool1d
from aersut.models.normalization import BatchNorm
from aersut.models.recurrence import lstm_outputs

T = TypeVar("T", bound=nnx.Module)

FUSED_LSTM = "custom_call.aersut_lstm"
"""Name of the operator (x, kernel, recurrent, bias) → outputs; TensorFlow's converter keeps custom_call.* as it is."""


class Network(nnx.Module):
    """The network that `Model.build` returns: an embedding and a linear head. Loss and export apply the softmax.

    In training, an ensemble may return the logits of each member along an additional first axis; the loss is the mean
    over members.

    Attributes:
        head: the linear layer; a network that overrides `__call__` needs none.
    """

    head: nnx.Linear

    @abc.abstractmethod
    def embed(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch width"]:
        """Activations of the penultimate layer."""

    def __call__(self, features: Float[Array, "batch frames channels"]) -> Float[Array, "*members batch classes"]:
        """Logits."""
        return self.head(self.embed(features))


def evaluation_view(network: T) -> T:
    """The network in evaluation mode: no dropout, running averages in BatchNorm. Parameters are shared."""
    modes: Any = {"deterministic": True, "use_running_average": True}
    return nnx.view(network, raise_if_not_found=False, **modes)


class ConvNorm(nnx.Module):
    """Convolution over frames, BatchNorm.

    The convolution has no bias: BatchNorm would cancel it, and Adam would turn the rounding noise in its gradient into
    full steps.
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
    """Depthwise convolution over frames, BatchNorm."""

    def __init__(self, channels: int, size: int, *, rngs: nnx.Rngs) -> None:
        # the input of a filter is a single channel: for the fan-in, channels are a batch of kernels
        init = nnx.initializers.variance_scaling(
            1.0, "fan_in", "truncated_normal", in_axis=0, out_axis=(), batch_axis=1
        )
        self.kernel = nnx.Param(init(rngs.params(), (size, channels)))
        self.norm = batch_norm(channels, rngs=rngs)

    def __call__(self, x: Float[Array, "batch frames channels"]) -> Float[Array, "batch frames channels"]:
        return self.norm(depthwise1d(x, self.kernel[...]))


def batch_norm(channels: int, *, rngs: nnx.Rngs) -> BatchNorm:
    """BatchNorm whose running averages adapt within about ten steps: an epoch of an SER corpus has only a few dozen."""
    return BatchNorm(channels, momentum=0.9, epsilon=1e-3, rngs=rngs)


class LSTM(nnx.Module):
    """Long short-term memory over frames (Hochreiter & Schmidhuber 1997), gates in the order i, f, g, o as in Keras.

    The input projection of all gates is one matmul over all frames; the scan contains only the recurrent matmul.
    The bias of the forget gate is initialized to 1 (Jozefowicz et al. 2015).

    Attributes:
        fused: it is traced as one operator, `FUSED_LSTM`, which the export replaces by TensorFlow Lite's LSTM. Set by
            `nnx.view(network, fused=True)`; such a network can be traced but not run.
    """

    def __init__(self, inputs: int, units: int, *, rngs: nnx.Rngs) -> None:
        self.units = units
        self.fused = False
        self.kernel = nnx.Param(nnx.initializers.glorot_uniform()(rngs.params(), (inputs, 4 * units)))
        self.recurrent = nnx.Param(nnx.initializers.orthogonal()(rngs.params(), (units, 4 * units)))
        self.bias = nnx.Param(jnp.zeros(4 * units).at[units : 2 * units].set(1.0))

    def set_view(self, fused: bool | None = None) -> None:
        """Set the mode; called by `nnx.view`."""
        if fused is not None:
            self.fused = fused

    def __call__(self, x: Float[Array, "batch frames inputs"]) -> Float[Array, "batch frames units"]:
        if self.fused:
            outputs = jax.ShapeDtypeStruct((*x.shape[:2], self.units), x.dtype)  # type: ignore[no-untyped-call]
            # TensorFlow's converter supports version 1 of custom calls
            operator: Callable[..., Array] = jax.ffi.ffi_call(
                FUSED_LSTM, outputs, custom_call_api_version=1, legacy_backend_config=""
            )
            return operator(x, self.kernel[...], self.recurrent[...], self.bias[...])
        projected = jnp.swapaxes(x, 0, 1) @ self.kernel[...] + self.bias[...]
        return jnp.swapaxes(lstm_outputs(projected, self.recurrent[...]), 0, 1)


class ConvStack(nnx.Module):
    """A stack of `ConvBlock`s."""

    def __init__(self, channels: int, filters: Sequence[int], kernels: Sequence[int], *, rngs: nnx.Rngs) -> None:
        widths = pairwise((channels, *filters))
        self.blocks = nnx.List([ConvBlock(a, b, k, rngs=rngs) for (a, b), k in zip(widths, kernels, strict=True)])

    def __call__(self, x: Float[Array, "batch frames channels"]) -> Float[Array, "batch fewer filters"]:
        for block in self.blocks:
            x = block(x)
        return x


def check_stack(filters: Sequence[int], kernels: Sequence[int], dropout: float) -> None:
    """Raise `ValueError` if the fields of a convolutional model are not consistent."""
    check_filters(filters)
    if len(filters) != len(kernels):
        raise ValueError(f"filters and kernels need one entry per convolution, got {filters} and {kernels}")
    if min(kernels) < 1:
        raise ValueError(f"kernels must be at least 1, got {kernels}")
    check_dropout(dropout)


def check_filters(filters: Sequence[int]) -> None:
    """Raise `ValueError` if the filters of convolutions are none or below 1."""
    if not filters or min(filters) < 1:
        raise ValueError(f"filters need one number per convolution, at least 1, got {filters}")


def check_dropout(dropout: float) -> None:
    """Raise `ValueError` if `dropout` is not a dropout rate."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be from 0 to below 1, got {dropout}")


def pooled_size(size: int, poolings: int, axis: str) -> int:
    """The size of an axis after a number of poolings by 2; raises `ValueError` if it is 0.

    >>> pooled_size(13, 2, "frames")
    3
    """
    if not size >> poolings:
        raise ValueError(f"{size} {axis} are too few for {poolings} poolings by 2; expected at least {1 << poolings}")
    return size >> poolings
