"""One frame of a stream as a signal, from which the streaming frontend computes its features."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.contracts import Framing
from aersut.export.matrix_dft import MatrixDFTSignal
from aersut.features.signal import Signal, Step


class FrameSignal(Signal):
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


class MatrixFrameSignal(FrameSignal, MatrixDFTSignal):
    """A frame for TensorFlow Lite Micro, which has no Fourier transform."""
