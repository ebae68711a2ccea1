"""Assignment of groups of clips, such as those of a speaker, to training set, validation set and test set."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Bool, Int

from aersut.config import Data
from aersut.contracts import Clip

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
UNUSED = -1


def assign_fold(data: Data, strata: Sequence[Hashable], groups: Sequence[Hashable]) -> Int[np.ndarray, " examples"]:
    """Assign whole groups (such as speakers) to the sets, stratum by stratum.

    Each stratum's groups are shuffled once. The f-th slice of them is the test set of fold f, and the groups that
    follow it, cyclically, are the validation set. So the test sets of all folds are disjoint; they cover all groups if
    1 / `data.test` is an integer. Of the groups of a stratum outside the test set, at least one trains. If no group
    would validate, one of those that would train does.
    """
    set_of: dict[Hashable, int] = {}
    for order in _shuffled(data, strata, groups):
        begin, end = (round(len(order) * data.test * fold) for fold in (data.fold, data.fold + 1))
        tested = end - begin
        validation = min(_validation_count(data, order), max(0, len(order) - tested - 1))
        for rank, group in enumerate(order[begin:] + order[:begin]):
            set_of[group] = TEST if rank < tested else VALIDATION if rank < tested + validation else TRAIN
    training = [group for group, one in set_of.items() if one == TRAIN]
    if training and VALIDATION not in set_of.values():
        set_of[training[-1]] = VALIDATION
    return np.array([set_of[group] for group in groups])


def _validation_count(data: Data, groups: Sequence[Hashable]) -> int:
    """How many groups of a stratum validate; none of a single one, which would never train."""
    return max(1, round(len(groups) * data.validation)) if len(groups) > 1 else 0


def with_validation_speakers(
    data: Data, clips: Sequence[Clip], contents: Sequence[str], test: Bool[np.ndarray, " clips"]
) -> Int[np.ndarray, " clips"]:
    """Assign the speakers of the clips outside of `test` to training set and validation set, stratum by stratum."""
    groups = speaker_groups(clips, contents)
    rest = [index for index in range(len(clips)) if not test[index]]
    strata = [(clips[index].corpus, clips[index].sex) for index in rest]
    chosen: set[Hashable] = set()
    for order in _shuffled(data, strata, [groups[index] for index in rest]):
        chosen |= set(order[: _validation_count(data, order)])
    if rest and not chosen:
        chosen = {groups[rest[0]]}
    validation = np.array([group in chosen for group in groups])
    return np.where(test, TEST, np.where(validation, VALIDATION, TRAIN))


def _shuffled(data: Data, strata: Sequence[Hashable], groups: Sequence[Hashable]) -> list[list[Hashable]]:
    """The groups of each stratum in random order; a group belongs to the stratum of its first example."""
    rng = np.random.default_rng(data.seed)
    stratum_of = dict(zip(reversed(groups), reversed(strata), strict=True))
    members: dict[Hashable, list[Hashable]] = defaultdict(list)
    for group in dict.fromkeys(groups):
        members[stratum_of[group]].append(group)
    return [[members[key][index] for index in rng.permutation(len(members[key]))] for key in sorted(members, key=str)]


def speaker_groups(clips: Sequence[Clip], contents: Sequence[str]) -> list[str]:
    """The group of each clip: its speaker, merged with the speakers of clips with the same content.

    Args:
        contents: as for `aersut.data.splits.split`.
    """
    leader = {clip.speaker_id: clip.speaker_id for clip in clips}

    def find(speaker: str) -> str:
        while leader[speaker] != speaker:
            speaker = leader[speaker]
        return speaker

    first: dict[str, str] = {}
    for clip, content in zip(clips, contents, strict=True):
        leader[find(clip.speaker_id)] = find(first.setdefault(content, clip.speaker_id))
    return [find(clip.speaker_id) for clip in clips]
