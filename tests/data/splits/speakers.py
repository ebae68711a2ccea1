"""Clips of made-up speakers, and properties of their split."""

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from aersut.config import Data
from aersut.contracts import Clip
from aersut.data.assignment import SPLITS
from aersut.data.splits import split
from aersut.errors import UserError
from aersut.labels import EMOTIONS

TRAIN, VALIDATION, TEST, UNUSED = 0, 1, 2, -1
quick = settings(deadline=None, max_examples=30)


def speaker_clips(women, men, takes=1, corpus="ravdess", first=1):
    """Clips of every emotion by this number of women and men; women have even numbers, as in RAVDESS."""
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


def distinct_contents(clips):
    """A different content for each clip."""
    return [f"content of {clip.path}" for clip in clips]


def make_split(clips, contents=None, versions=1, **settings):
    return split(Data(**settings), clips, contents or distinct_contents(clips), versions)


def refused(clips, contents=None, versions=1, **settings):
    """The error message of a split."""
    with pytest.raises(UserError) as caught:
        make_split(clips, contents, versions, **settings)
    return str(caught.value)


def speakers_in(one, clips, name):
    """The speakers of a set."""
    return {clips[clip].speaker for clip, _ in one.examples(name)}


def in_several_sets(one, owners):
    """Owners (speakers, recordings) that are in two sets, by brute force."""
    seen = defaultdict(set)
    for name in SPLITS:
        for clip, _ in one.examples(name):
            seen[owners[clip]].add(name)
    return {owner for owner, sets in seen.items() if len(sets) > 1}


# enough speakers of each sex for all sets of every fold
corpora = st.builds(speaker_clips, st.integers(10, 14), st.integers(10, 14), st.integers(1, 2))
dealt = st.sampled_from(["speaker", "random"])
folds = st.integers(2, 5)
seeds = st.integers(0, 1000)
