"""The fundamental frequency of a voice, and how voiced it is."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import scipy.fft
from jaxtyping import Array, Float

from aersut.contracts import Feature, Framing
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@FEATURES.register("f0")
@dataclass(frozen=True)
class F0(Feature):
    """Fundamental frequency in Hz by YIN (de Cheveigné & Kawahara 2002), and a measure of voicing, 0 to 1.

    The first channel is `librosa.yin` with these fields: on speech 98 % of frames agree to 0.01 Hz. In the others two
    dips of the difference function are nearly equal, and rounding decides. It is a guess in unvoiced frames; the second
    channel says so: 1 less the difference function at the period chosen, near 1 for a periodic frame, 0 in silence.

    Attributes:
        fmin, fmax: the range of the search in Hz; a frame must hold more than one period of fmin.
        threshold: the smallest period whose difference function dips below it is taken, or else the deepest dip.
    """

    fmin: float = 65.0
    fmax: float = 500.0
    threshold: float = 0.1
    channels = 2

    def __post_init__(self) -> None:
        if not 0 < self.fmin < self.fmax:
            raise ValueError(f"fmin and fmax must rise from above 0, got {self.fmin} and {self.fmax}")
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold must be between 0 and 1, got {self.threshold}")

    def check(self, framing: Framing) -> None:
        if self.fmax > framing.sample_rate / 2:
            raise ValueError(
                f"fmax {self.fmax} lies above the Nyquist frequency, {framing.sample_rate / 2:g} Hz at "
                f"{framing.sample_rate} Hz"
            )
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
        place = _first_dip(differences, self.threshold)[:, None]
        period = shortest + place + jnp.take_along_axis(_parabolic_shifts(differences), place, axis=1)
        sound = jnp.max(jnp.abs(frames), axis=1, keepdims=True) > 0
        voicing = jnp.clip(1 - jnp.take_along_axis(differences, place, axis=1), 0, 1)
        return jnp.concatenate([signal.framing.sample_rate / period, jnp.where(sound, voicing, 0.0)], axis=1)


def _differences(frames: Float[Array, "frames length"], longest: int) -> Float[Array, "frames longest"]:
    """The cumulative mean normalized difference function (equation 8) at lags 1 to `longest`."""
    # padded so far that the lags needed are those of the linear autocorrelation, not of the circular one
    size = scipy.fft.next_fast_len(frames.shape[1] + longest, real=True)
    spectrum = jnp.fft.rfft(frames, size)
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    correlation = jnp.fft.irfft(power, size)[:, : longest + 1]
    energy = jnp.cumsum(jnp.square(frames[:, :longest]), axis=1)
    difference = 2 * (correlation[:, :1] - correlation[:, 1:]) - energy
    mean = jnp.cumsum(difference, axis=1) / jnp.arange(1, longest + 1)
    return difference / jnp.where(mean == 0, 1.0, mean)


def _first_dip(differences: Float[Array, "frames lags"], threshold: float) -> Array:
    """Where the first local minimum below the threshold is, or the lowest value where there is none."""
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
    """How far beside each lag the parabola through it and its neighbours has its vertex; 0 if beyond them."""
    before, here, after = differences[:, :-2], differences[:, 1:-1], differences[:, 2:]
    bend, slope = after + before - 2 * here, (after - before) / 2
    within = jnp.abs(slope) < jnp.abs(bend)
    return jnp.pad(jnp.where(within, -slope / jnp.where(within, bend, 1.0), 0.0), ((0, 0), (1, 1)))
