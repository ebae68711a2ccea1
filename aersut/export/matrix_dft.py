"""The discrete Fourier transform as small matrix products, for interpreters without an operator of that length.

TensorFlow Lite Micro has no Fourier transform; LiteRT has RFFT2D for powers of two.
"""

import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut import matrices
from aersut.contracts import Framing
from aersut.features.signal import Signal, Step

BANDS = 8  # mel bands per matrix product: with fewer bands, fewer zeros are stored and more operators are needed


class MatrixDFTSignal(Signal):
    """A signal whose power spectrum, and every feature computed from it, needs no Fourier transform operator.

    Two stages of Cooley & Tukey's (1965) algorithm, each a product with a small matrix, with a multiplication by roots
    of unity (twiddle factors) between them.
    """

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

    def mel(
        self, n_mels: int, fmin: float = 0.0, fmax: float | None = None, pre_emphasis: float = 0.0, htk: bool = False
    ) -> Float[Array, "frames n_mels"]:
        def compute() -> Array:
            filters = matrices.mel_filters(self.framing.sample_rate, self.framing.frame_length, n_mels, fmin, fmax, htk)
            power = self.power(pre_emphasis)
            groups = [filters[first : first + BANDS] for first in range(0, n_mels, BANDS)]
            return jnp.concatenate([power[:, _used(group)] @ group[:, _used(group)].T for group in groups], axis=1)

        return self._once(("mel", n_mels, fmin, fmax, pre_emphasis, htk), compute)


class FrameSignal(MatrixDFTSignal):
    """One frame of a stream, with the sample before it.

    A feature that describes each frame by itself, or with a state, has the same values for it as for the same frame of
    a window.

    Attributes:
        samples: f32[frame_length] in [-1, 1].
        before: f32[1], the sample before the first; only pre-emphasis reads it.
        carried: the next states of the recursive features that were computed so far, in their order.
    """

    def __init__(
        self,
        samples: Float[Array, " one_and_frame_length"],
        framing: Framing,
        state: Float[Array, " size"] | None = None,
    ) -> None:
        length = framing.frame_length
        super().__init__(samples[1:], Framing(framing.sample_rate, length / framing.sample_rate, length, length, False))
        self.hop_seconds = framing.hop_length / framing.sample_rate
        self.before = samples[:1]
        self.carried: list[Array] = []
        self._state = state

    def recursion(self, step: Step, size: int, rows: Float[Array, "1 channels"]) -> Float[Array, "1 outputs"]:
        begin = sum(map(len, self.carried))
        before = jnp.zeros(size) if self._state is None else self._state[begin : begin + size]
        after, output = step(before, rows[0])
        self.carried.append(after)
        return output[None]

    @property
    def next_state(self) -> Float[Array, " size"]:
        """The state after this frame, of all recursive features that were computed."""
        return jnp.concatenate(self.carried) if self.carried else jnp.zeros(0)

    def emphasized(self, pre_emphasis: float = 0.0) -> Float[Array | np.ndarray, " samples"]:
        if not pre_emphasis:
            return self.samples
        return self.samples - pre_emphasis * jnp.concatenate([self.before, self.samples[:-1]])


def _swapped(x: Array) -> Array:
    return jnp.swapaxes(x, 1, 2)


def _used(filters: Float[np.ndarray, "bands bins"]) -> slice:
    """The range of bins in which a few adjacent bands are not zero."""
    used = np.flatnonzero(filters.any(axis=0))
    return slice(used[0], used[-1] + 1) if len(used) else slice(0, 1)


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
