"""The figures agree with scikit-learn's, for whatever a classifier says."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from aersut import metrics


@st.composite
def verdicts(draw):
    """True and predicted classes of some clips, of four."""
    clips = draw(st.integers(1, 40))
    classes = st.lists(st.integers(0, 3), min_size=clips, max_size=clips)
    return np.array(draw(classes)), np.array(draw(classes))


@settings(deadline=None)
@given(verdicts())
def test_every_figure_is_scikit_learns(said):
    labels, predictions = said
    counts = metrics.confusion(labels, predictions, 4)
    np.testing.assert_array_equal(counts, sklearn.confusion_matrix(labels, predictions, labels=range(4)))
    present = sorted(set(labels.tolist()))
    macro = {"labels": present, "average": "macro", "zero_division": 0}
    expected = {
        "wa": sklearn.accuracy_score(labels, predictions),
        "uar": sklearn.recall_score(labels, predictions, **macro),
        "macro_f1": sklearn.f1_score(labels, predictions, **macro),
        "weighted_f1": sklearn.f1_score(labels, predictions, **macro | {"average": "weighted"}),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one class only, of which kappa says nothing
        expected["kappa"] = sklearn.cohen_kappa_score(labels, predictions)
    figures = metrics.figures(counts)
    assert set(figures) == set(expected)
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, abs=1e-12, nan_ok=True), name
    assert (metrics.wa(counts), metrics.uar(counts)) == (figures["wa"], figures["uar"])
    f1 = sklearn.f1_score(labels, predictions, labels=range(4), average=None, zero_division=0)
    np.testing.assert_allclose(metrics.f1s(counts)[present], f1[present], atol=1e-12)


def test_figures_of_many_matrices_at_once_are_those_of_each():
    rng = np.random.default_rng(0)
    many = rng.integers(0, 9, (5, 6, 4, 4))
    together = metrics.figures(many)
    for place in np.ndindex(5, 6):
        for name, value in metrics.figures(many[place]).items():
            assert together[name][place] == pytest.approx(value)


def test_figures_that_can_be_checked_by_hand():
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
    predictions = np.array([0, 0, 0, 1, 1, 3, 2, 2, 0, 0])
    counts = metrics.confusion(labels, predictions, 4)
    assert counts.tolist() == [[3, 1, 0, 0], [0, 1, 0, 1], [2, 0, 2, 0], [0, 0, 0, 0]]  # rows are true classes
    assert metrics.wa(counts) == 0.6
    assert metrics.uar(counts) == pytest.approx((3 / 4 + 1 / 2 + 2 / 4) / 3)  # over the three classes that are there
    assert np.isnan(metrics.recalls(counts)[3])
    assert metrics.figures(counts)["kappa"] == pytest.approx((0.6 - 0.32) / (1 - 0.32))  # chance: (4·5 + 2·2 + 4·2)/100
