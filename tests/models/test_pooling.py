"""Statistics over frames, by hand."""

import jax.numpy as jnp
import numpy as np
from flax import nnx

from aersut.models.pooling import Statistics

X = jnp.array([[[1.0, 10.0], [3.0, 10.0], [8.0, 40.0]]])


def test_the_mean_alone() -> None:
    pool = Statistics(2, "mean", rngs=nnx.Rngs(0))
    assert pool.width == 2
    np.testing.assert_allclose(pool(X), [[4, 20]], rtol=1e-6)


def test_the_mean_and_the_mean_distance_from_it() -> None:
    pool = Statistics(2, "statistics", rngs=nnx.Rngs(0))
    assert pool.width == 4
    np.testing.assert_allclose(pool(X), [[4, 20, 8 / 3, 40 / 3]], rtol=1e-6)


def test_a_frame_counts_as_much_as_its_score_says() -> None:
    pool = Statistics(2, "attentive", rngs=nnx.Rngs(0))
    assert pool.score is not None
    pool.score[...] = jnp.array([[np.log(2) / 2], [0.0]])  # each 2 more in the first channel count twice as much
    weights = np.array([1, 2, 2**3.5])
    weights /= weights.sum()
    mean = weights @ X[0]
    np.testing.assert_allclose(pool(X)[0, :2], mean, rtol=1e-5)
    np.testing.assert_allclose(pool(X)[0, 2:], weights @ abs(X[0] - mean), rtol=1e-5)
