"""Who is in which part: whatever the corpus looks like, nobody is heard in training who judges the network later."""

import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aersut.config import Data
from aersut.contracts import EMOTIONS, Clip
from aersut.data.protocols import PUBLISHED
from aersut.data.splits import PARTS, count_folds, split, to_records
from aersut.errors import UserError

TRAIN, VALIDATION, TEST, UNUSED = 0, 1, 2, -1
quick = settings(deadline=None, max_examples=30)


def people(women, men, takes=1, corpus="ravdess", first=1):
    """Clips of every emotion by so many women and men; women have the even numbers, as in RAVDESS."""
    numbers = [first + 2 * n + 1 for n in range(women)] + [first + 2 * n for n in range(men)]
    return [
        Clip(
            path=Path(corpus, f"{number}-{emotion}-{take}.wav"),
            emotion=emotion,
            speaker=str(number),
            corpus=corpus,
            sex="male" if number % 2 else "female",
        )
        for number in sorted(numbers)
        for emotion in EMOTIONS
        for take in range(takes)
    ]


def unlike(clips):
    """Contents, all different."""
    return [f"content of {clip.path}" for clip in clips]


def cut(clips, contents=None, versions=1, **settings):
    return split(Data(**settings), clips, contents or unlike(clips), versions)


def refused(clips, contents=None, versions=1, **settings):
    """The message with which a split is refused."""
    with pytest.raises(UserError) as caught:
        cut(clips, contents, versions, **settings)
    return str(caught.value)


def who(one, clips, part):
    """The speakers of a part."""
    return {clips[clip].speaker for clip, _ in one.items(part)}


def straddling(one, owners):
    """Owners (speakers, recordings) that are in two parts, found the slow way."""
    seen = defaultdict(set)
    for part in PARTS:
        for clip, _ in one.items(part):
            seen[owners[clip]].add(part)
    return {owner for owner, parts in seen.items() if len(parts) > 1}


# enough people of each sex for all parts of every fold
crowds = st.builds(people, st.integers(10, 14), st.integers(10, 14), st.integers(1, 2))
dealt = st.sampled_from(["speaker", "random"])
folds = st.integers(2, 5)
seeds = st.integers(0, 1000)


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
