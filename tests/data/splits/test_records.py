"""What a split says of itself: its records, its items, its folds."""

import json
import os
from pathlib import Path

import pytest

from aersut.config import Data
from aersut.contracts import Clip
from aersut.data.splits import PARTS, count_folds, to_records
from tests.data.splits.people import (
    TRAIN,
    cut,
    people,
    unlike,
)


class TestSplitJSON:
    def test_has_each_clip_with_the_part_of_each_version(self):
        clips = people(10, 10)
        one = cut(clips, versions=3, protocol="speaker")
        records = json.loads(json.dumps(to_records(one, clips, unlike(clips))))
        assert (records["protocol"], records["leaks"], records["speaker_independent"]) == ("speaker", False, True)
        assert len(records["clips"]) == len(clips)
        for clip, row, record in zip(clips, one.parts, records["clips"], strict=True):
            assert record["path"] == str(clip.path)
            assert (record["corpus"], record["speaker"], record["emotion"]) == (clip.corpus, clip.speaker, clip.emotion)
            assert record["parts"] == [PARTS[part] if part >= 0 else None for part in row]
        kinds = {tuple(record["parts"]) for record in records["clips"]}
        assert kinds == {("train",) * 3, ("validation", None, None), ("test", None, None)}

    def test_can_be_written_for_names_that_are_no_utf_8(self):
        clips = people(10, 10)
        clips[0] = Clip(Path(os.fsdecode(b"caf\xe9.wav")), "sad", "2", "ravdess", "female")
        contents = unlike(people(10, 10))
        records = to_records(cut(clips, contents, protocol="speaker"), clips, contents)
        assert records["clips"][0]["path"] == "caf\\udce9.wav"
        json.dumps(records, ensure_ascii=False).encode()


def test_items_are_the_clips_and_versions_of_a_part_in_order():
    clips = people(10, 10)
    one = cut(clips, versions=2, protocol="speaker")
    items = one.items("train").tolist()
    assert items == sorted(items)
    assert all(one.parts[clip, version] == TRAIN for clip, version in items)
    assert len(items) == (one.parts == TRAIN).sum()


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ({"protocol": "speaker", "test": 0.25}, 4),
        ({"protocol": "random", "test": 0.3}, 3),
        ({"protocol": "leave_one_speaker_out"}, 8),
        ({"protocol": "ravdess5"}, 5),
        ({"protocol": "ravdess6"}, 6),
        ({"protocol": "given"}, 1),
    ],
)
def test_as_many_folds_as_there_are_disjoint_test_parts(rule, count):
    clips = people(4, 4)
    assert count_folds(Data(**rule), clips) == count
    if rule["protocol"] in ("speaker", "random", "leave_one_speaker_out"):
        tested = [row for fold in range(count) for row in cut(clips, fold=fold, **rule).items("test")[:, 0].tolist()]
        assert len(set(tested)) == len(tested)
        assert len(tested) == len(clips) or rule["protocol"] == "random"  # three thirds less a tenth
