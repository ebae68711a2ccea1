"""Levels of a recording: the power of its active speech, and the power of its background."""

import numpy as np
from jaxtyping import Float

from aersut.contracts import SkippedConditionError

FRAME_SECONDS = 0.032
ACTIVE_DB = 30.0
"""Frames within this many dB of the loudest frame are active speech."""
BACKGROUND = 0.1
"""Quantile of the frames' powers that counts as the power of the background."""


def active_frames(samples: Float[np.ndarray, " samples"], sample_rate: int) -> Float[np.ndarray, "frames length"]:
    """The frames of active speech: adjacent frames of 32 ms within 30 dB of the loudest one.

    Samples after the last whole frame are not used. A recording shorter than a frame is one frame.

    Raises:
        SkippedConditionError: all samples are zero.
    """
    frames, powers = _frames(samples, sample_rate)
    if not powers.any():
        raise SkippedConditionError("the recording is digital silence")
    return frames[powers > powers.max() * 10 ** (-ACTIVE_DB / 10)]


def speech_power(samples: Float[np.ndarray, " samples"], sample_rate: int) -> float:
    """Mean square of the samples in `active_frames`, the reference of every signal-to-noise ratio (SNR)."""
    active = active_frames(samples, sample_rate)
    return float(np.mean(np.vecdot(active, active, dtype=np.float64)) / active.shape[1])


def background_power(samples: Float[np.ndarray, " samples"], sample_rate: int) -> float:
    """Power that 10 % of the frames of 32 ms do not exceed; frames of digital silence do not count."""
    _, powers = _frames(samples, sample_rate)
    powers = powers[powers > 0]
    return float(np.quantile(powers, BACKGROUND)) if len(powers) else 0.0


def at_level_of(
    changed: Float[np.ndarray, " samples"], samples: Float[np.ndarray, " samples"], sample_rate: int
) -> Float[np.ndarray, " samples"]:
    """Scale `changed` so that its `speech_power` is that of `samples`."""
    ratio = speech_power(samples, sample_rate) / speech_power(changed, sample_rate)
    return changed * np.float32(np.sqrt(ratio))


def _frames(
    samples: Float[np.ndarray, " samples"], sample_rate: int
) -> tuple[Float[np.ndarray, "frames length"], Float[np.ndarray, " frames"]]:
    length = min(len(samples), max(1, round(FRAME_SECONDS * sample_rate)))
    frames = samples[: len(samples) // length * length].reshape(-1, length)
    return frames, np.vecdot(frames, frames, dtype=np.float64) / length
