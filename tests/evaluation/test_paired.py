"""The paired comparison of two classifiers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from aersut.errors import UserError
from aersut.evaluation.folds import write_predictions
from aersut.evaluation.intervals import Resampling
from aersut.evaluation.paired import read_predictions, uar_difference
from aersut.evaluation.predictions import ClipPredictions
from aersut.results import EvaluationResult
from tests.evaluation.made_predictions import EMOTIONS, predictions_of, random_predictions

ABOUT = {"model": "checkpoint", "epoch": 1, "leaks": False, "synthetic": False, "warning": "", "protocol": "made"}


def other_predictions(predictions, rng, changed):
    """The same clips, of which a fraction has another prediction."""
    probabilities = predictions.probabilities.copy()
    rows = rng.random(len(predictions)) < changed
    probabilities[rows] = rng.permuted(probabilities[rows], axis=1)
    return replace(predictions, probabilities=probabilities)


def test_the_difference_is_that_of_scikit_learns_balanced_accuracies():
    rng = np.random.default_rng(0)
    baseline = random_predictions(rng)
    other = other_predictions(baseline, rng, 0.5)
    found = uar_difference(other.records(), baseline.records())
    scores = [balanced_accuracy_score(one.labels, one.predicted) for one in (other, baseline)]
    assert found.difference == pytest.approx(scores[0] - scores[1])
    assert found.interval[0] < found.difference < found.interval[1]
    assert (found.clips, found.speakers) == (200, 5)
    results = [EvaluationResult(None, Path(), {}, one.records()) for one in (other, baseline)]
    assert results[0].uar_difference(results[1]) == found
    swapped = uar_difference(baseline.records(), other.records())
    assert swapped.difference == pytest.approx(-found.difference)
    assert swapped.interval == pytest.approx([-end for end in reversed(found.interval)])


def test_the_interval_contains_the_true_difference_and_is_narrower_than_unpaired_ones():
    """Speakers are easy or difficult for both classifiers; the second recognizes a tenth more of the clips."""
    rng, covered, narrower = np.random.default_rng(1), 0, 0
    speakers = [str(speaker) for speaker in range(8) for _ in range(40)]
    for _ in range(200):
        labels = rng.integers(0, 4, len(speakers))
        easy = np.repeat(rng.normal(0, 0.15, 8), 40)
        correct = [rng.random(len(speakers)) < 0.5 + gain + easy for gain in (0.0, 0.1)]
        rows = [
            predictions_of(labels, np.eye(4)[np.where(right, labels, (labels + 1) % 4)], speakers) for right in correct
        ]
        found = uar_difference(rows[1].records(), rows[0].records())
        covered += found.interval[0] <= 0.1 <= found.interval[1]
        alone = [Resampling.of(one.speakers).uar_with_interval(one.labels, one.predicted, 4)[1] for one in rows]
        narrower += np.ptp(found.interval) < np.hypot(*(np.ptp(one) for one in alone))
    assert covered >= 0.91 * 200
    assert narrower >= 0.95 * 200


def test_a_corpus_may_have_been_moved_and_the_order_of_the_clips_be_another():
    rng = np.random.default_rng(2)
    baseline = random_predictions(rng).records()
    moved = [{**row, "path": str(Path("/corpora/made") / row["path"])} for row in reversed(baseline)]
    assert uar_difference(moved, baseline).difference == 0


def test_files_of_one_name_in_the_folders_of_two_speakers_are_other_clips():
    """As of SAVEE, or of two folds that leave one speaker out each."""
    rows = predictions_of([0, 1], np.eye(4)[[0, 1]], ["DC", "DC"]).records()
    one, other = ([{**row, "path": f"{name}/{row['path']}", "speaker": name} for row in rows] for name in ("DC", "JE"))
    with pytest.raises(UserError, match="0 are in both"):
        uar_difference(one, other)


def test_copies_of_a_clip_are_compared_one_by_one():
    """The protocol `paper` tests augmented copies."""
    one = predictions_of([0, 1, 2], np.eye(4)[[0, 1, 2]], ["1", "2", "3"])
    other = predictions_of([0, 1, 2], np.eye(4)[[1, 1, 1]], ["1", "2", "3"])
    clips, labels = one.clips + one.clips, np.tile(one.labels, 2)
    both = [
        ClipPredictions(clips, labels, np.concatenate(parts), EMOTIONS)
        for parts in ((one.probabilities, other.probabilities), (one.probabilities, one.probabilities))
    ]
    found = uar_difference(both[0].records(), both[1].records())
    assert (found.clips, found.difference) == (6, pytest.approx(2 / 3 - 1))


def test_labels_of_one_classifier_alone_count():
    """A classifier of six emotions and one of eight can be compared on clips of six."""
    eight = predictions_of([0, 1, 0], np.eye(4)[[3, 1, 0]], ["1", "2", "3"])
    two = predictions_of([0, 1, 0], np.eye(2)[[0, 1, 0]], ["1", "2", "3"], EMOTIONS[:2])
    assert uar_difference(two.records(), eight.records()).difference == pytest.approx(0.25)


@pytest.mark.parametrize("change", [{"emotion": "fear"}, {"path": "another.wav"}])
def test_other_clips_are_refused(change):
    rows = predictions_of([0, 1, 2], np.eye(4)[[0, 1, 2]]).records()
    with pytest.raises(UserError, match=r"its 3 clips are not the 3 of the baseline \(2 are in both"):
        uar_difference([{**rows[0], **change}, *rows[1:]], rows)


@pytest.fixture
def folders(tmp_path):
    """Two runs on the same clips, one on others, and the pooled folds of the first two."""
    rng = np.random.default_rng(3)
    predictions = random_predictions(rng)
    made = {
        "a": predictions,
        "b": other_predictions(predictions, rng, 0.6),
        "c": predictions.subset(np.arange(len(predictions)) < 100),
    }
    for number, (name, one) in enumerate(made.items()):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"seed": number, "data": {"fold": number}}))
        write_predictions(tmp_path / name / "evaluation", ABOUT, one)
    for name, one, run in (("folds-1", made["b"], "b"), ("folds-2", made["a"], "a")):
        rows = [{"fold": 0, "folder": str(Path("moved") / run)}, {"fold": 1, "folder": "elsewhere"}]
        write_predictions(tmp_path / name, {**ABOUT, "folds": rows}, one)
    return tmp_path


def test_compare_prints_the_difference_from_a_baseline(launch, folders):
    found = uar_difference(read_predictions(folders / "b/evaluation"), read_predictions(folders / "a/evaluation"))
    ran = launch("--mode=compare", f"--workdir={folders}", f"--baseline={folders / 'a'}")
    assert ran.status == 0, ran.err
    assert "UAR difference (95 % interval)" in ran.out
    lines = {Path(line.split()[0]).name: line for line in ran.out.splitlines()[1:]}
    assert set(lines) == {"a", "b", "c", "folds-1", "folds-2"}
    assert lines["a"].endswith("baseline")
    low, high = found.interval
    assert f"{found.difference:+.3f} ({low:.3f} to {high:.3f})" in lines["b"]
    assert "its 100 clips are not the 200 of the baseline" in lines["c"]


def test_pooled_folds_are_compared_with_their_configuration(launch, folders):
    pooled = f"--workdir={folders / 'folds-1'},{folders / 'folds-2'}"
    ran = launch("--mode=compare", pooled, f"--baseline={folders / 'folds-2'}", "--json")
    assert ran.status == 0, ran.err
    rows = {Path(row["folder"]).name: row for row in json.loads(ran.out)}
    assert {name: row["configuration"] for name, row in rows.items()} == {
        "folds-1": {"seed": "1"},
        "folds-2": {"seed": "0"},
    }
    assert rows["folds-2"]["uar_difference"] is None
    low, high = rows["folds-1"]["uar_difference_interval"]
    assert low < rows["folds-1"]["uar_difference"] < high


@pytest.mark.parametrize(
    ("baseline", "words"), [("c", "is not one of the compared runs"), ("a", "predictions.csv is missing or damaged")]
)
def test_a_baseline_without_predictions_is_refused(launch, folders, baseline, words):
    (folders / "a/evaluation/predictions.csv").unlink()
    ran = launch("--mode=compare", f"--workdir={folders / 'a'},{folders / 'b'}", f"--baseline={folders / baseline}")
    assert (ran.status, words in ran.err) == (2, True), ran.err
