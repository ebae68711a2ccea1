"""Convolution over frames and max pooling, with custom gradients that are fast on a CPU.

Without differentiation, each function is an XLA operator that converts to one built-in operator of TensorFlow Lite.
Under differentiation, the same function is computed in the way that is fastest on a CPU: Winograd's algorithm for
kernels of three frames, XLA's convolution for other kernels over frames, a matmul for convolutions over bands, sums of
shifted frames for depthwise convolutions, and strided maxima for pooling. Results agree up to rounding.
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
    """Cross-correlation over frames with stride 1, zero-padded to the same number of frames ("SAME")."""
    return _conv1d_xla(x, kernel)


def _conv1d_xla(x: Array, kernel: Array) -> Array:
    return jax.lax.conv_general_dilated(x, kernel, (1,), "SAME", dimension_numbers=("NHC", "HIO", "NHC"))


def _conv1d_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    y = winograd.convolve(x, kernel) if len(kernel) == 3 else _conv1d_xla(x, kernel)
    return y, (x, kernel)


def _conv1d_backward(saved: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
    x, kernel = saved
    if len(kernel) == 3:
        return winograd.gradients(x, kernel, dy)
    _, gradients = jax.vjp(_conv1d_xla, x, kernel)
    return gradients(dy)


conv1d.defvjp(_conv1d_forward, _conv1d_backward)


@jax.custom_vjp
def depthwise1d(
    x: Float[Array, "batch frames channels"], kernel: Float[Array, "size channels"]
) -> Float[Array, "batch frames channels"]:
    """Depthwise cross-correlation over frames with stride 1, zero-padded ("SAME").

    It is computed as an image of width 1, for which TensorFlow Lite has a depthwise operator.
    """
    kernels = kernel[:, None, None, :]
    dimensions = ("NHWC", "HWIO", "NHWC")
    channels = x.shape[2]
    y = jax.lax.conv_general_dilated(
        x[:, :, None, :], kernels, (1, 1), "SAME", dimension_numbers=dimensions, feature_group_count=channels
    )
    return y.squeeze(2)


def _shifted_frames(x: Array, size: int, before: int) -> list[Array]:
    """`size` copies of x, each a frame later than the one before; the first is delayed by `before` frames."""
    padded = jnp.pad(x, ((0, 0), (before, size - 1 - before), (0, 0)))
    return [padded[:, i : i + x.shape[1]] for i in range(size)]


def _depthwise1d_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    size = len(kernel)
    shifted = _shifted_frames(x, size, (size - 1) // 2)
    return sum((frames * row for frames, row in zip(shifted, kernel, strict=True)), jnp.zeros_like(x)), (x, kernel)


def _depthwise1d_backward(saved: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
    x, kernel = saved
    size = len(kernel)
    shifted = _shifted_frames(dy, size, size // 2)
    dx = sum((frames * row for frames, row in zip(shifted, kernel[::-1], strict=True)), jnp.zeros_like(x))
    dkernel = [jnp.sum(frames * dy, axis=(0, 1)) for frames in _shifted_frames(x, size, (size - 1) // 2)]
    return dx, jnp.stack(dkernel)


depthwise1d.defvjp(_depthwise1d_forward, _depthwise1d_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv_bands(
    x: Float[Array, "batch frames bands"], kernel: Float[Array, "frames_size bands_size filters"], stride: int
) -> Float[Array, "batch frames fewer_bands filters"]:
    """Cross-correlation over frames and bands, zero-padded ("SAME"), stride 1 over frames and `stride` over bands."""
    return _conv_bands_xla(x, kernel, stride)


def _conv_bands_xla(x: Array, kernel: Array, stride: int) -> Array:
    dimensions = ("NHWC", "HWIO", "NHWC")
    kernels = kernel[:, :, None, :]
    return jax.lax.conv_general_dilated(x[..., None], kernels, (1, stride), "SAME", dimension_numbers=dimensions)


def _output_bands(bands: int, over: int, stride: int) -> tuple[int, int]:
    """The number of output bands, and the zeros of padding before the first band."""
    ((before, _),) = jax.lax.padtype_to_pads((bands,), (over,), (stride,), "SAME")
    return -(-bands // stride), before


def _bands_forward(x: Array, kernel: Array, stride: int) -> tuple[Array, tuple[Array, Array]]:
    """`conv_bands` as one matmul: a row has the frames and bands that a group of adjacent output bands depends on.

    A group has about 32 columns. With fewer, matmuls are slow; with more, most entries of the matrix are zeros.
    """
    (size, over, filters), (batch, frames, bands) = kernel.shape, x.shape
    out, before = _output_bands(bands, over, stride)
    at_once = min(out, max(1, 32 // filters))
    groups, width = -(-out // at_once), stride * (at_once - 1) + over
    width += -width % 4  # rows of whole vectors
    after = max(0, stride * at_once * (groups - 1) + width - before - bands)
    padded = jnp.pad(x, ((0, 0), ((size - 1) // 2, size // 2), (before, after)))
    begins = range(0, stride * at_once * groups, stride * at_once)
    windows = jnp.stack([padded[:, :, begin : begin + width] for begin in begins], axis=2)
    rows = jnp.concatenate([windows[:, i : i + frames] for i in range(size)], axis=3).reshape(-1, size * width)
    offset = np.arange(width)[:, None] - stride * np.arange(at_once)
    position = jnp.asarray(offset[..., None] == np.arange(over), kernel.dtype)
    matrix = jnp.einsum("bko,sof->sbkf", position, kernel).reshape(size * width, at_once * filters)
    return (rows @ matrix).reshape(batch, frames, -1, filters)[:, :, :out], (x, kernel)


def _bands_backward(stride: int, saved: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
    x, kernel = saved
    _, gradient = jax.vjp(lambda kernel: _conv_bands_by_stride(x, kernel, stride), kernel)
    # the input's gradient of a first layer is not used, and XLA removes its computation
    (dx,) = jax.vjp(lambda x: _conv_bands_xla(x, kernel, stride), x)[1](dy)
    return dx, *gradient(dy)


def _conv_bands_by_stride(x: Array, kernel: Array, stride: int) -> Array:
    """`conv_bands` with the bands of a stride as channels, so that no stride is left: its gradient is faster."""
    (size, over, filters), (batch, frames, bands) = kernel.shape, x.shape
    out, before = _output_bands(bands, over, stride)
    blocks = -(-over // stride)
    after = stride * (out + blocks - 1) - before - bands
    padded = jnp.pad(x, ((0, 0), (0, 0), (before, max(0, after))))[:, :, : stride * (out + blocks - 1)]
    kernel = jnp.pad(kernel, ((0, 0), (0, stride * blocks - over), (0, 0)))
    return jax.lax.conv_general_dilated(
        padded.reshape(batch, frames, -1, stride),
        kernel.reshape(size, blocks, stride, filters),
        (1, 1),
        (((size - 1) // 2, size // 2), (0, 0)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


conv_bands.defvjp(_bands_forward, _bands_backward)


@jax.custom_vjp
def max_pool1d(x: Float[Array, "batch frames *channels"]) -> Float[Array, "batch half *channels"]:
    """Max pooling over frames by 2; an odd last frame is dropped.

    With one axis of channels, it is computed as an image of width 1, since TensorFlow Lite has no operator that pools
    one axis.
    """
    window = (1, 2, 1, 1)
    image = x[:, :, None, :] if x.ndim == 3 else x
    pooled = jax.lax.reduce_window(image, -jnp.inf, jax.lax.max, window, window, "VALID")
    return pooled.squeeze(2) if x.ndim == 3 else pooled


def _pool_forward(x: Array) -> tuple[Array, tuple[Array, Array]]:
    even = 2 * (x.shape[1] // 2)
    first, second = x[:, 0:even:2], x[:, 1:even:2]
    return jnp.maximum(first, second), (first >= second, x[:, even:])


def _pool_backward(saved: tuple[Array, Array], dy: Array) -> tuple[Array]:
    is_first, dropped = saved

    def spread(values: Array, before: int) -> Array:
        """The values in every second frame of the input's shape, `before` frames later; zeros elsewhere."""
        after = 1 - before + dropped.shape[1]
        others = ((0, 0, 0),) * (values.ndim - 2)
        return jax.lax.pad(values, jnp.zeros((), dy.dtype), ((0, 0, 0), (before, after, 1), *others))

    return (spread(jnp.where(is_first, dy, 0), 0) + spread(jnp.where(is_first, 0, dy), 1),)


max_pool1d.defvjp(_pool_forward, _pool_backward)
