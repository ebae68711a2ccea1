"""The LSTM agrees with that of Flax (and of Keras) for the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from aersut.models.network import LSTM
from aersut.models.recurrence import lstm_outputs


@pytest.fixture
def lstm() -> LSTM:
    return LSTM(5, 7, rngs=nnx.Rngs(0))


def test_it_agrees_with_flax_for_copied_weights(lstm: LSTM) -> None:
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


def test_the_bias_of_the_forget_gate_is_initialized_to_1(lstm: LSTM) -> None:
    np.testing.assert_array_equal(lstm.bias[...], [0] * 7 + [1] * 7 + [0] * 14)


def test_its_gradient_is_that_of_jax() -> None:
    rng = np.random.default_rng(0)
    projected, recurrent, weights = (
        jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((9, 3, 20), (5, 20), (9, 3, 5))
    )
    plain = lstm_outputs.fun  # without the custom gradient
    expected, pull_expected = jax.vjp(plain, projected, recurrent)
    found, pull = jax.vjp(lstm_outputs, projected, recurrent)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    for one, other in zip(jax.jit(pull)(weights), pull_expected(weights), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
