"""Records, examples and folds of a split."""

import json
import os
from pathlib import Path

import pytest

from aersut.config import Data
from aersut.contracts import Clip
from aersut.data.assignment import SPLITS
from aersut.data.protocols import PROTOCOLS
from aersut.data.splits import read_split, to_records
from tests.data.splits.speakers import (
    TRAIN,
    distinct_contents,
    make_split,
    speaker_clips,
)


class TestSplitJSON:
    def test_has_each_clip_with_the_set_of_each_version(self):
        clips = speaker_clips(10, 10)
        one = make_split(clips, versions=3, protocol="speaker")
        records = json.loads(json.dumps(to_records(one, clips, distinct_contents(clips))))
        assert (records["protocol"], records["leaks"], records["speaker_independent"]) == ("speaker", False, True)
        assert len(records["clips"]) == len(clips)
        for clip, row, record in zip(clips, one.assignment, records["clips"], strict=True):
            assert record["path"] == str(clip.path)
            assert (record["corpus"], record["speaker"], record["emotion"]) == (clip.corpus, clip.speaker, clip.emotion)
            assert record["splits"] == [SPLITS[index] if index >= 0 else None for index in row]
        kinds = {tuple(record["splits"]) for record in records["clips"]}
        assert kinds == {("train",) * 3, ("validation", None, None), ("test", None, None)}

    def test_can_be_written_for_names_that_are_not_utf_8(self):
        clips = speaker_clips(10, 10)
        clips[0] = Clip(Path(os.fsdecode(b"caf\xe9.wav")), "sad", "2", "ravdess", "female")
        contents = distinct_contents(speaker_clips(10, 10))
        records = to_records(make_split(clips, contents, protocol="speaker"), clips, contents)
        assert records["clips"][0]["path"] == "caf\\udce9.wav"
        json.dumps(records, ensure_ascii=False).encode()

    def test_of_an_earlier_version_has_the_key_parts(self, tmp_path):
        clips = speaker_clips(10, 10)
        records = to_records(make_split(clips, protocol="speaker"), clips, distinct_contents(clips))
        earlier = {**records, "clips": [{**clip, "parts": clip["splits"]} for clip in records["clips"]]}
        for clip in earlier["clips"]:
            del clip["splits"]
        for name, tree in (("earlier.json", earlier), ("today.json", records)):
            (tmp_path / name).write_text(json.dumps(tree))
            assert read_split(tmp_path / name) == records

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"protocol": "speaker"}'])
    def test_that_is_damaged_is_none(self, tmp_path, text):
        (tmp_path / "split.json").write_text(text)
        assert read_split(tmp_path / "split.json") is None


def test_examples_are_the_clips_and_versions_of_a_set_in_order():
    clips = speaker_clips(10, 10)
    one = make_split(clips, versions=2, protocol="speaker")
    examples = one.examples("train").tolist()
    assert examples == sorted(examples)
    assert all(one.assignment[clip, version] == TRAIN for clip, version in examples)
    assert len(examples) == (one.assignment == TRAIN).sum()


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
def test_as_many_folds_as_there_are_disjoint_test_sets(rule, count):
    clips = speaker_clips(4, 4)
    data = Data(**rule)
    assert PROTOCOLS[data.protocol].folds(data, clips) == count
    if rule["protocol"] in ("speaker", "random", "leave_one_speaker_out"):
        tested = [
            row for fold in range(count) for row in make_split(clips, fold=fold, **rule).examples("test")[:, 0].tolist()
        ]
        assert len(set(tested)) == len(tested)
        assert len(tested) == len(clips) or rule["protocol"] == "random"  # three thirds less a tenth
