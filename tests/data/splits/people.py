"""Crowds of speakers, and what a split does to them."""

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from aersut.config import Data
from aersut.contracts import EMOTIONS, Clip
from aersut.data.splits import PARTS, split
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
