"""Results by group, and the most confident misclassifications."""

import numpy as np
import pytest

from aersut.evaluation.groups import confident_misclassifications, results_by_group
from tests.evaluation.made_predictions import predictions_of

PROBABILITIES = {0: [0.9, 0.1, 0, 0], 1: [0.2, 0.8, 0, 0]}


@pytest.fixture
def predictions():
    """Accuracy by speaker: 1 (female) 100 %, 2 (male) 0 %, 3 (male) 50 %."""
    labels = [0, 1, 0, 1, 0, 1]
    predicted = [0, 1, 1, 0, 0, 0]
    return predictions_of(
        labels, [PROBABILITIES[p] for p in predicted], ["1", "1", "2", "2", "3", "3"],
        sex=["female"] * 2 + ["male"] * 4, intensity=["", "strong"] * 3,
    )  # fmt: skip


def test_results_are_by_corpus_sex_intensity_and_speaker_the_lowest_uar_first(predictions):
    groups = results_by_group(predictions)
    assert list(groups) == ["corpus", "sex", "intensity", "speaker"]
    assert list(groups["speaker"]) == ["made:2", "made:3", "made:1"]
    assert [row["uar"] for row in groups["speaker"].values()] == [0, 0.5, 1]
    assert groups["sex"]["male"]["uar"] == 0.25
    assert groups["sex"]["male"]["speakers"] == 2
    assert groups["corpus"]["made"]["uar_interval"] is not None
    assert [row["uar_interval"] for row in groups["sex"].values()] == [None, None]  # of one and two speakers
    assert set(groups["intensity"]) == {"unknown", "strong"}
    assert groups["corpus"]["made"]["clips"] == 6
    assert {row["emotions"] for row in groups["speaker"].values()} == {2}


def test_a_group_whose_rarest_emotion_has_two_speakers_has_no_interval():
    labels, speakers = [0, 0, 0, 0, 1, 1], ["1", "2", "3", "4", "1", "2"]
    rows = results_by_group(predictions_of(labels, [PROBABILITIES[0]] * 6, speakers))
    assert rows["corpus"]["made"]["uar_interval"] is None
    rows = results_by_group(predictions_of([*labels, 1], [PROBABILITIES[0]] * 7, [*speakers, "3"]))
    assert rows["corpus"]["made"]["uar_interval"] is not None


def test_the_emotions_of_a_group_are_counted(predictions):
    groups = results_by_group(predictions_of([0, 1, 0], [PROBABILITIES[0]] * 3, ["1", "1", "2"]))
    assert {name: row["emotions"] for name, row in groups["speaker"].items()} == {"made:1": 2, "made:2": 1}


def test_a_property_that_no_clip_has_is_omitted():
    groups = results_by_group(predictions_of([0, 1], [PROBABILITIES[0], PROBABILITIES[1]]))
    assert list(groups) == ["corpus", "speaker"]


def test_the_most_confident_misclassifications_come_first_with_their_files(predictions):
    found = confident_misclassifications(predictions)
    assert [row["path"] for row in found] == ["clip3.wav", "clip5.wav", "clip2.wav"]
    assert found[0] == {
        "path": "clip3.wav",
        "speaker": "made:2",
        "true": "happy",
        "predicted": "sad",
        "confidence": pytest.approx(0.9),
        "probability_of_true": pytest.approx(0.1),
    }
    assert len(confident_misclassifications(predictions, most=2)) == 2
    assert confident_misclassifications(predictions_of([0], [PROBABILITIES[0]])) == []


def test_a_path_that_is_not_utf_8_is_escaped():
    one = predictions_of([1], [PROBABILITIES[0]])
    object.__setattr__(one.clips[0], "path", "caf\udce9.wav")
    assert confident_misclassifications(one)[0]["path"] == "caf\\udce9.wav"
    assert np.isfinite(confident_misclassifications(one)[0]["confidence"])
