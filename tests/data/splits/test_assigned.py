"""Speakers whose parts are given, named or published: nobody is heard in training who judges the network later."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given

from aersut.contracts import Clip
from aersut.data.protocols import PUBLISHED
from aersut.data.splits import PARTS
from tests.data.splits.people import (
    UNUSED,
    cut,
    people,
    quick,
    refused,
    seeds,
    straddling,
    unlike,
    who,
)


class TestGiven:
    NAMED = {"protocol": "given", "train_speakers": ("1", "2"), "validation_speakers": ("3",), "test_speakers": ("4",)}

    def test_takes_the_speakers_that_are_named_and_no_others(self):
        clips = people(3, 3)
        one = cut(clips, versions=2, **self.NAMED)
        assert [who(one, clips, part) for part in PARTS] == [{"1", "2"}, {"3"}, {"4"}]
        assert all((row == UNUSED).all() for row, clip in zip(one.parts, clips, strict=True) if int(clip.speaker) > 4)
        assert one.speaker_independent

    def test_takes_them_by_their_corpus_too(self):
        clips = people(3, 3) + people(2, 2, corpus="other")
        named = {"train_speakers": ("ravdess:1", "5"), "validation_speakers": ("other:1",), "test_speakers": ("6",)}
        one = cut(clips, protocol="given", **named)
        ids = [{clips[clip].speaker_id for clip, _ in one.items(part)} for part in PARTS]
        assert ids == [{"ravdess:1", "ravdess:5"}, {"other:1"}, {"ravdess:6"}]

    def test_refuses_a_name_that_two_corpora_have_and_lists_both(self):
        clips = people(3, 3) + people(2, 2, corpus="other")
        message = refused(clips, **self.NAMED)
        assert message.startswith("data.train_speakers: speaker '1' is one of several among other:1, other:2, ")
        assert "ravdess:1" in message

    def test_refuses_a_name_that_nobody_has_and_lists_those_there_are(self):
        message = refused(people(2, 2), **{**self.NAMED, "test_speakers": ("12",)})
        assert message == ("data.test_speakers: speaker '12' is none of ravdess:1, ravdess:2, ravdess:3, ravdess:4.")

    @pytest.mark.parametrize("twice", ["2", "ravdess:2"])
    def test_refuses_a_speaker_who_is_named_for_two_parts(self, twice):
        message = refused(people(3, 3), **{**self.NAMED, "test_speakers": ("4", twice)})
        assert message == f"data: speaker '{twice}' is named for two parts; name each speaker once."

    def test_refuses_a_recording_that_two_parts_would_share_and_names_both_files(self):
        clips = people(3, 3)
        contents = unlike(clips)
        mine, theirs = (next(n for n, clip in enumerate(clips) if clip.speaker == name) for name in ("1", "4"))
        contents[mine] = contents[theirs]
        message = refused(clips, contents, **self.NAMED)
        assert message == (
            "protocol 'given': equal recordings are in two parts; remove one of "
            f"{clips[mine].path}, {clips[theirs].path}."
        )

    def test_without_speakers_takes_the_parts_that_the_corpus_itself_assigns(self):
        parts = {"1": "train", "2": "train", "3": "validation", "4": "test", "5": ""}
        clips = [Clip(c.path, c.emotion, c.speaker, "own", part=parts[c.speaker]) for c in people(2, 3)]
        one = cut(clips, protocol="given")
        assert [who(one, clips, part) for part in PARTS] == [{"1", "2"}, {"3"}, {"4"}]

    def test_refuses_parts_of_the_corpus_itself_that_share_a_speaker_and_names_them(self):
        clips = [Clip(c.path, c.emotion, "7", "own", part=PARTS[n % 3]) for n, c in enumerate(people(2, 2))]
        message = refused(clips, protocol="given")
        assert message.startswith("protocol 'given': speakers are in two parts: own:7. Put each into one part, or ")
        assert "protocol=random" in message

    def test_without_speakers_is_refused_where_the_corpus_assigns_none(self):
        assert refused(people(2, 2), protocol="given").startswith(
            "protocol 'given' needs data.train_speakers, data.validation_speakers and data.test_speakers"
        )


class TestCrossCorpus:
    @quick
    @given(seeds)
    def test_tests_on_the_whole_of_the_corpora_that_are_named_and_on_no_other(self, seed):
        clips = people(5, 5) + people(4, 4, corpus="cremad", first=1001)
        one = cut(clips, protocol="cross_corpus", test_corpora=("cremad",), seed=seed)
        assert {clip for clip, _ in one.items("test")} == {n for n, c in enumerate(clips) if c.corpus == "cremad"}
        assert straddling(one, [clip.speaker_id for clip in clips]) == set()
        assert len(one.items("validation"))
        assert one.speaker_independent

    def test_names_a_corpus_that_is_not_there(self):
        message = refused(people(4, 4), protocol="cross_corpus", test_corpora=("cremad",))
        assert message == "data.test_corpora: cremad is none of data.corpora, ravdess."

    def test_refuses_to_test_on_everything(self):
        message = refused(people(4, 4), protocol="cross_corpus", test_corpora=("ravdess",))
        assert message.startswith("protocol 'cross_corpus' leaves the train part empty")


class TestLeaveOneSpeakerOut:
    def test_tests_each_speaker_once_in_the_order_of_their_numbers(self):
        clips = people(6, 6)
        tested = []
        for fold in range(12):
            one = cut(clips, protocol="leave_one_speaker_out", fold=fold)
            assert straddling(one, [clip.speaker for clip in clips]) == set()
            assert len(one.items("validation"))
            (speaker,) = who(one, clips, "test")
            tested.append(speaker)
        assert tested == [str(number) for number in range(1, 13)]

    def test_has_as_many_folds_as_speakers(self):
        message = refused(people(6, 6), protocol="leave_one_speaker_out", fold=12)
        assert message == "data.fold: there are 12 speakers, folds 0 to 11, not 12."


class TestPublished:
    # typed anew from the publications
    RAVDESS5 = "2,5,14,15,16 3,6,7,13,18 10,11,12,19,20 8,17,21,23,24 1,4,9,22"
    RAVDESS5_VALIDATION = "3,6 10,11 8,17 1,14 2,5"
    RAVDESS6 = "1,11,20,21 4,10,12,14 8,9,19,23 3,5,7,24 2,15,16,18 6,13,17,22"

    @pytest.mark.parametrize("fold", range(5))
    def test_ravdess5_has_the_speakers_of_the_publication(self, fold):
        clips = people(12, 12)
        one = cut(clips, protocol="ravdess5", fold=fold)
        assert who(one, clips, "test") == set(self.RAVDESS5.split()[fold].split(","))
        assert who(one, clips, "validation") == set(self.RAVDESS5_VALIDATION.split()[fold].split(","))
        assert one.missing == ()
        assert one.warning == ""

    @pytest.mark.parametrize("fold", range(6))
    def test_ravdess6_has_the_speakers_of_the_publication_and_validates_on_some_of_the_others(self, fold):
        clips = people(12, 12)
        one = cut(clips, protocol="ravdess6", fold=fold)
        assert who(one, clips, "test") == set(self.RAVDESS6.split()[fold].split(","))
        sexes = Counter(int(speaker) % 2 for speaker in who(one, clips, "validation"))
        assert set(sexes) == {0, 1}  # women and men
        assert one.speaker_independent

    def test_cremad_tfds_splits_91_speakers_as_the_publication_does(self):
        clips = [Clip(Path(f"{n}_{e}.wav"), e, str(n), "cremad") for n in range(1001, 1092) for e in ("sad", "happy")]
        one = cut(clips, protocol="cremad_tfds")
        assert [len(who(one, clips, part)) for part in PARTS] == [63, 9, 19]
        assert {"1010", "1048", "1088"} < who(one, clips, "test")
        assert {"1015", "1090"} < who(one, clips, "validation")

    @pytest.mark.parametrize("name", PUBLISHED)
    def test_every_table_is_a_split(self, name):
        rule = PUBLISHED[name]
        tested = [speaker for fold in rule.test for speaker in fold]
        assert len(tested) == len(set(tested))
        for test, validation in zip(rule.test, rule.validation, strict=False):
            assert not set(test) & set(validation)

    def test_names_the_speakers_who_are_not_there(self):
        clips = [clip for clip in people(12, 12) if clip.speaker not in ("2", "6", "20")]
        one = cut(clips, protocol="ravdess5")
        assert one.missing == ("validation: 6", "test: 2", "in all: 2, 6, 20")
        assert one.warning == (
            "protocol 'ravdess5' is not complete; speakers that are missing: validation: 6; test: 2; in all: 2, 6, 20."
        )

    def test_refuses_another_corpus_and_names_it(self):
        clips = people(12, 12) + people(2, 2, corpus="cremad", first=1001)
        assert refused(clips, protocol="ravdess5") == "protocol 'ravdess5' is for ravdess alone, not for cremad."

    def test_refuses_a_fold_that_it_does_not_have(self):
        message = refused(people(12, 12), protocol="ravdess5", fold=5)
        assert message == "data.fold: protocol 'ravdess5' has folds 0 to 4, not 5."
