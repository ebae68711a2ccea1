"""Principal components of the embeddings."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from aersut.report.plots.embedding import principal_components


@pytest.mark.parametrize("shape", [(50, 7), (5, 30), (20, 1)])
def test_the_components_are_scikit_learns(shape):
    values = np.random.default_rng(0).standard_normal(shape) * np.arange(1, shape[1] + 1)
    points, fractions = principal_components(values)
    width = min(2, *shape)
    pca = PCA(width, svd_solver="full").fit(values)
    np.testing.assert_allclose(points[:, :width], pca.transform(values), atol=1e-9)
    np.testing.assert_allclose(fractions[:width], pca.explained_variance_ratio_, atol=1e-9)
    assert not points[:, width:].any()


def test_equal_clips_have_equal_components():
    points, fractions = principal_components(np.ones((4, 3)))
    assert not points.any()
    assert fractions == (0.0, 0.0)
