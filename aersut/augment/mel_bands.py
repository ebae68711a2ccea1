"""Frequencies of mel bands, and silent frames: what the augmenters of a log-mel spectrogram share."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from aersut import matrices


def band_frequencies(sample_rate: int, bands: int) -> tuple[Float[np.ndarray, " bands"], Float[np.ndarray, " bands"]]:
    """Return the center frequency and the width of each mel band in Hz.

    The bands reach from 0 Hz to half the sample rate on Slaney's scale, as in `mel` and `log_mel` by default; another
    range shifts the frequencies. The width is that of a rectangle with the height and area of the triangular filter.
    """
    edges = matrices.mel_frequencies(0.0, sample_rate / 2, bands + 2)
    return edges[1:-1], (edges[2:] - edges[:-2]) / 2


def silent_frames(values: Float[Array, "frames bands"], floor_db: float) -> Bool[Array, " frames"]:
    """Return which frames are digital silence, such as padding: no cell is above the floor."""
    return jnp.all(values <= floor_db + 1e-3, axis=1)
