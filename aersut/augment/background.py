"""Additive recorded background noise."""

import functools
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int16

from aersut.augment.example import Example
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, root, uniform
from aersut.augment.recordings import decoded_file, folder_digest, folder_files
from aersut.contracts import Augmenter
from aersut.data.audio import to_int16
from aersut.registry import AUGMENTERS

MAX_SECONDS = 300
"""Maximum duration of all recordings together in s."""


@AUGMENTERS.register("background")
@dataclass(frozen=True)
class Background(Augmenter):
    """Additive background noise from recordings, at a random signal-to-noise ratio (SNR).

    The .wav and .flac files at any depth of the folder, 64 at most, are decoded once and concatenated. If they last
    longer than 5 minutes, an equal part of these is used from the start of each. The noise is a random segment; a
    silent segment changes nothing.

    Attributes:
        folder: folder of the recordings.
        snr_db: lowest and highest SNR in dB, drawn uniformly; relative to the power of the whole window.
        probability: probability of a change.
    """

    folder: str = "input/background"
    snr_db: tuple[float, float] = (5.0, 20.0)
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("snr_db", self.snr_db)
        check_probability(self.probability)

    def fingerprint(self) -> str:
        return folder_digest("background", self.folder)

    def recordings(self) -> list[Path]:
        return [file for file, _ in folder_files("background", self.folder)]

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, level, start = jax.random.split(key, 3)
        samples = len(example.values)
        recordings = _recordings(folder_files("background", self.folder), example.sample_rate)
        recordings = np.resize(recordings, max(samples, len(recordings)))

        def noisy() -> Float[Array, " samples"]:
            begin = jax.random.randint(start, (), 0, len(recordings) - samples + 1)
            noise = jax.lax.dynamic_slice(jnp.asarray(recordings), (begin,), (samples,)).astype(jnp.float32)
            ratio = uniform(level, self.snr_db)
            wanted = jnp.mean(jnp.square(example.values)) * 10 ** (-ratio / 10)
            power = jnp.mean(jnp.square(noise))
            scale = root(jnp.where(power > 0, wanted / jnp.where(power > 0, power, 1.0), 0.0))
            return example.values + scale * noise

        return apply_with_probability(chance, self.probability, example, noisy)


@functools.lru_cache(maxsize=4)
def _recordings(files: tuple[tuple[Path, int], ...], sample_rate: int) -> Int16[np.ndarray, " samples"]:
    most = MAX_SECONDS * sample_rate
    decoded = [to_int16(decoded_file("background", file, sample_rate, with_offset=False)[:most]) for file, _ in files]
    share = most // len(files) if sum(map(len, decoded)) > most else most
    return np.concatenate([samples[:share] for samples in decoded])
