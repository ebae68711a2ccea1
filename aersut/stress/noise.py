"""Additive noise at a fixed signal-to-noise ratio (SNR): white, pink and recorded noise.

The SNR relates the power of the active speech (`speech_power`) to the power of the noise.
"""

import abc
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import scipy.fft
from jaxtyping import Float

from aersut.contracts import Condition
from aersut.registry import CONDITIONS
from aersut.stress.recordings import chosen_files, folder_recordings
from aersut.stress.speech_level import speech_power

LOWEST_HERTZ = 20.0
"""Below it, the spectrum of pink noise is flat, because its power would be infinite."""


def with_noise(
    samples: Float[np.ndarray, " samples"], sample_rate: int, noise: Float[np.ndarray, " samples"], snr_db: float
) -> Float[np.ndarray, " samples"]:
    """Add noise, scaled to an SNR in dB; noise without power adds nothing."""
    power = float(np.vdot(noise, noise)) / len(noise)
    wanted = speech_power(samples, sample_rate) * 10 ** (-snr_db / 10)
    return samples + noise * np.float32(np.sqrt(wanted / power) if power else 0.0)


@dataclass(frozen=True)
class _GaussianNoise(Condition):
    """Additive Gaussian noise of one colour at a fixed SNR; the subclasses generate it."""

    colour: ClassVar[str]
    snr_db: float = 10.0

    @property
    def title(self) -> str:
        return f"{self.colour} noise {self.snr_db:g} dB SNR"

    @property
    def x(self) -> float:
        return self.snr_db

    @abc.abstractmethod
    def noise(self, rng: np.random.Generator, length: int, sample_rate: int) -> Float[np.ndarray, " length"]:
        """Noise of any level."""

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        return with_noise(samples, sample_rate, self.noise(rng, len(samples), sample_rate), self.snr_db)


@CONDITIONS.register("white_noise")
@dataclass(frozen=True)
class WhiteNoise(_GaussianNoise):
    """Additive white Gaussian noise at a fixed SNR.

    Attributes:
        snr_db: SNR in dB, relative to the power of the active speech.
    """

    colour = "white"
    curve = "white noise, SNR (dB)"

    def noise(self, rng: np.random.Generator, length: int, sample_rate: int) -> Float[np.ndarray, " length"]:
        return rng.standard_normal(length, np.float32)


@CONDITIONS.register("pink_noise")
@dataclass(frozen=True)
class PinkNoise(_GaussianNoise):
    """Additive pink Gaussian noise (-3 dB per octave above 20 Hz) at a fixed SNR.

    Attributes:
        snr_db: SNR in dB, relative to the power of the active speech.
    """

    colour = "pink"
    curve = "pink noise, SNR (dB)"

    def noise(self, rng: np.random.Generator, length: int, sample_rate: int) -> Float[np.ndarray, " length"]:
        size = scipy.fft.next_fast_len(length, real=True)
        hertz = np.maximum(np.fft.rfftfreq(size, 1 / sample_rate), LOWEST_HERTZ)
        spectrum = scipy.fft.rfft(rng.standard_normal(size, np.float32)) * (hertz**-0.5).astype(np.float32)
        return np.asarray(scipy.fft.irfft(spectrum, size)[:length])


@CONDITIONS.register("recorded_noise")
@dataclass(frozen=True)
class RecordedNoise(Condition):
    """Additive recorded noise at a fixed SNR: a random segment of a random file of a folder.

    A file shorter than the recording is repeated. Where the segment is digital silence, the start of the file is used.
    See `folder_recordings` for the limits on number and duration of the files.

    Attributes:
        folder: folder of the noise recordings, .wav or .flac.
        snr_db: SNR in dB: power of the active speech relative to the mean power of the segment.
    """

    folder: str = "input/noise"
    snr_db: float = 10.0
    curve = "recorded noise, SNR (dB)"

    @property
    def title(self) -> str:
        return f"recorded noise {self.snr_db:g} dB SNR"

    @property
    def x(self) -> float:
        return self.snr_db

    def recordings(self) -> list[Path]:
        return chosen_files(self.folder)

    def __call__(
        self, rng: np.random.Generator, samples: Float[np.ndarray, " samples"], sample_rate: int
    ) -> Float[np.ndarray, " samples"]:
        files = folder_recordings(self.folder, sample_rate)
        file = files[rng.integers(len(files))]
        noise = np.resize(np.roll(file, -rng.integers(len(file))), len(samples))
        if not np.ptp(noise):
            first = np.flatnonzero(file != file[0])[0]
            noise = np.resize(np.roll(file, -first), len(samples))
        # the offset of its recorder would count as power, and evaluation removes it
        return with_noise(samples, sample_rate, noise - noise.mean(), self.snr_db)
