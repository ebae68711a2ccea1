"""The metrics of an evaluation: equal to scikit-learn's; intervals, calibration, and notes."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from aersut.evaluation.intervals import Resampling
from aersut.evaluation.metric_report import calibration_error, metric_report
from aersut.evaluation.roc_auc import class_pairs, resampled_roc_auc
from tests.evaluation.made_predictions import EMOTIONS, predictions_of, random_predictions


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(8, 80), st.integers(1, 6))
def test_metrics_of_random_predictions_are_scikit_learns(seed, clips, speakers):
    one = random_predictions(np.random.default_rng(seed), clips, speakers)
    result = metric_report(one)
    present, known = sorted(set(one.labels.tolist())), sorted({*one.labels.tolist(), *one.predicted.tolist()})
    assert result["kappa"] == pytest.approx(sklearn.cohen_kappa_score(one.labels, one.predicted))
    assert result["wa"] == pytest.approx(sklearn.accuracy_score(one.labels, one.predicted))
    report = sklearn.classification_report(
        one.labels, one.predicted, target_names=[EMOTIONS[n] for n in known], output_dict=True, zero_division=0,
    )  # fmt: skip
    for emotion in [EMOTIONS[n] for n in present]:
        for ours, theirs in (
            ("precision", "precision"),
            ("recall", "recall"),
            ("f1", "f1-score"),
            ("clips", "support"),
        ):
            assert result["classes"][emotion][ours] == pytest.approx(report[emotion][theirs])
    for average in ("macro", "weighted"):
        for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert result["averages"][average][ours] == pytest.approx(report[f"{average} avg"][theirs])
        expected = sklearn.f1_score(one.labels, one.predicted, average=average, zero_division=0)
        assert result[f"{average}_f1"] == pytest.approx(expected)
    if len(present) == 4:
        area = sklearn.roc_auc_score(one.labels, one.probabilities.astype(float), multi_class="ovr", labels=range(4))
        assert result["roc_auc"] == pytest.approx(area, abs=1e-6)
    assert json.loads(json.dumps(result, allow_nan=False))["clips"] == clips


def test_the_area_of_each_resample_is_scikit_learns():
    one = random_predictions(np.random.default_rng(3), clips=60, speakers=4)
    drawn = Resampling.of(one.speakers, resamples=5, seed=2)
    for weights, area in zip(drawn.weights, resampled_roc_auc(class_pairs(one, drawn), drawn), strict=True):
        sample_weight = weights[drawn.owners].astype(float)
        expected = [
            sklearn.roc_auc_score(one.labels == index, one.probabilities[:, index], sample_weight=sample_weight)
            for index in range(4)
            if sample_weight[one.labels == index].any()
        ]
        assert area == pytest.approx(np.mean(expected))


def test_confidence_equal_to_accuracy_has_no_calibration_error():
    probabilities = [[0.8, 0.2, 0, 0]] * 10
    calibrated, overconfident = (
        predictions_of([0] * 8 + [1] * 2, probabilities),
        predictions_of([0] * 5 + [1] * 5, probabilities),
    )
    for predictions, error in ((calibrated, 0), (overconfident, 0.3)):
        assert metric_report(predictions)["ece"] == pytest.approx(error, abs=1e-6)
    [bin_] = metric_report(overconfident)["reliability"]
    assert (bin_["clips"], bin_["accuracy"]) == (10, 0.5)


def test_confusion_is_reported_as_counts_and_normalized_by_row():
    one = predictions_of([0, 0, 0, 1], [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]])
    result = metric_report(one)
    assert result["confusion"][0] == [2, 0, 1, 0]
    assert result["confusion_normalized"][0] == pytest.approx([2 / 3, 0, 1 / 3, 0])
    assert result["confusion_normalized"][3] == [None] * 4


def test_macro_f1_counts_a_class_that_is_only_predicted_as_0_as_scikit_learn_does():
    labels, predicted = [0, 0, 0, 1, 1], [0, 0, 2, 1, 1]
    result = metric_report(predictions_of(labels, np.eye(4)[predicted]))
    assert result["macro_f1"] == pytest.approx((0.8 + 1 + 0) / 3)
    assert result["macro_f1"] == pytest.approx(sklearn.f1_score(labels, predicted, average="macro"))
    assert result["averages"]["macro"]["f1"] == result["macro_f1"]
    assert result["uar"] == pytest.approx((2 / 3 + 1) / 2)
    assert result["classes"][EMOTIONS[2]]["f1"] == 0
    assert result["classes"][EMOTIONS[3]]["f1"] is None


def test_a_class_without_clips_is_named_and_has_no_recall():
    rng = np.random.default_rng(0)
    labels = [0, 1, 2] * 10
    probabilities = rng.dirichlet(np.ones(4), 30)
    result = metric_report(predictions_of(labels, probabilities, [str(n % 5) for n in range(30)]))
    assert result["notes"] == [
        "no clip of fear: UAR is the mean over the other classes; the macro means count such a class as 0 where it is "
        "predicted, as scikit-learn does.",
        "the intervals are of 5 speakers, whose bootstrap has at most 126 distinct means.",
    ]
    fear = result["classes"]["fear"]
    assert (fear["clips"], fear["recall"], fear["f1"], fear["roc_auc"], fear["recall_interval"]) == (
        0,
        None,
        0,
        *[None] * 2,
    )
    recalls = [result["classes"][emotion]["recall"] for emotion in EMOTIONS[:3]]
    assert result["uar"] == pytest.approx(np.mean(recalls))
    assert result["intervals"]["uar"] is not None


@pytest.mark.parametrize(("speakers", "means"), [(1, "1 distinct mean."), (2, "3 distinct means.")])
def test_one_or_two_speakers_have_metrics_no_intervals_and_a_note_with_the_reason(speakers, means):
    one = random_predictions(np.random.default_rng(0), 40, speakers)
    result = metric_report(one)
    assert result["speakers"] == speakers
    assert set(result["intervals"].values()) == {None}
    assert {row["recall_interval"] for row in result["classes"].values()} == {None}
    assert result["notes"][0].startswith(f"too few speakers for intervals: {speakers}, at least 3 are needed.")
    assert result["notes"][0].endswith(means)
    assert 0 < result["uar"] < 1
    counts = Counter(tuple(row) for row in Resampling.of(one.speakers).weights.tolist())
    assert len(counts) == result["bootstrap_means"]


def test_the_interval_of_a_recall_is_of_the_speakers_with_clips_of_the_class():
    rng = np.random.default_rng(0)
    labels = np.array([0, 1, 2, 3] * 30)
    speakers = np.array([f"{n // 4 % 10}" for n in range(120)])
    speakers[labels == 3] = np.where(np.arange(30) % 2, "0", "1")  # two speakers only
    result = metric_report(predictions_of(labels, rng.dirichlet(np.ones(4), 120), speakers.tolist()))
    classes = result["classes"]
    assert [classes[emotion]["speakers"] for emotion in EMOTIONS] == [10, 10, 10, 2]
    assert classes[EMOTIONS[3]]["recall_interval"] is None
    assert all(classes[emotion]["recall_interval"] for emotion in EMOTIONS[:3])
    assert result["notes"] == [
        f"too few speakers for an interval of the recall of {EMOTIONS[3]} (2), and therefore of UAR, macro F1 and "
        "ROC-AUC."
    ]


def test_one_clip_is_enough():
    result = metric_report(predictions_of([2], [[0.1, 0.2, 0.6, 0.1]]))
    assert (result["uar"], result["wa"], result["kappa"], result["roc_auc"]) == (1, 1, None, None)


def test_rejection_states_how_many_clips_reach_a_confidence_and_their_accuracy():
    probabilities = [[0.95, 0.05, 0, 0]] * 4 + [[0.55, 0.45, 0, 0]] * 4
    one = predictions_of([0, 0, 0, 1, 0, 1, 1, 1], probabilities)
    rows = {row["min_confidence"]: (row["fraction"], row["wa"]) for row in metric_report(one)["rejection"]}
    assert rows[0.5] == (1.0, 0.5)
    assert rows[0.6] == rows[0.9] == (0.5, 0.75)
    unsure = predictions_of([0, 1], [[0.25] * 4] * 2)
    assert metric_report(unsure)["rejection"][0] == {"min_confidence": 0.3, "fraction": 0.0, "wa": None}


def test_the_interval_of_uar_needs_three_speakers_of_each_class():
    """The recall of a class that one speaker has is as uncertain as that speaker is typical."""
    labels = [0, 1] * 6 + [2]
    predictions = predictions_of(labels, np.eye(3)[labels] * 0.9, [*"aabbccddeeff", "a"], ("neutral", "sad", "angry"))
    report = metric_report(predictions)
    assert report["uar"] == 1.0
    for name in ("uar", "macro_f1", "roc_auc"):
        assert report["intervals"][name] is None, name
    assert report["intervals"]["wa"] is not None
    assert "an interval of the recall of angry (1), and therefore of UAR, macro F1 and ROC-AUC." in report["notes"][-1]


def test_a_confidence_on_an_edge_is_in_the_lower_bin_in_each_precision():
    for precision in (np.float32, np.float64):
        assert calibration_error(np.array([0.8, 0.75], precision), np.array([True, False])) == pytest.approx(0.275)
