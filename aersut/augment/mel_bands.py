"""Frequencies of mel bands, silent frames, interpolation: what the augmenters of a log-mel spectrogram share."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from aersut import matrices
from aersut.augment.example import STANDARD, LogMelScale

DB = 10 / np.log(10)
"""Decibels per neper of power."""


def band_frequencies(
    sample_rate: int, bands: int, scale: LogMelScale = STANDARD
) -> tuple[Float[np.ndarray, " bands"], Float[np.ndarray, " bands"]]:
    """Return the center frequency and the width of each mel band in Hz.

    The width is that of a rectangle with the height and area of the triangular filter.
    """
    highest = sample_rate / 2 if scale.fmax is None else scale.fmax
    edges = matrices.mel_frequencies(scale.fmin, highest, bands + 2, scale.htk)
    return edges[1:-1], (edges[2:] - edges[:-2]) / 2


def silent_frames(values: Float[Array, "frames bands"], floor_db: float) -> Bool[Array, " frames"]:
    """Return which frames are digital silence, such as padding: no cell is above the floor."""
    return jnp.all(values <= floor_db + 1e-3, axis=1)


def interpolation(positions: Float[Array, " outputs"], size: int) -> Float[Array, "outputs size"]:
    """Return the matrix that interpolates `size` values linearly at these indices, clipped to the valid range."""
    inside = jnp.clip(positions, 0, size - 1)
    return jnp.maximum(0.0, 1.0 - jnp.abs(inside[:, None] - jnp.arange(size)))


def interpolated_rows(
    rows: Float[Array, "size channels"], positions: Float[Array, " outputs"]
) -> Float[Array, "outputs channels"]:
    """Return `interpolation(positions, len(rows)) @ rows` without the products with zeros."""
    inside = jnp.clip(positions, 0, len(rows) - 1)
    before = jnp.minimum(inside.astype(jnp.int32), len(rows) - 2)
    weight = (inside - before)[:, None]
    return (1 - weight) * rows[before] + weight * rows[before + 1]
