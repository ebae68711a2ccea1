"""Speakers and clips that are dealt: whatever the corpus looks like, nobody trains the network who judges it later."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aersut.contracts import EMOTIONS
from aersut.data.splits import PARTS
from tests.data.splits.people import (
    TEST,
    TRAIN,
    UNUSED,
    crowds,
    cut,
    dealt,
    folds,
    people,
    quick,
    refused,
    seeds,
    straddling,
    unlike,
    who,
)


class TestSpeaker:
    @quick
    @given(crowds, folds, seeds, st.integers(1, 3), st.data())
    def test_has_every_clip_in_one_part_and_no_speaker_in_two(self, clips, count, seed, versions, data):
        fold = data.draw(st.integers(0, count - 1))
        one = cut(clips, versions=versions, protocol="speaker", test=1 / count, fold=fold, seed=seed)
        assert one.parts.shape == (len(clips), versions)
        assert (one.parts[:, 0] != UNUSED).all()
        heard = [who(one, clips, part) for part in PARTS]
        assert all(heard)
        assert sum(map(len, heard)) == len(set.union(*heard)) == len({clip.speaker for clip in clips})
        assert one.speaker_independent
        assert not one.leaks
        assert one.warning == ""
        assert one.missing == ()

    @quick
    @given(crowds, folds, seeds)
    def test_tests_as_many_of_each_sex_as_there_are(self, clips, count, seed):
        one = cut(clips, protocol="speaker", test=1 / count, seed=seed)
        sexes = {clip.speaker: clip.sex for clip in clips}
        tested = Counter(sexes[speaker] for speaker in who(one, clips, "test"))
        for sex, number in Counter(sexes.values()).items():
            assert abs(tested[sex] - number / count) < 1

    def test_of_ravdess_tests_and_validates_equally_many_women_and_men(self):
        clips = people(12, 12)
        for fold in range(5):
            one = cut(clips, protocol="speaker", test=0.2, validation=1 / 6, fold=fold)
            sexes = {clip.speaker: clip.sex for clip in clips}
            assert Counter(sexes[speaker] for speaker in who(one, clips, "validation")) == {"male": 2, "female": 2}
            tested = Counter(sexes[speaker] for speaker in who(one, clips, "test"))
            assert tested["male"] == tested["female"] in (2, 3)

    @quick
    @given(seeds)
    def test_keeps_the_shares_of_each_of_two_corpora(self, seed):
        clips = people(10, 10) + people(20, 20, corpus="cremad", first=1001)
        one = cut(clips, protocol="speaker", test=0.2, validation=0.1, seed=seed)
        corpus = {clip.speaker: clip.corpus for clip in clips}
        assert Counter(corpus[speaker] for speaker in who(one, clips, "test")) == {"ravdess": 4, "cremad": 8}
        assert Counter(corpus[speaker] for speaker in who(one, clips, "validation")) == {"ravdess": 2, "cremad": 4}

    def test_tells_two_corpora_speakers_of_one_name_apart(self):
        clips = people(10, 10) + people(10, 10, corpus="other")
        one = cut(clips, protocol="speaker")
        assert straddling(one, [clip.speaker_id for clip in clips]) == set()
        assert one.speaker_independent

    @quick
    @given(crowds, seeds, st.integers(0, 10**6))
    def test_keeps_two_speakers_who_share_a_recording_in_one_part(self, clips, seed, draw):
        rng, contents = np.random.default_rng(draw), unlike(clips)
        for _ in range(3):
            a, b = rng.integers(len(clips), size=2)
            contents[a] = contents[b]
        one = cut(clips, contents, protocol="speaker", seed=seed)
        assert straddling(one, contents) == set()
        assert straddling(one, [clip.speaker for clip in clips]) == set()

    def test_refuses_too_few_speakers_and_says_so(self):
        message = refused(people(1, 1), protocol="speaker")
        assert message.startswith("protocol 'speaker' leaves the ")
        assert "part empty: 2 speakers and 16 clips are too few for test=0.2 and validation=0.15" in message


class TestRandom:
    @quick
    @given(crowds, folds, seeds, st.integers(1, 3), st.integers(0, 10**6))
    def test_has_every_clip_in_one_part_and_no_recording_in_two(self, clips, count, seed, versions, draw):
        rng, contents = np.random.default_rng(draw), unlike(clips)
        for _ in range(len(clips) // 4):
            a, b = rng.integers(len(clips), size=2)
            contents[a] = contents[b]
        one = cut(clips, contents, versions, protocol="random", test=1 / count, seed=seed)
        assert (one.parts[:, 0] != UNUSED).all()
        assert straddling(one, contents) == set()
        assert not one.leaks

    @quick
    @given(crowds, seeds)
    def test_has_the_same_share_of_every_emotion_in_the_test_part(self, clips, seed):
        one = cut(clips, protocol="random", test=0.2, seed=seed)
        tested = Counter(clips[clip].emotion for clip, _ in one.items("test"))
        assert all(abs(tested[emotion] - len(clips) / 8 * 0.2) < 1 for emotion in EMOTIONS)

    def test_says_that_it_shares_speakers_where_it_does(self):
        clips = people(10, 10, takes=2)
        one = cut(clips, protocol="random")
        assert straddling(one, [clip.speaker for clip in clips])
        assert not one.speaker_independent
        assert one.warning == "protocol 'random' shares speakers between parts: its figures say nothing of others."


class TestPaper:
    @quick
    @given(crowds, seeds, st.integers(2, 4), folds)
    def test_deals_every_version_of_every_clip_and_says_that_it_leaks(self, clips, seed, versions, count):
        one = cut(clips, versions=versions, protocol="paper", test=1 / count, seed=seed)
        assert one.parts.shape == (len(clips), versions)
        assert (one.parts != UNUSED).all()
        assert sum(len(one.items(part)) for part in PARTS) == len(clips) * versions
        assert abs((one.parts == TEST).mean() - 1 / count) < 0.05
        assert one.leaks == bool(straddling(one, unlike(clips)))
        assert one.leaks
        assert one.warning.startswith("protocol 'paper' LEAKS: versions of one recording are in two parts")

    def test_puts_copies_of_test_clips_into_training(self):
        clips = people(10, 10)
        one = cut(clips, versions=3, protocol="paper")
        tested, trained = ({clip for clip, _ in one.items(part)} for part in ("test", "train"))
        assert len(tested & trained) > len(tested) / 2

    @quick
    @given(seeds)
    def test_has_the_same_share_of_every_emotion_in_the_test_part(self, seed):
        clips = people(10, 10)
        one = cut(clips, versions=3, protocol="paper", test=0.2, seed=seed)
        assert Counter(clips[clip].emotion for clip, _ in one.items("test")) == dict.fromkeys(EMOTIONS, 12)


class TestEveryDealtProtocol:
    @quick
    @given(crowds, dealt, seeds, folds)
    def test_gives_the_same_split_every_time_and_another_for_another_seed(self, clips, protocol, seed, count):
        splits = [cut(clips, protocol=protocol, seed=s, test=1 / count).parts for s in (seed, seed, seed + 1)]
        np.testing.assert_array_equal(splits[0], splits[1])
        assert len({cut(clips, protocol=protocol, seed=s).parts.tobytes() for s in range(5)}) > 1

    @quick
    @given(crowds, st.sampled_from(["speaker", "random", "paper"]), seeds, folds)
    def test_has_folds_whose_test_parts_are_disjoint_and_together_everything(self, clips, protocol, seed, count):
        versions = 3 if protocol == "paper" else 1
        tests = [
            cut(clips, versions=versions, protocol=protocol, seed=seed, test=1 / count, fold=fold).items("test")
            for fold in range(count)
        ]
        items = [tuple(item) for test in tests for item in test.tolist()]
        assert len(items) == len(set(items)) == len(clips) * versions

    @quick
    @given(crowds, dealt, seeds, st.integers(2, 4))
    def test_has_copies_of_training_clips_only(self, clips, protocol, seed, versions):
        one = cut(clips, versions=versions, protocol=protocol, seed=seed)
        alone = cut(clips, versions=1, protocol=protocol, seed=seed)
        np.testing.assert_array_equal(one.parts[:, :1], alone.parts)
        assert (one.parts[one.parts[:, 0] == TRAIN] == TRAIN).all()
        assert (one.parts[one.parts[:, 0] != TRAIN, 1:] == UNUSED).all()

    @quick
    @given(crowds, dealt, st.floats(0.1, 0.4), st.floats(0.1, 0.3), seeds)
    def test_has_parts_of_about_the_sizes_that_are_asked_for(self, clips, protocol, test, validation, seed):
        one = cut(clips, protocol=protocol, test=test, validation=validation, seed=seed)
        shares = [len(one.items(part)) / len(clips) for part in PARTS]
        # 20 to 28 speakers, women and men by themselves: off by one of ten at most
        assert shares == pytest.approx([1 - test - validation, validation, test], abs=0.105)
