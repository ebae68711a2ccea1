"""The metrics are equal to scikit-learn's for all predictions."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from aersut import metrics


@st.composite
def predictions(draw):
    """True and predicted classes of some clips, of four."""
    clips = draw(st.integers(1, 40))
    classes = st.lists(st.integers(0, 3), min_size=clips, max_size=clips)
    return np.array(draw(classes)), np.array(draw(classes))


@settings(deadline=None)
@given(predictions())
def test_every_metric_is_scikit_learns(drawn):
    labels, predicted = drawn
    counts = metrics.confusion(labels, predicted, 4)
    np.testing.assert_array_equal(counts, sklearn.confusion_matrix(labels, predicted, labels=range(4)))
    present = sorted(set(labels.tolist()))
    macro = {"average": "macro", "zero_division": 0}
    expected = {
        "wa": sklearn.accuracy_score(labels, predicted),
        "uar": sklearn.recall_score(labels, predicted, labels=present, **macro),
        "macro_f1": sklearn.f1_score(labels, predicted, **macro),
        "weighted_f1": sklearn.f1_score(labels, predicted, **macro | {"average": "weighted"}),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kappa is undefined for one class
        expected["kappa"] = sklearn.cohen_kappa_score(labels, predicted)
    found = metrics.headline_metrics(counts)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12, nan_ok=True), name
    assert (metrics.wa(counts), metrics.uar(counts)) == (found["wa"], found["uar"])
    f1 = sklearn.f1_score(labels, predicted, labels=range(4), average=None, zero_division=0)
    known = sorted({*present, *predicted.tolist()})
    np.testing.assert_allclose(metrics.f1s(counts)[known], f1[known], atol=1e-12)


def test_metrics_of_a_batch_of_matrices_are_those_of_each():
    rng = np.random.default_rng(0)
    many = rng.integers(0, 9, (5, 6, 4, 4))
    together = metrics.headline_metrics(many)
    for index in np.ndindex(5, 6):
        for name, value in metrics.headline_metrics(many[index]).items():
            assert together[name][index] == pytest.approx(value)


def test_metrics_of_an_example_computed_by_hand():
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
    predicted = np.array([0, 0, 0, 1, 1, 3, 2, 2, 0, 0])
    counts = metrics.confusion(labels, predicted, 4)
    assert counts.tolist() == [[3, 1, 0, 0], [0, 1, 0, 1], [2, 0, 2, 0], [0, 0, 0, 0]]  # rows are true classes
    assert metrics.wa(counts) == 0.6
    assert metrics.uar(counts) == pytest.approx((3 / 4 + 1 / 2 + 2 / 4) / 3)  # over the three classes present
    assert np.isnan(metrics.recalls(counts)[3])
    assert metrics.headline_metrics(counts)["kappa"] == pytest.approx(
        (0.6 - 0.32) / (1 - 0.32)
    )  # chance: (4·5 + 2·2 + 4·2)/100
