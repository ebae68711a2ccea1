"""The clips that int8 is calibrated with."""

import numpy as np
import pytest

from aersut.errors import UserError
from aersut.export.calibration import choose

EMOTIONS = ("calm", "sad", "angry")
LABELS = np.array([0] * 10 + [1] * 4 + [2] * 2)
ITEMS = np.array([(clip, version) for clip in range(16) for version in range(3)])


def test_every_emotion_takes_part_as_often_as_there_are_clips():
    chosen = choose(ITEMS, LABELS, EMOTIONS, 9, seed=0)
    assert np.bincount(LABELS[chosen[:, 0]]).tolist() == [4, 3, 2]
    assert set(chosen[:, 1]) == {0}, "the clips themselves, not their copies"
    assert len(np.unique(chosen[:, 0])) == 9


def test_the_seed_decides():
    one, again, other = (choose(ITEMS, LABELS, EMOTIONS, 6, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_no_more_than_there_are():
    assert len(choose(ITEMS, LABELS, EMOTIONS, 500, seed=0)) == 16


def test_copies_serve_where_the_part_has_nothing_else():
    copies = ITEMS[ITEMS[:, 1] > 0]
    assert len(choose(copies, LABELS, EMOTIONS, 6, seed=0)) == 6


@pytest.mark.parametrize(
    ("labels", "count", "message"),
    [
        (LABELS, 5, r"5 clips are too few to calibrate 3 emotions with.*at least 6"),
        (np.where(LABELS == 1, 0, LABELS), 9, "no training clip is sad"),
        (np.where(np.arange(16) == 15, 0, LABELS), 9, "too few clips.*fewer than 2 of angry"),
    ],
)
def test_what_cannot_calibrate_is_named(labels: np.ndarray, count: int, message: str):
    with pytest.raises(UserError, match=message):
        choose(ITEMS, labels, EMOTIONS, count, seed=0)
