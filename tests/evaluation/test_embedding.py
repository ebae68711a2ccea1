"""The map of the penultimate layer: principal components."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from aersut.evaluation.plots.embedding import plane


@pytest.mark.parametrize("shape", [(50, 7), (5, 30), (20, 1)])
def test_the_map_is_scikit_learns(shape):
    values = np.random.default_rng(0).standard_normal(shape) * np.arange(1, shape[1] + 1)
    points, shares = plane(values)
    width = min(2, *shape)
    pca = PCA(width, svd_solver="full").fit(values)
    np.testing.assert_allclose(points[:, :width], pca.transform(values), atol=1e-9)
    np.testing.assert_allclose(shares[:width], pca.explained_variance_ratio_, atol=1e-9)
    assert not points[:, width:].any()


def test_clips_that_are_all_alike_lie_in_one_place():
    points, shares = plane(np.ones((4, 3)))
    assert not points.any()
    assert shares == (0.0, 0.0)
