"""Speech and clicks by the levels of frames, for clips and for the stream of a board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int

CLICK = np.float32(100)
"""Power of a click relative to everything else, at least."""


def speech_frames(
    power: Float[np.ndarray, " frames"], relative: Any, click: int, neighbors: int
) -> Int[np.ndarray, " loud"]:
    """Positions of the frames whose power exceeds `relative` times that of the loudest frame.

    Sound that is 20 dB (`CLICK`) louder than everything else in at most `click` frames is a click: it is neither
    speech nor the reference. No clip of RAVDESS and CREMA-D has one: there, the loudest frame exceeds the tenth by
    16 dB at most (`aersut.data.audio.trim`).

    Args:
        neighbors: frames before and after one of a click that may contain a part of it.
    """
    most = power.max()
    if len(power) > 2 * click:
        steady = np.partition(power, -click - 1)[-click - 1]
        if most > CLICK * steady:
            clicks = np.convolve(power > CLICK * steady, np.ones(2 * neighbors + 1), "same") > 0
            return np.flatnonzero((power > steady * relative) & ~clicks)
    return np.flatnonzero(power > most * relative)
