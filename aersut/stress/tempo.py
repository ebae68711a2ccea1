"""Tempo."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Complex, Float

from aersut.contracts import Condition
from aersut.matrices import hann
from aersut.registry import CONDITIONS

FRAME_SECONDS = 0.064


@CONDITIONS.register("tempo")
@dataclass(frozen=True)
class Tempo(Condition):
    """Another tempo at the same pitch, by a phase vocoder; the length of the recording changes.

    Attributes:
        rate: tempo factor; above 1 is faster, and shorter.
    """

    rate: float = 1.15

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"rate must be above 0, got {self.rate}")

    @property
    def title(self) -> str:
        return f"tempo {self.rate:g}"

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " stretched"]:
        return stretched(samples, self.rate, hop=max(1, round(FRAME_SECONDS / 4 * sample_rate)))


def stretched(samples: Float[np.ndarray, " samples"], rate: float, hop: int) -> Float[np.ndarray, " stretched"]:
    """Stretch a signal by a phase vocoder (Ellis 2002) with Hann frames of four hops.

    Equal to `librosa.effects.time_stretch` with `n_fft=4 * hop` in double precision, to 1e-3 of full scale.
    `aersut.augment.phase_vocoder` compiles for each length, and recordings have many.
    """
    spectrum = _stft(samples, hop)
    steps = np.arange(0, len(spectrum), rate)
    frame, weight = steps.astype(int), (steps % 1)[:, None].astype(np.float32)
    spectrum = np.pad(spectrum, ((0, 2), (0, 0)))  # silence after the last frame
    magnitude = np.abs(spectrum)
    unit = np.where(magnitude > 0, spectrum / np.maximum(magnitude, np.finfo(np.float32).tiny), 1)
    advance = unit[frame[:-1] + 1] * np.conj(unit[frame[:-1]])
    phase = np.cumprod(np.concatenate([unit[:1], advance]), axis=0, dtype=np.complex128).astype(np.complex64)
    level = (1 - weight) * magnitude[frame] + weight * magnitude[frame + 1]
    return _istft(level * phase, hop, max(1, round(len(samples) / rate)))


def _stft(samples: Float[np.ndarray, " samples"], hop: int) -> Complex[np.ndarray, "frames bins"]:
    frames = 1 + len(samples) // hop
    rows = np.pad(samples, (2 * hop, 2 * hop + hop))[: (frames + 3) * hop].reshape(-1, hop)
    return np.asarray(scipy.fft.rfft(np.hstack([rows[i : i + frames] for i in range(4)]) * hann(4 * hop)))


def _istft(spectrum: Complex[np.ndarray, "frames bins"], hop: int, length: int) -> Float[np.ndarray, " length"]:
    window, frames = hann(4 * hop), len(spectrum)
    parts = (scipy.fft.irfft(spectrum, 4 * hop) * window).reshape(frames, 4, hop)
    total, weights = np.zeros((frames + 3, hop), np.float32), np.zeros((frames + 3, hop), np.float32)
    for i, squared in enumerate(np.square(window).reshape(4, hop)):
        total[i : i + frames] += parts[:, i]
        weights[i : i + frames] += squared
    samples = (total / np.maximum(weights, np.finfo(np.float32).tiny)).reshape(-1)[2 * hop :][:length]
    return np.pad(samples, (0, length - len(samples)))
