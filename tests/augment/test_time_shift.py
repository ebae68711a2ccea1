"""Time shift stays within its range, fills with zeros and drops samples beyond the window."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aersut.augment import Example, TimeShift


def _all(augmenter: TimeShift, values: list[float], sample_rate: int = 10) -> set[tuple[float, ...]]:
    example = Example(jnp.array(values), jnp.eye(2)[0], sample_rate)
    keys = jax.random.split(jax.random.key(0), 300)
    return {
        tuple(row) for row in np.asarray(jax.jit(jax.vmap(lambda key: augmenter(key, example).values))(keys)).tolist()
    }


def test_every_shift_in_the_range_occurs_and_no_other() -> None:
    assert _all(TimeShift(seconds=0.2, probability=1.0), [1.0, 2.0, 3.0, 4.0]) == {
        (3.0, 4.0, 0.0, 0.0),
        (2.0, 3.0, 4.0, 0.0),
        (1.0, 2.0, 3.0, 4.0),
        (0.0, 1.0, 2.0, 3.0),
        (0.0, 0.0, 1.0, 2.0),
    }


def test_a_shift_longer_than_the_window_returns_silence() -> None:
    assert _all(TimeShift(seconds=5.0, probability=1.0), [1.0, 2.0]) == {
        (0.0, 0.0),
        (2.0, 0.0),
        (1.0, 2.0),
        (0.0, 1.0),
    }


@pytest.mark.parametrize(("sample_rate", "most"), [(10, 3), (40, 12)])
def test_seconds_depend_on_the_sample_rate_of_the_example(sample_rate: int, most: int) -> None:
    click = [0.0] * 20 + [1.0] + [0.0] * 20
    shifts = {row.index(1.0) - 20 for row in _all(TimeShift(seconds=0.3, probability=1.0), click, sample_rate)}
    assert shifts == set(range(-most, most + 1))


def test_both_directions_are_equally_likely() -> None:
    example = Example(jnp.zeros(101).at[50].set(1.0), jnp.eye(2)[0], 100)
    keys = jax.random.split(jax.random.key(1), 2000)
    shift = TimeShift(seconds=0.2, probability=1.0)
    shifts = np.argmax(jax.jit(jax.vmap(lambda key: shift(key, example).values))(keys), axis=1) - 50
    assert abs(shifts.mean()) < 1
    assert shifts.std() == pytest.approx(np.sqrt((41**2 - 1) / 12), rel=0.05)


def test_noise_fills_the_gap_at_its_level() -> None:
    example = Example(0.5 * jnp.sin(0.3 * jnp.arange(8_000.0)), jnp.eye(2)[0], 8_000)
    keys = jax.random.split(jax.random.key(0), 40)
    shift = TimeShift(seconds=0.5, noise_db=-30.0, probability=1.0)
    filled = np.asarray(jax.jit(jax.vmap(lambda key: shift(key, example).values))(keys))
    silent = np.asarray(jax.jit(jax.vmap(lambda key: TimeShift(0.5, None, 1.0)(key, example).values))(keys))
    added = filled - silent
    assert np.all(np.abs(silent).min(axis=1) == 0)
    np.testing.assert_allclose(10 * np.log10(np.mean(added**2, axis=1) / 0.125), -30, atol=0.3)
    assert abs(np.corrcoef(added[:, :-1].ravel(), added[:, 1:].ravel())[0, 1]) < 0.02  # white
    assert np.corrcoef(added[0], added[1])[0, 1] < 0.05  # another key, other noise


def test_noise_leaves_silence() -> None:
    silent = Example(jnp.zeros(100), jnp.eye(2)[0], 100)
    changed = TimeShift(noise_db=-50.0, probability=1.0)(jax.random.key(0), silent)
    np.testing.assert_array_equal(changed.values, 0)
