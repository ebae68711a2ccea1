"""Integrated gradients over the mel spectrogram of a clip, whichever features the network takes."""

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
"""The baseline is the mel spectrogram with each cell limited to this level, in dB below the loudest cell."""


@dataclass(frozen=True)
class Attribution:
    """The contribution of each cell of a clip's mel spectrogram to a score.

    Attributes:
        cells: contributions; their sum is `change`, except for the contribution of the padding around the clip.
        levels: the mel spectrogram, dB.
        change: score of the clip minus score of the baseline.
        error: |sum of the contributions - `change`|, padding included, as a fraction of the sum of their magnitudes.
    """

    cells: Float[np.ndarray, "times bands"]
    levels: Float[np.ndarray, "times bands"]
    change: float
    error: float


def integrated_gradients(
    score: Callable[..., Float[Array, ""]], sample_rate: int, steps: int = STEPS
) -> Callable[..., Attribution]:
    """Return a function (samples, *more) → `Attribution` of `score(samples, *more)` (Sundararajan et al. 2017).

    The path of integration runs through audio signals. The mel spectrogram rises from the baseline to its own levels,
    linearly in dB, and the score takes the audio that is resynthesized from the spectrum. So the attributions belong to
    the audio, even if the network takes MFCC or F0.

    Args:
        score: of a window of samples, traceable and differentiable. Its further arguments (the class) are not
            differentiated and cause no further compilation.
    """
    length = 2 ** round(np.log2(0.046 * sample_rate))
    hop = length // 4
    filters = matrices.mel_filters(sample_rate, length, BANDS, 0.0, None, False)
    weights = jnp.asarray(_bin_weights(filters))
    window = jnp.asarray(matrices.hann(length))

    @jax.jit
    def scored(change: Float[Array, "times bands"], samples: Float[Array, " samples"], *more: Any) -> Float[Array, ""]:
        gains = 10 ** (change @ weights / 20)
        return score(_resynthesized(_stft(samples, window, hop) * gains, window, hop, len(samples)), *more)

    gradient = jax.jit(jax.grad(scored))

    def attribute(samples: Float[np.ndarray, " samples"], *more: Any) -> Attribution:
        power = jnp.square(jnp.abs(_stft(jnp.asarray(samples), window, hop)))
        levels = np.asarray(decibels(power @ jnp.asarray(filters.T)))
        begin = np.minimum(0.0, levels.max() - DEPTH - levels)
        middles = ((np.arange(steps) + 0.5) / steps).astype(np.float32)
        gradients = [np.asarray(gradient(begin * (1 - middle), samples, *more)) for middle in middles]
        cells = -begin * np.mean(gradients, axis=0)
        change = float(scored(np.zeros_like(begin), samples, *more) - scored(begin, samples, *more))
        error = abs(float(cells.sum()) - change) / max(float(np.abs(cells).sum()), 1e-12)
        inside = slice(2, 3 + len(samples) // hop)  # the frames with their middle in the clip
        return Attribution(cells[inside], levels[inside], change, error)

    return attribute


def _bin_weights(filters: Float[np.ndarray, "bands bins"]) -> Float[np.ndarray, "bands bins"]:
    """Weight of each band in the gain of a bin, by the filters that cover the bin; else 1 for the nearest band."""
    weights = filters.astype(np.float64)
    centres = weights.argmax(axis=1)
    for bin_ in np.flatnonzero(weights.sum(axis=0) == 0):
        weights[np.abs(centres - bin_).argmin(), bin_] = 1
    return (weights / weights.sum(axis=0)).astype(np.float32)


def _stft(samples: Array, window: Array, hop: int) -> Array:
    padded = jnp.pad(samples, (len(window), len(window) + -len(samples) % hop))
    count = (len(padded) - len(window)) // hop + 1
    rows = padded[: (count + 3) * hop].reshape(-1, hop)
    frames = jnp.concatenate([rows[place : place + count] for place in range(4)], axis=1)
    return jnp.fft.rfft(frames * window)


def _resynthesized(spectrum: Array, window: Array, hop: int, size: int) -> Array:
    """Inverse of `_stft` by overlap-add; the sum of four squared periodic Hann windows is 1.5."""
    frames = jnp.fft.irfft(spectrum, len(window)) * window / 1.5
    quarters = frames.reshape(len(frames), 4, hop)
    rows = sum(jnp.pad(quarters[:, place], ((place, 3 - place), (0, 0))) for place in range(4))
    return jnp.reshape(rows, -1)[len(window) : len(window) + size]
