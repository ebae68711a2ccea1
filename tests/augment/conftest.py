"""Signals to augment, and independent measurements of pitch and duration."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from aersut.augment import Example
from aersut.contracts import Augmenter
from tests.pitch import fundamental

RATE = 22_050


@pytest.fixture(scope="session")
def sung() -> np.ndarray:
    """A sung note: ten harmonics of 220 Hz for one second, then silence; f32[66150] at 22,050 Hz."""
    times = np.arange(RATE) / RATE
    note = sum(np.sin(2 * np.pi * 220 * k * times) / k for k in range(1, 11))
    fade = np.minimum(1, np.minimum(times, 1 - times) / 0.02)
    return np.pad(0.2 * note * fade, (0, 2 * RATE)).astype(np.float32)


@pytest.fixture(scope="session")
def apply() -> Callable[..., np.ndarray]:
    """Apply an augmenter to samples, under one key or several."""

    @functools.cache
    def compiled(augmenter: Augmenter, fingerprint: str, sample_rate: int) -> Callable[..., jax.Array]:
        def applied(key: jax.Array, samples: jax.Array) -> jax.Array:
            return augmenter(key, Example(samples, jnp.eye(8)[3], sample_rate)).values

        return jax.jit(
            lambda keys, samples: jax.vmap(applied, (0, None))(keys, samples) if keys.ndim else applied(keys, samples)
        )

    def change(augmenter: Augmenter, samples: np.ndarray, keys: int = 0, sample_rate: int = RATE) -> np.ndarray:
        key = jax.random.key(0)
        return np.asarray(
            compiled(augmenter, augmenter.fingerprint(), sample_rate)(
                jax.random.split(key, keys) if keys else key, samples
            )
        )

    return change


@pytest.fixture(scope="session")
def pitch() -> Callable[[np.ndarray], float]:
    """Median fundamental frequency of the loud frames in semitones, by YIN."""

    def measure(samples: np.ndarray) -> float:
        f0 = fundamental(samples, RATE, 2048, 512)
        loud = librosa.feature.rms(y=samples)[0]
        return float(12 * np.log2(np.median(f0[loud > 0.3 * loud.max()])))

    return measure


@pytest.fixture(scope="session")
def seconds() -> Callable[[np.ndarray], float]:
    """Duration within 20 dB of the maximum, in s."""

    def measure(samples: np.ndarray) -> float:
        loud = np.flatnonzero(np.abs(samples) > 0.1 * np.abs(samples).max())
        return float(loud[-1] - loud[0]) / RATE

    return measure
