"""Noise has a signal-to-noise ratio within the range, and is white and Gaussian."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aersut.augment import Example, Noise

SPEECH = 0.2 * jnp.sin(0.03 * jnp.arange(20_000.0)) * (jnp.arange(20_000) < 12_000)
EXAMPLE = Example(SPEECH, jnp.eye(8)[3], 16_000)


def _added(noise: Noise, count: int = 50) -> np.ndarray:
    keys = jax.random.split(jax.random.key(0), count)
    return np.asarray(jax.jit(jax.vmap(lambda key: noise(key, EXAMPLE).values))(keys) - SPEECH)


def _ratios(added: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.mean(np.square(SPEECH)) / np.mean(np.square(added), axis=1))


def test_snr_covers_its_range() -> None:
    ratios = _ratios(_added(Noise(snr_db=(5.0, 15.0), probability=1.0)))
    assert ratios.min() > 4.8
    assert ratios.max() < 15.2
    np.testing.assert_allclose(np.quantile(ratios, [0.1, 0.5, 0.9]), [6, 10, 14], atol=1.5)


def test_a_single_snr() -> None:
    np.testing.assert_allclose(_ratios(_added(Noise(snr_db=(20.0, 20.0), probability=1.0))), 20, atol=0.2)


def test_it_is_white_and_gaussian() -> None:
    [added] = _added(Noise(snr_db=(10.0, 10.0), probability=1.0), count=1)
    normal = added / added.std()
    assert abs(normal.mean()) < 0.03
    assert np.mean(np.abs(normal) < 1) == pytest.approx(0.683, abs=0.015)
    assert np.mean(np.abs(normal) < 2) == pytest.approx(0.954, abs=0.01)
    neighbours = [np.mean(normal[lag:] * normal[:-lag]) for lag in (1, 2, 10)]
    np.testing.assert_allclose(neighbours, 0, atol=0.03)


def test_silence_and_label_are_unchanged() -> None:
    silent = Example(jnp.zeros(100), jnp.eye(8)[3], 16_000)
    changed = Noise(probability=1.0)(jax.random.key(0), silent)
    np.testing.assert_array_equal(changed.values, 0)
    np.testing.assert_array_equal(changed.label, silent.label)
