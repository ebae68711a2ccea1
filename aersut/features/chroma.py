"""Chroma: the spectrum folded into one octave."""

import functools
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.contracts import Feature
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@FEATURES.register("chroma")
@dataclass(frozen=True)
class Chroma(Feature):
    """Energy of each pitch class, the largest of a frame being 1 (Ellis 2007): `librosa.feature.chroma_stft`.

    With `tuning=0.0`: librosa's estimate of the tuning makes no sense in speech and needs the whole clip. Agrees to
    1e-4.

    Attributes:
        n_chroma: pitch classes to the octave, the first being C.
    """

    n_chroma: int = 12

    def __post_init__(self) -> None:
        if self.n_chroma < 1:
            raise ValueError(f"n_chroma must be at least 1, got {self.n_chroma}")

    @property
    def channels(self) -> int:  # type: ignore[override]
        return self.n_chroma

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        filters = chroma_filters(signal.framing.sample_rate, signal.framing.frame_length, self.n_chroma)
        energy = signal.power() @ jnp.asarray(filters.T)
        largest = jnp.max(energy, axis=1, keepdims=True)
        return energy / jnp.where(largest > np.finfo(np.float32).tiny, largest, 1.0)  # silence stays 0, as in librosa


@functools.cache
def chroma_filters(sample_rate: int, frame_length: int, n_chroma: int) -> Float[np.ndarray, "n_chroma bins"]:
    """Gaussian bumps over the pitch classes, around the fifth octave: `librosa.filters.chroma` to 1e-6."""
    hertz = np.arange(1, frame_length) * sample_rate / frame_length
    places = n_chroma * np.log2(hertz / (440 / 16))
    places = np.concatenate([[places[0] - 1.5 * n_chroma], places])  # 0 Hz, as if it were an octave and a half below
    widths = np.concatenate([np.maximum(np.diff(places), 1), [1]])
    half = np.round(n_chroma / 2)
    distance = np.remainder(places - np.arange(n_chroma)[:, None] + half + 10 * n_chroma, n_chroma) - half
    bumps = np.exp(-0.5 * np.square(2 * distance / widths))
    bumps /= np.linalg.norm(bumps, axis=0)
    bumps *= np.exp(-0.5 * np.square((places / n_chroma - 5) / 2))
    from_c = np.roll(bumps, -3 * (n_chroma // 12), axis=0)  # the bumps begin with A
    return np.ascontiguousarray(from_c[:, : frame_length // 2 + 1], np.float32)
