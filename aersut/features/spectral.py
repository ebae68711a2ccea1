"""Spectral centroid and spectral flatness."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.contracts import Feature
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@FEATURES.register("spectral_centroid")
@dataclass(frozen=True)
class SpectralCentroid(Feature):
    """Spectral centroid in Hz: mean frequency of each frame, weighted by magnitude; 0 in silence.

    `librosa.feature.spectral_centroid`, to 0.5 Hz.
    """

    channels = 1

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        magnitude = signal.magnitude()
        hertz = np.fft.rfftfreq(signal.framing.frame_length, 1 / signal.framing.sample_rate).astype(np.float32)
        total = jnp.sum(magnitude, axis=1, keepdims=True)
        return magnitude @ jnp.asarray(hertz[:, None]) / jnp.where(total > np.finfo(np.float32).tiny, total, 1.0)


@FEATURES.register("spectral_flatness")
@dataclass(frozen=True)
class SpectralFlatness(Feature):
    """Spectral flatness (Dubnov 2004): geometric over arithmetic mean of each frame's power.

    About 0 for a tone, 0.56 for a frame of white noise, 1 for silence. `librosa.feature.spectral_flatness`, to 1e-4.
    """

    channels = 1

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        power = jnp.maximum(signal.power(), 1e-10)
        geometric = jnp.exp(jnp.mean(jnp.log(power), axis=1, keepdims=True))
        return geometric / jnp.mean(power, axis=1, keepdims=True)
