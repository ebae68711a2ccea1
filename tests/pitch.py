"""Fundamental frequency of test signals."""

import functools
import math
from collections.abc import Callable

import jax
import numpy as np

from aersut.contracts import Framing
from aersut.features import F0
from aersut.features.signal import Signal


def fundamental(samples: np.ndarray, sample_rate: int, frame_length: int, hop_length: int) -> np.ndarray:
    """The fundamental frequency of each frame in Hz, by the feature `f0`, whose values are librosa's.

    librosa's own would be compiled by Numba for half a minute in a new environment.
    """
    seconds = math.ceil(len(samples) / sample_rate)  # few lengths, since each is compiled
    padded = np.pad(samples, (0, seconds * sample_rate - len(samples)))
    frames = _compiled(Framing(sample_rate, seconds, frame_length, hop_length))(padded)
    return np.asarray(frames)[: 1 + len(samples) // hop_length, 0]


@functools.cache
def _compiled(framing: Framing) -> Callable[[np.ndarray], jax.Array]:
    return jax.jit(lambda samples: F0(fmin=65.0, fmax=600.0)(Signal(samples, framing)))
