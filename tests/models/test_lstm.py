"""The LSTM is Flax's (and so Keras's) with the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from aersut.models.network import LSTM
from aersut.models.recurrence import recurred


@pytest.fixture
def lstm() -> LSTM:
    return LSTM(5, 7, rngs=nnx.Rngs(0))


def test_it_is_flaxs_with_copied_weights(lstm: LSTM) -> None:
    rng = np.random.default_rng(0)
    lstm.bias[...] = jnp.asarray(rng.normal(size=28), jnp.float32)
    cell = nnx.OptimizedLSTMCell(5, 7, rngs=nnx.Rngs(1))
    cell.dense_i.kernel[...] = lstm.kernel[...]
    cell.dense_h.kernel[...] = lstm.recurrent[...]
    cell.dense_h.bias[...] = lstm.bias[...]
    x = jnp.asarray(rng.normal(size=(3, 12, 5)), jnp.float32)
    carry, rows = (jnp.zeros((3, 7)), jnp.zeros((3, 7))), []
    for frame in range(12):
        carry, row = cell(carry, x[:, frame])
        rows.append(row)
    np.testing.assert_allclose(lstm(x), jnp.stack(rows, axis=1), rtol=0, atol=1e-6)


def test_it_begins_by_remembering(lstm: LSTM) -> None:
    np.testing.assert_array_equal(lstm.bias[...], [0] * 7 + [1] * 7 + [0] * 14)


def test_its_gradient_is_the_one_that_jax_finds_through_the_loop() -> None:
    rng = np.random.default_rng(0)
    projected, recurrent, weights = (
        jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((9, 3, 20), (5, 20), (9, 3, 5))
    )
    plain = recurred.fun  # what it is of, without its own gradient
    expected, pull_expected = jax.vjp(plain, projected, recurrent)
    found, pull = jax.vjp(recurred, projected, recurrent)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    for one, other in zip(jax.jit(pull)(weights), pull_expected(weights), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
