"""The figures agree with scikit-learn's, for whatever a classifier says."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from aersut import metrics

EMOTIONS = ("sad", "happy", "angry", "fear")


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
    uar = sklearn.recall_score(labels, predictions, labels=present, average="macro", zero_division=0)
    assert metrics.uar(counts) == pytest.approx(uar, abs=1e-12)
    assert metrics.wa(counts) == pytest.approx(sklearn.accuracy_score(labels, predictions), abs=1e-12)

    summary = metrics.summary(counts, EMOTIONS)
    assert (summary["wa"], summary["uar"]) == (metrics.wa(counts), metrics.uar(counts))
    precision, recall, f1, support = sklearn.precision_recall_fscore_support(
        labels, predictions, labels=range(4), zero_division=0
    )
    for index, emotion in enumerate(EMOTIONS):
        one = summary["classes"][emotion]
        assert one["clips"] == support[index]
        assert one["precision"] == pytest.approx(precision[index], abs=1e-12)
        if support[index]:
            assert one["recall"] == pytest.approx(recall[index], abs=1e-12)
            assert one["f1"] == pytest.approx(f1[index], abs=1e-12)
        else:
            assert one["recall"] is None
            assert one["f1"] is None


def test_figures_that_can_be_checked_by_hand():
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
    predictions = np.array([0, 0, 0, 1, 1, 3, 2, 2, 0, 0])
    counts = metrics.confusion(labels, predictions, 4)
    assert counts.tolist() == [[3, 1, 0, 0], [0, 1, 0, 1], [2, 0, 2, 0], [0, 0, 0, 0]]  # rows are true classes
    assert metrics.wa(counts) == 0.6
    assert metrics.uar(counts) == pytest.approx((3 / 4 + 1 / 2 + 2 / 4) / 3)  # over the three classes that are there
    assert np.isnan(metrics.recalls(counts)[3])
    assert metrics.summary(counts, EMOTIONS)["classes"]["sad"] == {
        "precision": 0.6,
        "recall": 0.75,
        "f1": pytest.approx(2 * 0.6 * 0.75 / 1.35),
        "clips": 4,
    }


def test_a_summary_is_json_that_every_language_reads():
    summary = metrics.summary(metrics.confusion(np.array([0, 1]), np.array([0, 3]), 4), EMOTIONS)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["emotions"] == list(EMOTIONS)
    assert summary["clips"] == 2
    assert list(summary["classes"]) == list(EMOTIONS)
