"""Chromagram: the energy of each pitch class."""

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
    """Chromagram (Ellis 2007): energy of each pitch class, normalized to a maximum of 1 per frame.

    `librosa.feature.chroma_stft(tuning=0.0)`, to 1e-4. librosa's estimate of the tuning is not meaningful for speech
    and needs the whole clip.

    Attributes:
        n_chroma: number of pitch classes per octave; the first is C.
    """

    n_chroma: int = 12

    def __post_init__(self) -> None:
        if self.n_chroma < 1:
            raise ValueError(f"n_chroma must be at least 1, got {self.n_chroma}")

    @property
    def channels(self) -> int:
        return self.n_chroma

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        filters = chroma_filters(signal.framing.sample_rate, signal.framing.frame_length, self.n_chroma)
        energy = signal.power() @ jnp.asarray(filters.T)
        largest = jnp.max(energy, axis=1, keepdims=True)
        return energy / jnp.where(largest > np.finfo(np.float32).tiny, largest, 1.0)  # silence is 0, as in librosa


@functools.cache
def chroma_filters(sample_rate: int, frame_length: int, n_chroma: int) -> Float[np.ndarray, "n_chroma bins"]:
    """Chroma filter bank: Gaussian bumps over the pitch classes; `librosa.filters.chroma`, to 1e-6."""
    hertz = np.arange(1, frame_length) * sample_rate / frame_length
    pitches = n_chroma * np.log2(hertz / (440 / 16))
    pitches = np.concatenate([[pitches[0] - 1.5 * n_chroma], pitches])  # 0 Hz counts as 1.5 octaves below
    widths = np.concatenate([np.maximum(np.diff(pitches), 1), [1]])
    half = np.round(n_chroma / 2)
    distance = np.remainder(pitches - np.arange(n_chroma)[:, None] + half + 10 * n_chroma, n_chroma) - half
    bumps = np.exp(-0.5 * np.square(2 * distance / widths))
    bumps /= np.linalg.norm(bumps, axis=0)
    bumps *= np.exp(-0.5 * np.square((pitches / n_chroma - 5) / 2))  # around the fifth octave
    from_c = np.roll(bumps, -3 * (n_chroma // 12), axis=0)  # the first bump is A
    return np.ascontiguousarray(from_c[:, : frame_length // 2 + 1], np.float32)
