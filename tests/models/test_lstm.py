"""The LSTM is Flax's (and so Keras's) with the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from aersut.models.network import LSTM


def test_it_is_flaxs_with_copied_weights() -> None:
    rng = np.random.default_rng(0)
    lstm = LSTM(5, 7, rngs=nnx.Rngs(0))
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


def test_gates_by_hand() -> None:
    lstm = LSTM(1, 1, rngs=nnx.Rngs(0))
    lstm.kernel[...] = jnp.array([[0.1, 0.2, 0.3, 0.4]])
    lstm.recurrent[...] = jnp.array([[0.5, -0.6, 0.7, -0.8]])
    lstm.bias[...] = jnp.array([0.01, 1.02, 0.03, 0.04])
    hidden = cell = 0.0
    expected = []
    for x in (1.0, -2.0, 0.5):
        i, f, g, o = (
            a * x + b * hidden + c
            for a, b, c in ((0.1, 0.5, 0.01), (0.2, -0.6, 1.02), (0.3, 0.7, 0.03), (0.4, -0.8, 0.04))
        )
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * np.tanh(g)
        hidden = float(jax.nn.sigmoid(o) * np.tanh(cell))
        expected.append(hidden)
    found = lstm(jnp.array([1.0, -2.0, 0.5])[None, :, None])
    np.testing.assert_allclose(found[0, :, 0], expected, rtol=0, atol=1e-6)


def test_it_begins_by_remembering() -> None:
    np.testing.assert_array_equal(LSTM(2, 3, rngs=nnx.Rngs(0)).bias[...], [0] * 3 + [1] * 3 + [0] * 6)
