"""The discrete Fourier transform as small matrix products, for interpreters without an operator of that length.

TensorFlow Lite Micro has no Fourier transform; LiteRT has RFFT2D for powers of two.
"""

import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut import matrices
from aersut.features.signal import Signal


class MatrixDFTSignal(Signal):
    """A signal whose power spectrum, and every feature computed from it, needs no Fourier transform operator.

    Two stages of Cooley & Tukey's (1965) algorithm, each a product with a small matrix, with a multiplication by roots
    of unity (twiddle factors) between them.
    """

    bands_at_once = 8  # fewer would store fewer zeros, in more operators

    def power(self, pre_emphasis: float = 0.0) -> Float[Array, "frames bins"]:
        return self._once(("power", pre_emphasis), lambda: self._power(self.frames(pre_emphasis)))

    def _power(self, frames: Float[Array, "frames frame_length"]) -> Float[Array, "frames bins"]:
        count, length = frames.shape
        rows, columns = factors(length)
        first, turn, second = stages(rows, columns)
        windowed = frames * jnp.asarray(matrices.hann(length))
        inner = _swapped(windowed.reshape(count, rows, columns)) @ first  # cosines | sines
        cosines, sines = inner[..., :rows], inner[..., rows:]
        real, imaginary = cosines * turn[0] - sines * turn[1], -sines * turn[0] - cosines * turn[1]
        outer = jnp.concatenate([_swapped(real), _swapped(imaginary)], axis=1) @ second
        cosines, sines = outer[..., : outer.shape[2] // 2], outer[..., outer.shape[2] // 2 :]
        real = cosines[:, :rows] + sines[:, rows:]
        imaginary = cosines[:, rows:] - sines[:, :rows]
        power = _swapped(jnp.square(real) + jnp.square(imaginary))  # bin = column · rows + row
        return power.reshape(count, -1)[:, : length // 2 + 1]


def _swapped(x: Array) -> Array:
    return jnp.swapaxes(x, 1, 2)


@functools.cache
def factors(length: int) -> tuple[int, int]:
    """The two factors of a frame length whose stages have the smallest matrices."""
    pairs = [(rows, length // rows) for rows in range(1, length + 1) if length % rows == 0]
    return min(pairs, key=lambda pair: sum(matrix.size for matrix in stages(*pair)))


def stages(
    rows: int, columns: int
) -> tuple[
    Float[np.ndarray, "rows two_rows"], Float[np.ndarray, "2 columns rows"], Float[np.ndarray, "columns two_kept"]
]:
    """The matrix of the first stage (cosines, sines), the twiddle factors, and the matrix of the second stage.

    The second stage keeps only the columns of bins up to half the sample rate.
    """

    def waves(period: int, times: int, waves: int) -> list[np.ndarray]:
        angles = 2 * np.pi / period * np.outer(np.arange(times), np.arange(waves))
        return [np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)]

    kept = rows * columns // 2 // rows + 1
    first = np.concatenate(waves(rows, rows, rows), axis=1)
    turn = np.stack(waves(rows * columns, columns, rows))
    second = np.concatenate(waves(columns, columns, kept), axis=1)
    return first, turn, second
