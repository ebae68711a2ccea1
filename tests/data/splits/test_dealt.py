"""Sets by fractions of speakers or clips: for every corpus, test speakers are never in the training set."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aersut.data.assignment import SPLITS
from aersut.labels import EMOTIONS
from tests.data.splits.speakers import (
    TEST,
    TRAIN,
    UNUSED,
    corpora,
    dealt,
    distinct_contents,
    folds,
    in_several_sets,
    make_split,
    quick,
    refused,
    seeds,
    speaker_clips,
    speakers_in,
)


class TestSpeaker:
    @quick
    @given(corpora, folds, seeds, st.integers(1, 3), st.data())
    def test_has_every_clip_in_one_set_and_no_speaker_in_two(self, clips, count, seed, versions, data):
        fold = data.draw(st.integers(0, count - 1))
        one = make_split(clips, versions=versions, protocol="speaker", test=1 / count, fold=fold, seed=seed)
        assert one.assignment.shape == (len(clips), versions)
        assert (one.assignment[:, 0] != UNUSED).all()
        found = [speakers_in(one, clips, name) for name in SPLITS]
        assert all(found)
        assert sum(map(len, found)) == len(set.union(*found)) == len({clip.speaker for clip in clips})
        assert one.speaker_independent
        assert not one.leaks
        assert one.warning == ""
        assert one.missing == ()

    @quick
    @given(corpora, folds, seeds)
    def test_tests_each_sex_in_proportion(self, clips, count, seed):
        one = make_split(clips, protocol="speaker", test=1 / count, seed=seed)
        sexes = {clip.speaker: clip.sex for clip in clips}
        tested = Counter(sexes[speaker] for speaker in speakers_in(one, clips, "test"))
        for sex, number in Counter(sexes.values()).items():
            assert abs(tested[sex] - number / count) < 1

    def test_of_ravdess_tests_and_validates_equally_many_women_and_men(self):
        clips = speaker_clips(12, 12)
        for fold in range(5):
            one = make_split(clips, protocol="speaker", test=0.2, validation=1 / 6, fold=fold)
            sexes = {clip.speaker: clip.sex for clip in clips}
            assert Counter(sexes[speaker] for speaker in speakers_in(one, clips, "validation")) == {
                "male": 2,
                "female": 2,
            }
            tested = Counter(sexes[speaker] for speaker in speakers_in(one, clips, "test"))
            assert tested["male"] == tested["female"] in (2, 3)

    @quick
    @given(seeds)
    def test_keeps_the_fractions_in_each_of_two_corpora(self, seed):
        clips = speaker_clips(10, 10) + speaker_clips(20, 20, corpus="cremad", first=1001)
        one = make_split(clips, protocol="speaker", test=0.2, validation=0.1, seed=seed)
        corpus = {clip.speaker: clip.corpus for clip in clips}
        assert Counter(corpus[speaker] for speaker in speakers_in(one, clips, "test")) == {"ravdess": 4, "cremad": 8}
        assert Counter(corpus[speaker] for speaker in speakers_in(one, clips, "validation")) == {
            "ravdess": 2,
            "cremad": 4,
        }

    def test_tells_two_corpora_speakers_of_one_name_apart(self):
        clips = speaker_clips(10, 10) + speaker_clips(10, 10, corpus="other")
        one = make_split(clips, protocol="speaker")
        assert in_several_sets(one, [clip.speaker_id for clip in clips]) == set()
        assert one.speaker_independent

    @quick
    @given(corpora, seeds, st.integers(0, 10**6))
    def test_keeps_two_speakers_who_share_a_recording_in_one_set(self, clips, seed, draw):
        rng, contents = np.random.default_rng(draw), distinct_contents(clips)
        for _ in range(3):
            a, b = rng.integers(len(clips), size=2)
            contents[a] = contents[b]
        one = make_split(clips, contents, protocol="speaker", seed=seed)
        assert in_several_sets(one, contents) == set()
        assert in_several_sets(one, [clip.speaker for clip in clips]) == set()

    def test_trains_on_the_only_man_in_all_folds_but_that_which_tests_him(self):
        clips = speaker_clips(9, 1)
        sets = [make_split(clips, protocol="speaker", fold=fold) for fold in range(5)]
        men = {clip.speaker for clip in clips if clip.sex == "male"}
        assert sum(men <= speakers_in(one, clips, "train") for one in sets) == 4
        assert sum(men <= speakers_in(one, clips, "test") for one in sets) == 1

    @pytest.mark.parametrize("women", [2, 3])
    def test_trains_on_one_of_a_corpus_in_all_of_its_folds(self, women):
        clips = speaker_clips(9, 9) + speaker_clips(0, women, corpus="small", first=100)
        small = {clip.speaker for clip in clips if clip.corpus == "small"}
        for fold in range(5):
            assert small & speakers_in(make_split(clips, protocol="speaker", fold=fold), clips, "train")

    def test_validates_on_a_speaker_if_only_a_stratum_of_two_has_any_left(self):
        clips = speaker_clips(1, 2)
        sets = [make_split(clips, protocol="speaker", fold=fold) for fold in (1, 3)]
        assert all(len(speakers_in(one, clips, name)) == 1 for one in sets for name in SPLITS)

    def test_has_all_three_sets_of_two_women_and_two_men(self):
        clips = speaker_clips(2, 2)
        for fold in (1, 3):  # those that test anyone
            one = make_split(clips, protocol="speaker", fold=fold)
            assert [len(speakers_in(one, clips, name)) for name in SPLITS] == [1, 1, 2]

    def test_refuses_too_few_speakers_and_says_so(self):
        message = refused(speaker_clips(1, 1), protocol="speaker")
        assert message.startswith("protocol 'speaker' leaves the ")
        assert "set empty: 2 speakers and 16 clips are too few for test=0.2 and validation=0.15" in message


class TestRandom:
    @quick
    @given(corpora, folds, seeds, st.integers(1, 3), st.integers(0, 10**6))
    def test_has_every_clip_in_one_set_and_no_recording_in_two(self, clips, count, seed, versions, draw):
        rng, contents = np.random.default_rng(draw), distinct_contents(clips)
        for _ in range(len(clips) // 4):
            a, b = rng.integers(len(clips), size=2)
            contents[a] = contents[b]
        one = make_split(clips, contents, versions, protocol="random", test=1 / count, seed=seed)
        assert (one.assignment[:, 0] != UNUSED).all()
        assert in_several_sets(one, contents) == set()
        assert not one.leaks

    @quick
    @given(corpora, seeds)
    def test_has_the_same_fraction_of_every_emotion_in_the_test_set(self, clips, seed):
        one = make_split(clips, protocol="random", test=0.2, seed=seed)
        tested = Counter(clips[clip].emotion for clip, _ in one.examples("test"))
        assert all(abs(tested[emotion] - len(clips) / 8 * 0.2) < 1 for emotion in EMOTIONS)

    def test_warns_that_it_is_speaker_dependent(self):
        clips = speaker_clips(10, 10, takes=2)
        one = make_split(clips, protocol="random")
        assert in_several_sets(one, [clip.speaker for clip in clips])
        assert not one.speaker_independent
        assert one.warning == "protocol 'random' is speaker-dependent: its results do not hold for unseen speakers."


class TestPaper:
    @quick
    @given(corpora, seeds, st.integers(2, 4), folds)
    def test_assigns_every_version_of_every_clip_and_warns_that_it_leaks(self, clips, seed, versions, count):
        one = make_split(clips, versions=versions, protocol="paper", test=1 / count, seed=seed)
        assert one.assignment.shape == (len(clips), versions)
        assert (one.assignment != UNUSED).all()
        assert sum(len(one.examples(name)) for name in SPLITS) == len(clips) * versions
        assert abs((one.assignment == TEST).mean() - 1 / count) < 0.05
        assert one.leaks == bool(in_several_sets(one, distinct_contents(clips)))
        assert one.leaks
        assert one.warning.startswith("protocol 'paper' LEAKS: versions of one recording are in two sets")

    def test_puts_copies_of_test_clips_into_training(self):
        clips = speaker_clips(10, 10)
        one = make_split(clips, versions=3, protocol="paper")
        tested, trained = ({clip for clip, _ in one.examples(name)} for name in ("test", "train"))
        assert len(tested & trained) > len(tested) / 2

    @quick
    @given(seeds)
    def test_has_the_same_fraction_of_every_emotion_in_the_test_set(self, seed):
        clips = speaker_clips(10, 10)
        one = make_split(clips, versions=3, protocol="paper", test=0.2, seed=seed)
        assert Counter(clips[clip].emotion for clip, _ in one.examples("test")) == dict.fromkeys(EMOTIONS, 12)


class TestEveryProtocolByFractions:
    @quick
    @given(corpora, dealt, seeds, folds)
    def test_gives_the_same_split_every_time_and_another_for_another_seed(self, clips, protocol, seed, count):
        splits = [
            make_split(clips, protocol=protocol, seed=s, test=1 / count).assignment for s in (seed, seed, seed + 1)
        ]
        np.testing.assert_array_equal(splits[0], splits[1])
        assert len({make_split(clips, protocol=protocol, seed=s).assignment.tobytes() for s in range(5)}) > 1

    @quick
    @given(corpora, st.sampled_from(["speaker", "random", "paper"]), seeds, folds)
    def test_has_folds_whose_test_sets_are_disjoint_and_together_everything(self, clips, protocol, seed, count):
        versions = 3 if protocol == "paper" else 1
        tests = [
            make_split(clips, versions=versions, protocol=protocol, seed=seed, test=1 / count, fold=fold).examples(
                "test"
            )
            for fold in range(count)
        ]
        examples = [tuple(pair) for test in tests for pair in test.tolist()]
        assert len(examples) == len(set(examples)) == len(clips) * versions

    @quick
    @given(corpora, dealt, seeds, st.integers(2, 4))
    def test_has_copies_of_training_clips_only(self, clips, protocol, seed, versions):
        one = make_split(clips, versions=versions, protocol=protocol, seed=seed)
        alone = make_split(clips, versions=1, protocol=protocol, seed=seed)
        np.testing.assert_array_equal(one.assignment[:, :1], alone.assignment)
        assert (one.assignment[one.assignment[:, 0] == TRAIN] == TRAIN).all()
        assert (one.assignment[one.assignment[:, 0] != TRAIN, 1:] == UNUSED).all()

    @quick
    @given(corpora, dealt, st.floats(0.1, 0.4), st.floats(0.1, 0.3), seeds)
    def test_has_sets_of_about_the_configured_sizes(self, clips, protocol, test, validation, seed):
        one = make_split(clips, protocol=protocol, test=test, validation=validation, seed=seed)
        fractions = [len(one.examples(name)) / len(clips) for name in SPLITS]
        # 20 to 28 speakers, women and men by themselves: off by one of ten at most
        assert fractions == pytest.approx([1 - test - validation, validation, test], abs=0.105)
