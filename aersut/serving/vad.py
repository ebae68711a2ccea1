"""Voice activity detection (VAD) by frame levels, so that silence and steady noise get no emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

VAD_THRESHOLD = -55.0
"""In dBFS; quieter windows are silence. 99 % of RAVDESS's clips exceed it, despite their ample headroom."""

MIN_LEVEL_RANGE = 6.0
"""In dB: how far loud frames exceed quiet ones in speech, at least. With pink noise at 5 dB SNR it is 9 dB, in the
noise alone 3 dB."""


def contains_speech(
    samples: Float[np.ndarray, " samples"], sample_rate: int, vad_threshold: float | None = VAD_THRESHOLD
) -> bool:
    """Detect speech in a window by the levels of its 20 ms frames.

    The 90th percentile of the levels has to reach `vad_threshold`, and to exceed the 10th by `MIN_LEVEL_RANGE`: steady
    noise is not speech. The decision has no memory, so that a stream and a file give the same result.

    Args:
        samples: in [-1, 1].
        vad_threshold: in dBFS; None classifies every window as speech.
    """
    if vad_threshold is None:
        return True
    length = max(1, sample_rate // 50)
    frames = samples[: len(samples) // length * length].reshape(-1, length)
    if not len(frames):
        return False
    power = np.var(frames, axis=1, dtype=np.float64)  # about each frame's mean, which removes low-frequency rumble
    levels = 10 * np.log10(np.maximum(power, 1e-12))
    loud, quiet = np.percentile(levels, (90, 10))
    return bool(loud >= vad_threshold and loud - quiet >= MIN_LEVEL_RANGE)


def frames_contain_speech(powers: Float[np.ndarray, " frames"], vad_threshold: float | None = VAD_THRESHOLD) -> bool:
    """`contains_speech` as on a board, in float32 and without interpolation: contains_speech() in aersut.c.

    Args:
        powers: variance of the samples of each frame of a window, in squared int16 steps.
        vad_threshold: in dBFS; None classifies every window as speech.
    """
    if vad_threshold is None:
        return True
    rms, level_range = np.float32(32768 * 10 ** (vad_threshold / 20)), np.float32(10 ** (MIN_LEVEL_RANGE / 20))
    order, last = np.sort(powers), len(powers) - 1
    loud, quiet = order[9 * last // 10], order[last // 10]
    return bool(loud >= rms * rms and loud >= level_range * level_range * quiet)
