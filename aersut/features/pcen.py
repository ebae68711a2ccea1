"""Per-channel energy normalization."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.features.signal import Signal
from aersut.features.wrapper import Wrapper
from aersut.registry import FEATURES

FULL_SCALE = 2.0**31
"""Factor that converts samples in [-1, 1] to the range of 32-bit integers, for which librosa's defaults are meant."""


@FEATURES.register("pcen")
@dataclass(frozen=True)
class PCEN(Wrapper):
    """Per-channel energy normalization (PCEN; Wang et al. 2017, Lostanlen et al. 2019) of a spectrogram in dB.

    Each band is divided by its own running mean (an automatic gain control), then its dynamic range is compressed:
    (E / (eps + M)^gain + bias)^power - bias^power. M is the band's power E smoothed by a first-order filter, which
    starts at the first frame. Gain of the microphone cancels for `gain` near 1. It streams.

    `librosa.pcen(S * 2**31, zi=(1 - b) * S[:, :1] * 2**31)` with the same parameters, to 1e-4 of the largest value; b
    is librosa's coefficient of the filter.

    Attributes:
        of: a spectrogram in dB.
        gain: exponent of the gain control, 0 (off) to 1 (complete).
        bias: added before the compression, 0 or more.
        power: exponent of the compression, above 0; 0.5 is a square root.
        time_constant: of the smoothing filter in s.
        eps: added to the smoothed power, relative to samples in the range of 32-bit integers.
    """

    gain: float = 0.98
    bias: float = 2.0
    power: float = 0.5
    time_constant: float = 0.4
    eps: float = 1e-6

    def __post_init__(self) -> None:
        if not 0 <= self.gain <= 1:
            raise ValueError(f"gain must be between 0 and 1, got {self.gain}")
        if self.bias < 0:
            raise ValueError(f"bias must be 0 or more, got {self.bias}")
        for name in ("power", "time_constant", "eps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")

    @property
    def recursive(self) -> bool:
        return True

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        energy = FULL_SCALE * jnp.exp(np.log(10) / 10 * signal.feature(self.of))
        weight = smoothing_weight(self.time_constant, signal.hop_seconds)
        smooth = signal.recursion(lambda state, row: _smoothed(weight, state, row), 1 + self.channels, energy)
        # powers as exponentials of logarithms: TensorFlow Lite Micro has no operator for powers
        ratio = energy * jnp.exp(-self.gain * jnp.log(self.eps + smooth))
        return jnp.exp(self.power * jnp.log(ratio + self.bias)) - self.bias**self.power


def smoothing_weight(time_constant: float, hop_seconds: float) -> float:
    """Weight of a new frame in a first-order low-pass filter with this time constant in s, as `librosa.pcen`."""
    frames = time_constant / hop_seconds
    return float((np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2))


def _smoothed(weight: float, state: Array, row: Array) -> tuple[Array, Array]:
    started, mean = state[:1], state[1:]
    # the first frame has the weight 1; a comparison would be one more operator on a device
    mean = mean + (1 - started * (1 - weight)) * (row - mean)
    return jnp.concatenate([jnp.ones(1), mean]), mean
