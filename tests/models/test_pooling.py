"""Statistics pooling, compared with results by hand."""

import jax.numpy as jnp
import numpy as np
from flax import nnx

from aersut.models.pooling import StatisticsPooling

X = jnp.array([[[1.0, 10.0], [3.0, 10.0], [8.0, 40.0]]])


def test_the_mean_alone() -> None:
    pool = StatisticsPooling(2, "mean", rngs=nnx.Rngs(0))
    assert pool.width == 2
    np.testing.assert_allclose(pool(X), [[4, 20]], rtol=1e-6)


def test_the_mean_and_the_mean_absolute_deviation() -> None:
    pool = StatisticsPooling(2, "statistics", rngs=nnx.Rngs(0))
    assert pool.width == 4
    np.testing.assert_allclose(pool(X), [[4, 20, 8 / 3, 40 / 3]], rtol=1e-6)


def test_a_frame_is_weighed_by_its_score() -> None:
    pool = StatisticsPooling(2, "attentive", rngs=nnx.Rngs(0))
    assert pool.score is not None
    pool.score[...] = jnp.array([[np.log(2) / 2], [0.0]])  # 2 more in the first channel double the weight
    weights = np.array([1, 2, 2**3.5])
    weights /= weights.sum()
    mean = weights @ X[0]
    np.testing.assert_allclose(pool(X)[0, :2], mean, rtol=1e-5)
    np.testing.assert_allclose(pool(X)[0, 2:], weights @ abs(X[0] - mean), rtol=1e-5)
