"""Voice activity detection (VAD) by frame levels, so that silence and steady noise get no emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

VAD_THRESHOLD = -55.0
"""In dBFS; quieter windows are silence. 99 % of RAVDESS's clips exceed it, despite their ample headroom."""

SILENT = -120.0
"""Level of a window of zeros, in dBFS."""

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
    return is_speech(*window_levels(samples, sample_rate), vad_threshold)


def is_speech(loud: float, quiet: float, vad_threshold: float | None) -> bool:
    """Whether the levels of a window (`window_levels`) are those of speech."""
    return vad_threshold is None or (loud >= vad_threshold and loud - quiet >= MIN_LEVEL_RANGE)


def window_levels(samples: Float[np.ndarray, " samples"], sample_rate: int) -> tuple[float, float]:
    """The 90th and the 10th percentile of the levels of a window's 20 ms frames, in dBFS; -120 without a frame."""
    levels = _frame_levels(samples, sample_rate)
    if not len(levels):
        return SILENT, SILENT
    loud, quiet = np.percentile(levels, (90, 10))
    return float(loud), float(quiet)


def why_silent(
    samples: Float[np.ndarray, " samples"], sample_rate: int, seconds: float, vad_threshold: float = VAD_THRESHOLD
) -> str:
    """Why no window of a clip contains speech (`no_speech`), or "".

    Windows of `seconds` begin every half second, and one ends with the clip, as in a stream.
    """
    levels = _frame_levels(samples, sample_rate)
    length = max(1, min(len(levels), round(50 * seconds)))
    if len(levels) < length:
        return no_speech(SILENT, vad_threshold)
    windows = np.lib.stride_tricks.sliding_window_view(levels, length)
    windows = np.concatenate([windows[::25], windows[-1:]])
    loudest = SILENT
    for window in windows:
        loud, quiet = np.percentile(window, (90, 10))
        if is_speech(loud, quiet, vad_threshold):
            return ""
        loudest = max(loudest, float(loud))
    return no_speech(loudest, vad_threshold)


STEADY = "contains no speech: in every window, its level varies by less than {range} dB, as in noise"
QUIET = (
    "is below the voice activity detection (VAD) threshold: its loudest window has {level} dBFS, and the threshold is "
    "{threshold} dBFS. Increase the gain, or lower --vad_threshold"
)


def no_speech(loudest: float, vad_threshold: float) -> str:
    """Why a recording without a window of speech is silence.

    Args:
        loudest: level of its loudest window in dBFS.
    """
    if loudest >= vad_threshold:
        return STEADY.format(range=f"{MIN_LEVEL_RANGE:g}")
    return QUIET.format(level=f"{loudest:.1f}", threshold=f"{vad_threshold:g}")


def _frame_levels(samples: Float[np.ndarray, " samples"], sample_rate: int) -> Float[np.ndarray, " frames"]:
    length = max(1, sample_rate // 50)
    frames = samples[: len(samples) // length * length].reshape(-1, length)
    if not len(frames):
        return np.zeros(0)
    frames = frames - frames.mean(axis=1, keepdims=True)  # removes low-frequency rumble
    power = np.vecdot(frames, frames).astype(np.float64) / length  # a quarter of the time of `np.var`
    levels: Float[np.ndarray, " frames"] = 10 * np.log10(np.maximum(power, 1e-12))
    return levels


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


def frames_level(powers: Float[np.ndarray, " frames"]) -> float:
    """The level of a window in dBFS on a board: the 90th percentile of the powers, as in `frames_contain_speech`."""
    loud = float(np.sort(powers)[9 * (len(powers) - 1) // 10]) / 32768**2
    return float(10 * np.log10(max(loud, 1e-12)))
