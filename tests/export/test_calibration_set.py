"""Selection of the calibration clips."""

import numpy as np
import pytest

from aersut.errors import UserError
from aersut.export.calibration_set import choose_calibration_set

EMOTIONS = ("calm", "sad", "angry")
LABELS = np.array([0] * 10 + [1] * 4 + [2] * 2)
EXAMPLES = np.array([(clip, version) for clip in range(16) for version in range(3)])


def test_emotions_are_balanced_as_far_as_clips_allow():
    chosen = choose_calibration_set(EXAMPLES, LABELS, EMOTIONS, 9, seed=0)
    assert np.bincount(LABELS[chosen[:, 0]]).tolist() == [4, 3, 2]
    assert set(chosen[:, 1]) == {0}, "originals, not augmented copies"
    assert len(np.unique(chosen[:, 0])) == 9


def test_the_seed_decides():
    one, again, other = (choose_calibration_set(EXAMPLES, LABELS, EMOTIONS, 6, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_at_most_all_clips_are_chosen():
    assert len(choose_calibration_set(EXAMPLES, LABELS, EMOTIONS, 500, seed=0)) == 16


def test_copies_are_chosen_where_there_are_no_originals():
    copies = EXAMPLES[EXAMPLES[:, 1] > 0]
    assert len(choose_calibration_set(copies, LABELS, EMOTIONS, 6, seed=0)) == 6


def test_too_few_clips_are_an_error():
    with pytest.raises(UserError, match=r"5 clips are too few to calibrate int8 for 3 emotions.*at least 6"):
        choose_calibration_set(EXAMPLES, LABELS, EMOTIONS, 5, seed=0)


@pytest.mark.parametrize("few", [0, 1])
def test_a_class_with_few_training_clips_or_none_does_not_prevent_calibration(few):
    labels = np.where(np.arange(16) >= 14 + few, 0, LABELS)
    chosen = choose_calibration_set(EXAMPLES, labels, EMOTIONS, 9, seed=0)
    assert np.bincount(labels[chosen[:, 0]], minlength=3).tolist() == [5 - few, 4, few]
