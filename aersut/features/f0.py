"""Fundamental frequency and voicing."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut import matrices
from aersut.contracts import Feature, Framing
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@FEATURES.register("f0")
@dataclass(frozen=True)
class F0(Feature):
    """Fundamental frequency in Hz by YIN (de Cheveigné & Kawahara 2002), and voicing, 0 to 1.

    The first channel is `librosa.yin` with these fields: 98 % of the frames of speech agree to 0.01 Hz. In the others,
    two minima of the difference function are nearly equal, and rounding selects one. The value is arbitrary in unvoiced
    frames. The second channel is 1 minus the difference function at the chosen period: near 1 in periodic frames, 0 in
    silence.

    Attributes:
        fmin, fmax: search range in Hz; a frame must be longer than one period of fmin.
        threshold: YIN takes the smallest period with a minimum below it, or else the global minimum; 0 to 1.
    """

    fmin: float = 65.0
    fmax: float = 500.0
    threshold: float = 0.1
    channels = 2

    def __post_init__(self) -> None:
        if not 0 < self.fmin < self.fmax:
            raise ValueError(f"fmin must be above 0 and fmax above fmin, got {self.fmin} and {self.fmax}")
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold must be between 0 and 1, got {self.threshold}")

    def check(self, framing: Framing) -> None:
        matrices.check_nyquist(self.fmin, self.fmax, framing.sample_rate)
        if np.ceil(framing.sample_rate / self.fmin) > framing.frame_length - 1:
            raise ValueError(
                f"a frame of {framing.frame_length} samples is shorter than a period of fmin, {self.fmin} Hz at "
                f"{framing.sample_rate} Hz; raise fmin or lengthen the frames"
            )

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        shortest = int(np.floor(signal.framing.sample_rate / self.fmax))
        longest = int(np.ceil(signal.framing.sample_rate / self.fmin))
        frames = signal.frames()
        differences = _differences(frames, longest)[:, shortest - 1 :]
        index = _first_dip(differences, self.threshold)[:, None]
        period = shortest + index + jnp.take_along_axis(_parabolic_shifts(differences), index, axis=1)
        sound = jnp.max(jnp.abs(frames), axis=1, keepdims=True) > 0
        voicing = jnp.clip(1 - jnp.take_along_axis(differences, index, axis=1), 0, 1)
        return jnp.concatenate([signal.framing.sample_rate / period, jnp.where(sound, voicing, 0.0)], axis=1)


def _differences(frames: Float[Array, "frames length"], longest: int) -> Float[Array, "frames longest"]:
    """Cumulative mean normalized difference function (equation 8) at lags 1 to `longest`."""
    import scipy.fft  # deferred: it takes longer to import than all augmenters and features

    # zero padding: the lags up to `longest` equal those of the linear, not the circular, autocorrelation
    size = scipy.fft.next_fast_len(frames.shape[1] + longest, real=True)
    spectrum = jnp.fft.rfft(frames, size)
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    correlation = jnp.fft.irfft(power, size)[:, : longest + 1]
    energy = jnp.cumsum(jnp.square(frames[:, :longest]), axis=1)
    difference = 2 * (correlation[:, :1] - correlation[:, 1:]) - energy
    mean = jnp.cumsum(difference, axis=1) / jnp.arange(1, longest + 1)
    return difference / jnp.where(mean == 0, 1.0, mean)


def _first_dip(differences: Float[Array, "frames lags"], threshold: float) -> Array:
    """Index of the first local minimum below the threshold, or else of the global minimum."""
    inner = differences[:, 1:-1]
    dips = jnp.concatenate(
        [
            differences[:, :1] < differences[:, 1:2],
            (inner < differences[:, :-2]) & (inner <= differences[:, 2:]),
            differences[:, -1:] < differences[:, -2:-1],
        ],
        axis=1,
    )
    below = dips & (differences < threshold)
    return jnp.where(jnp.any(below, axis=1), jnp.argmax(below, axis=1), jnp.argmin(differences, axis=1))


def _parabolic_shifts(differences: Float[Array, "frames lags"]) -> Float[Array, "frames lags"]:
    """Offset from each lag to the vertex of the parabola through it and its neighbours; 0 if it is beyond them."""
    before, here, after = differences[:, :-2], differences[:, 1:-1], differences[:, 2:]
    bend, slope = after + before - 2 * here, (after - before) / 2
    within = jnp.abs(slope) < jnp.abs(bend)
    return jnp.pad(jnp.where(within, -slope / jnp.where(within, bend, 1.0), 0.0), ((0, 0), (1, 1)))
