"""Reverberation with measured impulse responses."""

import functools
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, root, uniform
from aersut.augment.recordings import decoded_file, folder_digest, folder_files
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS

MAX_SECONDS = 1.0
"""Duration of an impulse response after the direct sound in s; the rest is not used."""

EARLY_SECONDS = 0.05
"""Limit between early and late reflections in s, as in the clarity index C50 (ISO 3382)."""


@AUGMENTERS.register("room")
@dataclass(frozen=True)
class Room(Augmenter):
    """Reverberation with a random one of the measured impulse responses in a folder: early and late reflections.

    The largest magnitude of an impulse response is the direct sound. What precedes it is removed, so the speech keeps
    its time; the power of the window does not change. A random clarity index C50 (ratio of the energy in the first
    50 ms to the energy after them, in dB) makes many rooms out of few: the late part is scaled.

    The .wav and .flac files at any depth of the folder are used, 64 at most, each for one second after the direct
    sound. An impulse response without a late part is used as it is.

    Attributes:
        folder: folder of the impulse responses.
        clarity_db: lowest and highest C50 in dB, drawn uniformly.
        probability: probability of a change.
    """

    folder: str = "input/impulse-responses"
    clarity_db: tuple[float, float] = (0.0, 20.0)
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("clarity_db", self.clarity_db)
        check_probability(self.probability)

    def fingerprint(self) -> str:
        return folder_digest("room", self.folder)

    def recordings(self) -> list[Path]:
        return [file for file, _ in folder_files("room", self.folder)]

    def __call__(self, key: jax.Array, example: Example) -> Example:
        import scipy.fft  # deferred: it takes longer to import than all augmenters and features

        chance, which, ratio = jax.random.split(key, 3)
        samples = len(example.values)
        responses, clarity = _responses(folder_files("room", self.folder), example.sample_rate)
        size = scipy.fft.next_fast_len(samples + responses.shape[1], real=True)
        late = np.arange(responses.shape[1]) >= round(EARLY_SECONDS * example.sample_rate)

        def reverberant() -> Float[Array, " samples"]:
            index = jax.random.randint(which, (), 0, len(responses))
            wanted = uniform(ratio, self.clarity_db)
            gain = 10 ** ((jnp.asarray(clarity)[index] - wanted) / 20)
            response = jnp.asarray(responses)[index] * jnp.where(late, gain, 1.0)
            echo = jnp.fft.irfft(jnp.fft.rfft(example.values, size) * jnp.fft.rfft(response, size), size)[:samples]
            before, after = (jnp.sum(jnp.square(one)) for one in (example.values, echo))
            return echo * root(jnp.where(after > 0, before / jnp.where(after > 0, after, 1.0), 0.0))

        return apply_with_probability(chance, self.probability, example, reverberant)


@functools.lru_cache(maxsize=4)
def _responses(
    files: tuple[tuple[Path, int], ...], sample_rate: int
) -> tuple[Float[np.ndarray, "files samples"], Float[np.ndarray, " files"]]:
    """Return the impulse responses from the direct sound on, with zeros at their ends, and their C50 in dB."""
    length, early = round(MAX_SECONDS * sample_rate), round(EARLY_SECONDS * sample_rate)
    rows = []
    for file, _ in files:
        # the mean of an impulse response is its gain at 0 Hz, not an offset of the recorder
        response = decoded_file("room", file, sample_rate, with_offset=True)
        direct = int(np.abs(response).argmax())
        rows.append(response[direct : direct + length] / response[direct])
    stacked = np.stack([np.pad(row, (0, max(map(len, rows)) - len(row))) for row in rows]).astype(np.float32)
    energy = np.square(stacked, dtype=np.float64)
    first, rest = energy[:, :early].sum(axis=1), energy[:, early:].sum(axis=1)
    # without a late part its gain has no effect
    return stacked, 10 * np.log10(first / np.where(rest > 0, rest, first)).astype(np.float32)
