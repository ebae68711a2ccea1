"""Convolution over frames and pooling, with the gradients that are fast on a CPU.

Called plainly, all are XLA's own operators, which become one built-in operator of TensorFlow Lite each. Under
differentiation they are matmuls over, or sums of, shifted frames, and maxima of strided slices, with which a training
step of `cnn` on two cores takes 0.7 of its time with XLA's own gradients. Results agree to rounding.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.models import winograd


@jax.custom_vjp
def conv1d(
    x: Float[Array, "batch frames inputs"], kernel: Float[Array, "size inputs filters"]
) -> Float[Array, "batch frames filters"]:
    """Cross-correlation over frames, padded with zeros so that their number stays ("SAME"), stride 1."""
    return jax.lax.conv_general_dilated(x, kernel, (1,), "SAME", dimension_numbers=("NHC", "HIO", "NHC"))


def _columns(x: Array, size: int, before: int) -> Array:
    """f32[batch · frames, size · inputs]: each frame beside its neighbours, the first of them `before` frames back."""
    _, frames, inputs = x.shape
    padded = jnp.pad(x, ((0, 0), (before, size - 1 - before), (0, 0)))
    return jnp.concatenate([padded[:, i : i + frames] for i in range(size)], axis=2).reshape(-1, size * inputs)


def _conv1d_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    size, inputs, filters = kernel.shape
    if size == 3:
        return winograd.convolved(x, kernel), (x, kernel)
    y = _columns(x, size, (size - 1) // 2) @ kernel.reshape(size * inputs, filters)
    return y.reshape(*x.shape[:2], filters), (x, kernel)


def _conv1d_backward(saved: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
    x, kernel = saved
    size, inputs, filters = kernel.shape
    if size == 3:
        return winograd.gradients(x, kernel, dy)
    dkernel = _columns(x, size, (size - 1) // 2).T @ dy.reshape(-1, filters)
    # the input's gradient is the convolution of dy with the kernel turned round, so an even one leans the other way
    flipped = jnp.swapaxes(kernel[::-1], 1, 2).reshape(size * filters, inputs)
    return (_columns(dy, size, size // 2) @ flipped).reshape(x.shape), dkernel.reshape(kernel.shape)


conv1d.defvjp(_conv1d_forward, _conv1d_backward)


@jax.custom_vjp
def depthwise1d(
    x: Float[Array, "batch frames channels"], kernel: Float[Array, "size channels"]
) -> Float[Array, "batch frames channels"]:
    """Cross-correlation of each channel by itself over frames, padded with zeros ("SAME"), stride 1.

    Convolved as an image of width 1, which TensorFlow Lite has a depthwise operator for.
    """
    kernels = kernel[:, None, None, :]
    dimensions = ("NHWC", "HWIO", "NHWC")
    channels = x.shape[2]
    y = jax.lax.conv_general_dilated(
        x[:, :, None, :], kernels, (1, 1), "SAME", dimension_numbers=dimensions, feature_group_count=channels
    )
    return y.squeeze(2)


def _shifted(x: Array, size: int, before: int) -> list[Array]:
    """`size` arrays like x, moved against each other by a frame; the first of them `before` frames back."""
    padded = jnp.pad(x, ((0, 0), (before, size - 1 - before), (0, 0)))
    return [padded[:, i : i + x.shape[1]] for i in range(size)]


def _depthwise1d_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    size = len(kernel)
    shifted = _shifted(x, size, (size - 1) // 2)
    return sum((part * row for part, row in zip(shifted, kernel, strict=True)), jnp.zeros_like(x)), (x, kernel)


def _depthwise1d_backward(saved: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
    x, kernel = saved
    size = len(kernel)
    shifted = _shifted(dy, size, size // 2)
    dx = sum((part * row for part, row in zip(shifted, kernel[::-1], strict=True)), jnp.zeros_like(x))
    dkernel = [jnp.sum(part * dy, axis=(0, 1)) for part in _shifted(x, size, (size - 1) // 2)]
    return dx, jnp.stack(dkernel)


depthwise1d.defvjp(_depthwise1d_forward, _depthwise1d_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv_bands(
    x: Float[Array, "batch frames bands"], kernel: Float[Array, "frames_size bands_size filters"], stride: int
) -> Float[Array, "batch frames fewer_bands filters"]:
    """Cross-correlation over frames and bands, padded with zeros ("SAME"), of which every `stride`-th band is kept."""
    return _lax_bands(x, kernel, stride)


def _lax_bands(x: Array, kernel: Array, stride: int) -> Array:
    dimensions = ("NHWC", "HWIO", "NHWC")
    kernels = kernel[:, :, None, :]
    return jax.lax.conv_general_dilated(x[..., None], kernels, (1, stride), "SAME", dimension_numbers=dimensions)


def _over_bands(kernel: Array, bands: int, stride: int) -> Array:
    """f32[size · bands, fewer bands · filters]: what `conv_bands` does to some frames side by side, as one matrix.

    Most of its entries are zeros, and still a product with it takes half the time of the convolution.
    """
    size, over, filters = kernel.shape
    kept, before = _kept(bands, over, stride)
    offset = np.arange(bands)[:, None] + before - stride * np.arange(kept)
    place = jnp.asarray(offset[..., None] == np.arange(over), kernel.dtype)
    return jnp.einsum("bko,sof->sbkf", place, kernel).reshape(size * bands, kept * filters)


def _kept(bands: int, over: int, stride: int) -> tuple[int, int]:
    """How many bands are kept, and how many zeros lie before the first."""
    ((before, _),) = jax.lax.padtype_to_pads((bands,), (over,), (stride,), "SAME")
    return -(-bands // stride), before


def _shifted_bands(x: Array, size: int, over: int, stride: int) -> Array:
    """f32[size · over, batch · frames · fewer bands]: the cells that each entry of a kernel meets, an entry a row."""
    _, frames, bands = x.shape
    kept, before = _kept(bands, over, stride)
    groups = kept + (over - 1) // stride
    after = max(0, stride * groups - before - bands)
    padded = jnp.pad(x, ((0, 0), ((size - 1) // 2, size // 2), (before, after)))[:, :, : stride * groups]
    # bands that are a stride apart side by side, so that each row is made of long pieces
    apart = jnp.moveaxis(padded.reshape(*padded.shape[:2], groups, stride), 3, 0)
    rows = [
        apart[j % stride, :, i : i + frames, j // stride : j // stride + kept] for i in range(size) for j in range(over)
    ]
    return jnp.stack(rows).reshape(size * over, -1)


def _bands_forward(x: Array, kernel: Array, stride: int) -> tuple[Array, tuple[Array, Array]]:
    size, _, filters = kernel.shape
    y = _columns(x, size, (size - 1) // 2) @ _over_bands(kernel, x.shape[2], stride)
    return y.reshape(*x.shape[:2], -1, filters), (x, kernel)


def _bands_backward(stride: int, saved: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
    x, kernel = saved
    size, over, _ = kernel.shape
    dkernel = _shifted_bands(x, size, over, stride) @ dy.reshape(-1, dy.shape[3])
    # of a first layer nobody asks the input's gradient, and then XLA leaves this out
    (dx,) = jax.vjp(lambda x: _lax_bands(x, kernel, stride), x)[1](dy)
    return dx, dkernel.reshape(kernel.shape)


conv_bands.defvjp(_bands_forward, _bands_backward)


@jax.custom_vjp
def max_pool1d(x: Float[Array, "batch frames channels"]) -> Float[Array, "batch half channels"]:
    """The larger of each two frames; a last odd frame is dropped.

    Pooled as an image of width 1, which TensorFlow Lite has an operator for; over one axis it has none.
    """
    window = (1, 2, 1, 1)
    return jax.lax.reduce_window(x[:, :, None, :], -jnp.inf, jax.lax.max, window, window, "VALID").squeeze(2)


def _pool_forward(x: Array) -> tuple[Array, tuple[Array, Array]]:
    even = 2 * (x.shape[1] // 2)
    first, second = x[:, 0:even:2], x[:, 1:even:2]
    return jnp.maximum(first, second), (first >= second, x[:, even:])


def _pool_backward(saved: tuple[Array, Array], dy: Array) -> tuple[Array]:
    is_first, dropped = saved
    pairs = jnp.stack([jnp.where(is_first, dy, 0), jnp.where(is_first, 0, dy)], axis=2)
    dx = pairs.reshape(dy.shape[0], -1, dy.shape[2])
    return (jnp.concatenate([dx, jnp.zeros_like(dropped)], axis=1),)


max_pool1d.defvjp(_pool_forward, _pool_backward)
