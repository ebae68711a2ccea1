"""Integrated gradients over the mel spectrogram: which of its cells speak for a class, whatever the features are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut import matrices
from aersut.features.signal import decibels

BANDS = 40
STEPS = 32
DEPTH = 60.0
"""Decibels under the loudest cell at which the path begins: a hum as loud everywhere, which says nothing."""


@dataclass(frozen=True)
class Attribution:
    """What each cell of a clip's mel spectrogram adds to a score.

    Attributes:
        cells: the shares; they add up to `change`, but for what falls onto the padding around the clip.
        levels: the mel spectrogram, dB.
        change: the score of the clip minus that of the hum.
        error: by how much the cells' sum misses it, as a share of all cells' magnitudes.
    """

    cells: Float[np.ndarray, "times bands"]
    levels: Float[np.ndarray, "times bands"]
    change: float
    error: float


Attribute = Callable[..., Attribution]


def attributor(score: Callable[..., Float[Array, ""]], sample_rate: int, steps: int = STEPS) -> Attribute:
    """Return (samples, *more) → integrated gradients of `score(samples, *more)`, from a flat hum to the clip.

    After Sundararajan et al. 2017. The path runs through sounds: every cell of the short-time spectrum is brought from
    the hum's level up to its own, evenly in decibels, and the score hears the sound that comes of it. So the cells are
    the sound's even where the network is given MFCC or a pitch, and what is added up is no feature's.

    Args:
        score: of a window of samples; it can be traced and differentiated. What it takes beside them (the class) is
            not differentiated, and makes no other compilation.
    """
    length = 2 ** round(np.log2(0.046 * sample_rate))
    hop = length // 4
    filters = matrices.filters(sample_rate, length, BANDS, 0.0, None, False)
    spread = jnp.asarray(_spread(filters))
    window = jnp.asarray(matrices.hann(length))

    @jax.jit
    def scored(change: Float[Array, "times bands"], samples: Float[Array, " samples"], *more: Any) -> Float[Array, ""]:
        gains = 10 ** (change @ spread / 20)
        return score(_sound(_transform(samples, window, hop) * gains, window, hop, len(samples)), *more)

    slope = jax.jit(jax.grad(scored))

    def attribute(samples: Float[np.ndarray, " samples"], *more: Any) -> Attribution:
        power = jnp.square(jnp.abs(_transform(jnp.asarray(samples), window, hop)))
        levels = np.asarray(decibels(power @ jnp.asarray(filters.T)))
        begin = np.minimum(0.0, levels.max() - DEPTH - levels)
        middles = (np.arange(steps) + 0.5) / steps
        slopes = [np.asarray(slope(begin * (1 - middle), samples, *more)) for middle in middles.astype(np.float32)]
        cells = -begin * np.mean(slopes, axis=0)
        change = float(scored(np.zeros_like(begin), samples, *more) - scored(begin, samples, *more))
        error = abs(float(cells.sum()) - change) / max(float(np.abs(cells).sum()), 1e-12)
        inside = slice(2, 3 + len(samples) // hop)  # the frames whose middle is in the clip
        return Attribution(cells[inside], levels[inside], change, error)

    return attribute


def _spread(filters: Float[np.ndarray, "bands bins"]) -> Float[np.ndarray, "bands bins"]:
    """How much of each band's change a bin takes: by the filters that it is in, or all of the nearest one's."""
    weights = filters.astype(np.float64)
    centres = weights.argmax(axis=1)
    for bin_ in np.flatnonzero(weights.sum(axis=0) == 0):
        weights[np.abs(centres - bin_).argmin(), bin_] = 1
    return (weights / weights.sum(axis=0)).astype(np.float32)


def _transform(samples: Array, window: Array, hop: int) -> Array:
    padded = jnp.pad(samples, (len(window), len(window) + -len(samples) % hop))
    count = (len(padded) - len(window)) // hop + 1
    rows = padded[: (count + 3) * hop].reshape(-1, hop)
    frames = jnp.concatenate([rows[place : place + count] for place in range(4)], axis=1)
    return jnp.fft.rfft(frames * window)


def _sound(spectrum: Array, window: Array, hop: int, size: int) -> Array:
    """Overlapped and added; four periodic Hann windows squared add up to 1.5."""
    frames = jnp.fft.irfft(spectrum, len(window)) * window / 1.5
    quarters = frames.reshape(len(frames), 4, hop)
    rows = sum(jnp.pad(quarters[:, place], ((place, 3 - place), (0, 0))) for place in range(4))
    return jnp.reshape(rows, -1)[len(window) : len(window) + size]
