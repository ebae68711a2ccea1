"""Sets given by named speakers, by corpora or by published tables: test speakers are never in the training set."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from aersut.contracts import Clip
from aersut.corpora.cremad import FEMALE
from aersut.data.assignment import SPLITS
from aersut.data.protocols import PUBLISHED
from tests.data.splits.speakers import (
    UNUSED,
    distinct_contents,
    in_several_sets,
    make_split,
    quick,
    refused,
    seeds,
    speaker_clips,
    speakers_in,
)


class TestGiven:
    NAMED = {"protocol": "given", "train_speakers": ("1", "2"), "validation_speakers": ("3",), "test_speakers": ("4",)}

    def test_assigns_the_named_speakers_and_no_others(self):
        clips = speaker_clips(3, 3)
        one = make_split(clips, versions=2, **self.NAMED)
        assert [speakers_in(one, clips, name) for name in SPLITS] == [{"1", "2"}, {"3"}, {"4"}]
        assert all(
            (row == UNUSED).all() for row, clip in zip(one.assignment, clips, strict=True) if int(clip.speaker) > 4
        )
        assert one.speaker_independent
        assert one.unused == sum(int(clip.speaker) > 4 for clip in clips) > 0

    def test_without_a_clip_of_a_set_says_so(self):
        clips = [replace(clip, split="train" if int(clip.speaker) < 4 else "test") for clip in speaker_clips(3, 3)]
        assert refused(clips, protocol="given") == (
            "protocol 'given' leaves the validation set empty: no clip has split=validation. Add it to rows of the "
            "manifest."
        )

    def test_accepts_names_with_the_corpus_as_prefix(self):
        clips = speaker_clips(3, 3) + speaker_clips(2, 2, corpus="other")
        named = {"train_speakers": ("ravdess:1", "5"), "validation_speakers": ("other:1",), "test_speakers": ("6",)}
        one = make_split(clips, protocol="given", **named)
        ids = [{clips[clip].speaker_id for clip, _ in one.examples(name)} for name in SPLITS]
        assert ids == [{"ravdess:1", "ravdess:5"}, {"other:1"}, {"ravdess:6"}]

    def test_refuses_an_ambiguous_name_and_lists_the_speakers(self):
        clips = speaker_clips(3, 3) + speaker_clips(2, 2, corpus="other")
        message = refused(clips, **self.NAMED)
        assert message.startswith("data.train_speakers: speaker '1' is ambiguous. Use one of other:1, ravdess:1.")

    @pytest.mark.parametrize("names", [("01", "02", "03", "04"), ("ravdess:01", "ravdess:2", "ravdess:03", "4")])
    def test_accepts_numbers_with_leading_zeros_as_in_ravdess_file_names(self, names):
        clips = speaker_clips(3, 3)
        named = {"train_speakers": names[:2], "validation_speakers": names[2:3], "test_speakers": names[3:]}
        one = make_split(clips, protocol="given", **named)
        assert [speakers_in(one, clips, name) for name in SPLITS] == [{"1", "2"}, {"3"}, {"4"}]

    @pytest.mark.parametrize("name", ["03", "3", "emodb:03", "emodb:3"])
    def test_accepts_numbers_without_the_leading_zeros_of_the_corpus(self, name):
        clips = [replace(clip, speaker=f"{int(clip.speaker):02}") for clip in speaker_clips(3, 3, corpus="emodb")]
        one = make_split(clips, **{**self.NAMED, "validation_speakers": (name,)})
        assert speakers_in(one, clips, "validation") == {"03"}

    def test_distinguishes_leading_zeros_in_a_corpus_with_both_spellings(self):
        clips = [*speaker_clips(2, 2), *(replace(clip, speaker=f"0{clip.speaker}") for clip in speaker_clips(1, 1))]
        named = {"train_speakers": ("1", "2"), "validation_speakers": ("01",), "test_speakers": ("02",)}
        one = make_split(clips, [str(n) for n in range(len(clips))], protocol="given", **named)
        assert [speakers_in(one, clips, name) for name in SPLITS] == [{"1", "2"}, {"01"}, {"02"}]

    def test_refuses_a_number_that_two_corpora_have_in_two_spellings(self):
        padded = [replace(clip, speaker=f"0{clip.speaker}") for clip in speaker_clips(2, 2, corpus="emodb")]
        message = refused(speaker_clips(2, 2) + padded, **{**self.NAMED, "train_speakers": ("01",)})
        assert message == "data.train_speakers: speaker '01' is ambiguous. Use one of emodb:01, ravdess:1."

    def test_refuses_an_unknown_name_and_lists_the_known_ones(self):
        message = refused(speaker_clips(2, 2), **{**self.NAMED, "test_speakers": ("12",)})
        assert message == (
            "data.test_speakers: speaker '12' is unknown. Known: ravdess:1, ravdess:2, ravdess:3, ravdess:4."
        )

    @pytest.mark.parametrize("twice", ["2", "ravdess:2"])
    def test_refuses_a_speaker_named_for_two_sets(self, twice):
        message = refused(speaker_clips(3, 3), **{**self.NAMED, "test_speakers": ("4", twice)})
        assert message == f"data: speaker '{twice}' is named for two sets. Name each speaker once."

    def test_refuses_a_recording_in_two_sets_and_names_both_files(self):
        clips = speaker_clips(3, 3)
        contents = distinct_contents(clips)
        mine, theirs = (next(n for n, clip in enumerate(clips) if clip.speaker == name) for name in ("1", "4"))
        contents[mine] = contents[theirs]
        message = refused(clips, contents, **self.NAMED)
        assert message == (
            "protocol 'given': identical recordings are in two sets. Keep only one of "
            f"{clips[mine].path}, {clips[theirs].path}."
        )

    def test_without_speakers_uses_the_sets_that_the_corpus_assigns(self):
        sets = {"1": "train", "2": "train", "3": "validation", "4": "test", "5": ""}
        clips = [Clip(c.path, c.emotion, c.speaker, "own", split=sets[c.speaker]) for c in speaker_clips(2, 3)]
        one = make_split(clips, protocol="given")
        assert [speakers_in(one, clips, name) for name in SPLITS] == [{"1", "2"}, {"3"}, {"4"}]

    def test_refuses_sets_of_a_corpus_with_a_common_speaker_and_names_the_speaker(self):
        clips = [Clip(c.path, c.emotion, "7", "own", split=SPLITS[n % 3]) for n, c in enumerate(speaker_clips(2, 2))]
        message = refused(clips, protocol="given")
        assert message.startswith("protocol 'given': speakers are in two sets: own:7. Assign each to one set, or ")
        assert "protocol=random" in message

    def test_without_speakers_is_refused_where_the_corpus_assigns_none(self):
        assert refused(speaker_clips(2, 2), protocol="given").startswith(
            "protocol 'given' needs data.train_speakers, data.validation_speakers and data.test_speakers"
        )


class TestCrossCorpus:
    @quick
    @given(seeds)
    def test_tests_on_the_whole_of_the_corpora_that_are_named_and_on_no_other(self, seed):
        clips = speaker_clips(5, 5) + speaker_clips(4, 4, corpus="cremad", first=1001)
        one = make_split(clips, protocol="cross_corpus", test_corpora=("cremad",), seed=seed)
        assert {clip for clip, _ in one.examples("test")} == {n for n, c in enumerate(clips) if c.corpus == "cremad"}
        assert in_several_sets(one, [clip.speaker_id for clip in clips]) == set()
        assert len(one.examples("validation"))
        assert one.speaker_independent

    def test_names_a_missing_corpus(self):
        message = refused(speaker_clips(4, 4), protocol="cross_corpus", test_corpora=("cremad",))
        assert message == "data.test_corpora: cremad is not one of data.corpora, ravdess."

    def test_refuses_to_test_on_everything(self):
        message = refused(speaker_clips(4, 4), protocol="cross_corpus", test_corpora=("ravdess",))
        assert message == (
            "protocol 'cross_corpus' leaves the training set empty: all corpora are in data.test_corpora. Omit one, or "
            "add another to data.corpora."
        )


class TestGivenFolds:
    """Folds of a manifest, such as the sessions of IEMOCAP."""

    @staticmethod
    def sessions(pairs=5):
        """A woman and a man in each of the folds Ses1, Ses2, …."""
        return [replace(clip, fold=f"Ses{(int(clip.speaker) + 1) // 2}") for clip in speaker_clips(pairs, pairs)]

    def test_each_fold_tests_once_and_no_speaker_is_in_two_sets(self):
        clips, tested = self.sessions(11), []
        for fold in range(11):
            one = make_split(clips, protocol="given_folds", fold=fold)
            assert one.speaker_independent
            assert len(speakers_in(one, clips, "validation")) >= 2
            assert speakers_in(one, clips, "train")
            (name,) = {clips[clip].fold for clip, _ in one.examples("test")}
            tested.append(name)
        assert tested == [f"Ses{number}" for number in range(1, 12)], "in the order of their numbers"

    def test_clips_without_a_fold_are_not_used(self):
        clips = [replace(clip, fold="" if clip.speaker == "3" else clip.fold) for clip in self.sessions()]
        one = make_split(clips, protocol="given_folds", fold=0)
        assert one.unused == sum(clip.speaker == "3" for clip in clips)
        assert not any("3" in speakers_in(one, clips, name) for name in SPLITS)

    def test_a_speaker_in_two_folds_is_refused(self):
        clips = [replace(clip, speaker="1" if clip.speaker == "3" else clip.speaker) for clip in self.sessions()]
        assert "speakers are in two sets: ravdess:1" in refused(clips, protocol="given_folds", fold=0)

    @pytest.mark.parametrize(
        ("pairs", "fold", "words"),
        [
            (5, 5, "data.fold: the 5 folds of the manifest (Ses1, Ses2, Ses3, Ses4, Ses5) are 0 to 4, got 5."),
            (0, 0, "protocol 'given_folds' needs a manifest with a column 'fold'."),
            (1, 0, "protocol 'given_folds' leaves the training set empty: the other folds need at least two speakers"),
        ],
    )
    def test_a_mistake_is_named(self, pairs, fold, words):
        clips = self.sessions(pairs) or speaker_clips(2, 2)
        assert words in refused(clips, protocol="given_folds", fold=fold)


class TestUnknownSpeakers:
    """Some podcasts and call recordings do not tell who speaks."""

    @staticmethod
    def clips(unknown):
        clips = [replace(clip, split=SPLITS[int(clip.speaker) % 3]) for clip in speaker_clips(3, 3)]
        return [replace(clip, speaker="unknown") if clip.speaker in unknown else clip for clip in clips]

    def test_in_two_sets_are_accepted_with_a_warning(self):
        one = make_split(self.clips(("1", "2")), protocol="given")
        assert not one.speaker_independent
        assert "clips of unknown speakers may be of speakers of another set" in one.warning

    def test_in_one_set_may_be_of_speakers_of_another(self):
        one = make_split(self.clips(("1", "4")), protocol="given")
        assert not one.speaker_independent
        assert "may be speaker-dependent" in one.warning

    def test_that_are_not_used_change_nothing(self):
        clips = [replace(clip, split="") if clip.speaker == "unknown" else clip for clip in self.clips(("1",))]
        assert make_split(clips, protocol="given").warning == ""

    def test_under_a_protocol_by_clip_are_not_mentioned(self):
        clips = [replace(clip, speaker="unknown") for clip in speaker_clips(6, 6, takes=3)]
        assert "'random' is speaker-dependent" in make_split(clips, protocol="random").warning

    def test_do_not_excuse_known_ones(self):
        clips = [replace(clip, speaker="9") if clip.speaker in ("3", "4") else clip for clip in self.clips(("1", "2"))]
        message = refused(clips, protocol="given")
        assert "speakers are in two sets: ravdess:9." in message


class TestLeaveOneSpeakerOut:
    def test_tests_each_speaker_once_in_the_order_of_their_numbers(self):
        clips = speaker_clips(6, 6)
        tested = []
        for fold in range(12):
            one = make_split(clips, protocol="leave_one_speaker_out", fold=fold)
            assert in_several_sets(one, [clip.speaker for clip in clips]) == set()
            assert len(one.examples("validation"))
            (speaker,) = speakers_in(one, clips, "test")
            tested.append(speaker)
        assert tested == [str(number) for number in range(1, 13)]

    def test_validates_on_one_of_two_speakers_of_different_sex(self):
        clips = speaker_clips(2, 1)
        for fold in range(3):
            one = make_split(clips, protocol="leave_one_speaker_out", fold=fold)
            assert [len(speakers_in(one, clips, name)) for name in SPLITS] == [1, 1, 1]

    def test_has_as_many_folds_as_speakers(self):
        message = refused(speaker_clips(6, 6), protocol="leave_one_speaker_out", fold=12)
        assert message == "data.fold: 12 speakers make folds 0 to 11, got 12."


class TestPublished:
    # typed anew from the publications
    RAVDESS5 = "2,5,14,15,16 3,6,7,13,18 10,11,12,19,20 8,17,21,23,24 1,4,9,22"
    RAVDESS5_VALIDATION = "3,6 10,11 8,17 1,14 2,5"
    RAVDESS6 = "1,11,20,21 4,10,12,14 8,9,19,23 3,5,7,24 2,15,16,18 6,13,17,22"

    @pytest.mark.parametrize("fold", range(5))
    def test_ravdess5_has_the_speakers_of_the_publication(self, fold):
        clips = speaker_clips(12, 12)
        one = make_split(clips, protocol="ravdess5", fold=fold)
        assert speakers_in(one, clips, "test") == set(self.RAVDESS5.split()[fold].split(","))
        assert speakers_in(one, clips, "validation") == set(self.RAVDESS5_VALIDATION.split()[fold].split(","))
        assert one.missing == ()
        assert one.warning == ""

    @pytest.mark.parametrize("fold", range(6))
    def test_ravdess6_has_the_speakers_of_the_publication_and_validates_on_some_of_the_others(self, fold):
        clips = speaker_clips(12, 12)
        one = make_split(clips, protocol="ravdess6", fold=fold)
        assert speakers_in(one, clips, "test") == set(self.RAVDESS6.split()[fold].split(","))
        sexes = Counter(int(speaker) % 2 for speaker in speakers_in(one, clips, "validation"))
        assert set(sexes) == {0, 1}  # women and men
        assert one.speaker_independent

    def test_cremad_tfds_splits_91_speakers_as_the_publication_does(self):
        clips = [Clip(Path(f"{n}_{e}.wav"), e, str(n), "cremad") for n in range(1001, 1092) for e in ("sad", "happy")]
        one = make_split(clips, protocol="cremad_tfds")
        assert [len(speakers_in(one, clips, name)) for name in SPLITS] == [63, 9, 19]
        assert {"1010", "1048", "1088"} < speakers_in(one, clips, "test")
        assert {"1015", "1090"} < speakers_in(one, clips, "validation")

    @pytest.mark.parametrize("fold", range(5))
    def test_combined5_has_the_folds_of_ravdess5_and_of_cremad(self, fold):
        clips = speaker_clips(12, 12) + [
            Clip(Path(f"{n}.wav"), "sad", str(n), "cremad", "female" if str(n) in FEMALE else "male")
            for n in range(1001, 1092)
        ]
        one, alone = make_split(clips, protocol="combined5", fold=fold), speaker_clips(12, 12)
        ravdess5 = make_split(alone, protocol="ravdess5", fold=fold)
        for name, women, men in (("test", {8, 9}, {9, 10}), ("validation", {4}, {4})):
            chosen = speakers_in(one, clips, name)
            cremad = {speaker for speaker in chosen if int(speaker) > 1000}
            assert chosen - cremad == speakers_in(ravdess5, alone, name)
            assert len(cremad & FEMALE) in women
            assert len(cremad - FEMALE) in men
        assert one.speaker_independent
        assert one.missing == ()

    def test_combined5_tests_each_speaker_once(self):
        tested = [speaker for fold in PUBLISHED["combined5"].test for speaker in fold]
        assert sorted(tested) == [*range(1, 25), *range(1001, 1092)]

    @pytest.mark.parametrize("name", PUBLISHED)
    def test_every_table_is_a_split(self, name):
        rule = PUBLISHED[name]
        tested = [speaker for fold in rule.test for speaker in fold]
        assert len(tested) == len(set(tested))
        for test, validation in zip(rule.test, rule.validation, strict=False):
            assert not set(test) & set(validation)

    def test_names_the_missing_speakers(self):
        clips = [clip for clip in speaker_clips(12, 12) if clip.speaker not in ("2", "6", "20")]
        one = make_split(clips, protocol="ravdess5")
        assert one.missing == ("validation: 6", "test: 2", "all folds: 2, 6, 20")
        assert one.warning == (
            "protocol 'ravdess5' is incomplete: missing speakers: validation: 6; test: 2; all folds: 2, 6, 20."
        )

    def test_refuses_another_corpus_and_names_it(self):
        clips = speaker_clips(12, 12) + speaker_clips(2, 2, corpus="cremad", first=1001)
        assert refused(clips, protocol="ravdess5") == (
            "protocol 'ravdess5' is defined for ravdess only. For other speech, set data.protocol=speaker; or remove "
            "cremad from data.corpora."
        )

    def test_refuses_a_fold_that_it_does_not_have(self):
        clips = [clip for clip in speaker_clips(12, 12) if int(clip.speaker) < 8]
        assert (
            "the test set empty: speakers of fold 3 are missing (validation: 14; test: 8, 17, 21, 23, 24)"
            in refused(clips, protocol="ravdess5", fold=3)
        )
        tested = [clip for clip in speaker_clips(12, 12) if int(clip.speaker) in (3, 6, 7, 13, 18, 10, 11)]
        assert "the training set empty: speakers of fold 1 are missing (all folds: 1, 2, 4" in refused(
            tested, protocol="ravdess5", fold=1
        )
        message = refused(speaker_clips(12, 12), protocol="ravdess5", fold=5)
        assert message == "data.fold: protocol 'ravdess5' has folds 0 to 4, got 5."
