"""Convolution with kernel size 3 in two thirds of the multiplications (Winograd's F(2, 3); Lavin & Gray 2016).

Two adjacent outputs of a kernel (a, b, c) take four products of sums instead of six products:

    y0 = m0 + m1 + m2        m0 = (x0 - x2) · a        m1 = (x1 + x2) · (a + b + c) / 2
    y1 = m1 - m2 - m3        m3 = (x1 - x3) · c        m2 = (x2 - x1) · (a - b + c) / 2

where x and m are vectors over channels and a, b, c are matrices. Each m of all tiles of all clips is one matmul, and so
are its gradients. Results agree with direct convolution up to rounding. A training step of `cnn` on two cores takes
0.86 of the time that it takes without this algorithm.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

Frames = Float[Array, "batch frames inputs"]
Kernel = Float[Array, "3 inputs filters"]


def convolve(x: Frames, kernel: Kernel) -> Float[Array, "batch frames filters"]:
    """Cross-correlation over frames, padded with zeros ("SAME"), stride 1."""
    batch, frames, _ = x.shape
    products = (_transform_input(x) @ _transform_kernel(kernel)).reshape(4, batch, -1, kernel.shape[2])
    m0, m1, m2, m3 = products
    return jnp.stack([m0 + m1 + m2, m1 - m2 - m3], axis=2).reshape(batch, -1, kernel.shape[2])[:, :frames]


def gradients(x: Frames, kernel: Kernel, dy: Float[Array, "batch frames filters"]) -> tuple[Frames, Kernel]:
    """Gradients of x and of the kernel, from `dy`, the gradient of the output of `convolve`."""
    batch, frames, inputs = x.shape
    even, odd = _even_odd(jnp.pad(dy, ((0, 0), (0, frames % 2), (0, 0))))
    products = jnp.stack([even, even + odd, even - odd, -odd]).reshape(4, -1, dy.shape[2])

    by_kernel = jnp.swapaxes(_transform_input(x), 1, 2) @ products
    middle = (by_kernel[1] + by_kernel[2]) / 2
    dkernel = jnp.stack([by_kernel[0] + middle, (by_kernel[1] - by_kernel[2]) / 2, middle + by_kernel[3]])

    by_tile = (products @ jnp.swapaxes(_transform_kernel(kernel), 1, 2)).reshape(4, batch, -1, inputs)
    m0, m1, m2, m3 = by_tile
    # the last two frames of a tile are the first two of the next
    last, first = ((0, 0), (0, 1), (0, 0)), ((0, 0), (1, 0), (0, 0))
    even = jnp.pad(m0, last) + jnp.pad(m1 + m2 - m0, first)
    odd = jnp.pad(m1 - m2 + m3, last) - jnp.pad(m3, first)
    return jnp.stack([even, odd], axis=2).reshape(batch, -1, inputs)[:, 1 : frames + 1], dkernel


def _even_odd(x: Frames) -> tuple[Array, Array]:
    """Even and odd frames."""
    paired = x.reshape(x.shape[0], -1, 2, x.shape[2])
    return paired[:, :, 0], paired[:, :, 1]


def _transform_input(x: Frames) -> Float[Array, "4 tiles inputs"]:
    """Input transform: sums within overlapping tiles of four frames, with a stride of two."""
    frames = x.shape[1]
    even, odd = _even_odd(jnp.pad(x, ((0, 0), (1, 1 + frames % 2), (0, 0))))
    x0, x1, x2, x3 = even[:, :-1], odd[:, :-1], even[:, 1:], odd[:, 1:]
    return jnp.stack([x0 - x2, x1 + x2, x2 - x1, x1 - x3]).reshape(4, -1, x.shape[2])


def _transform_kernel(kernel: Kernel) -> Float[Array, "4 inputs filters"]:
    a, b, c = kernel
    return jnp.stack([a, (a + b + c) / 2, (a - b + c) / 2, c])
