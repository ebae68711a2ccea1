"""RASTA filter."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.features.signal import Signal
from aersut.features.wrapper import Wrapper
from aersut.registry import FEATURES


@FEATURES.register("rasta")
@dataclass(frozen=True)
class Rasta(Wrapper):
    """RASTA filter (Hermansky & Morgan 1994): a band-pass filter over the frames of each channel.

    It removes constant offsets, the gain and the frequency response in a spectrogram in dB, and smooths fast changes:
    H(z) = 0.1 (2 + z^-1 - z^-3 - 2 z^-4) / (1 - pole · z^-1). The first frame counts as the past before it. It streams.

    `scipy.signal.lfilter([0.2, 0.1, 0, -0.1, -0.2], [1, -pole], x)` of x minus its first frame, to 1e-4.

    Attributes:
        of: a spectrogram in dB, or cepstral coefficients.
        pole: of the filter, 0 to below 1. 0.94 and 0.98 are common for frames every 10 ms.
    """

    pole: float = 0.94

    def __post_init__(self) -> None:
        if not 0 <= self.pole < 1:
            raise ValueError(f"pole must be 0 or more and below 1, got {self.pole}")

    @property
    def recursive(self) -> bool:
        return True

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        width = self.channels

        def step(state: Array, row: Array) -> tuple[Array, Array]:
            started, output = state[:1], state[1 : 1 + width]
            past = [state[begin : begin + width] for begin in range(1 + width, 1 + 5 * width, width)]
            past = [row + started * (one - row) for one in past]  # the latest first
            output = self.pole * output + 0.2 * (row - past[3]) + 0.1 * (past[0] - past[2])
            return jnp.concatenate([jnp.ones(1), output, row, *past[:3]]), output

        return signal.recursion(step, 1 + 5 * width, signal.feature(self.of))
