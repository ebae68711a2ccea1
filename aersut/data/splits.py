"""Evaluation protocols: the split of clips into training set, validation set and test set.

A split is a table with a row per clip and a column per version of it (the clip itself, then its augmented copies).
Only the training set has augmented copies. The exception is "paper", which splits the versions themselves and so puts
copies of test clips into the training set. It reproduces published results, and every output warns of the leak.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from aersut.config import Data
from aersut.contracts import UNKNOWN, Clip
from aersut.data.assignment import SPLITS, TRAIN, UNUSED
from aersut.data.protocols import PROTOCOLS
from aersut.errors import UserError
from aersut.paths import read_json
from aersut.texts import abbreviated, printable

NAMES = ("training set", "validation set", "test set")


@dataclass(frozen=True)
class Split:
    """Assignment of each version of each clip to a set.

    Attributes:
        assignment: i8[clips, versions], an index into `SPLITS`, or `UNUSED`.
        protocol: the rule of the split.
        leaks: whether a recording is in two sets.
        speaker_independent: whether no speaker is in two sets; False if the speakers of some clips are unknown.
        missing: speakers of a published protocol without clips, "test: 6, 13".
        unknown: whether that is all that is known against it.
    """

    assignment: Int[np.ndarray, "clips versions"]
    protocol: str
    leaks: bool
    speaker_independent: bool
    missing: tuple[str, ...] = ()
    unknown: bool = False

    @property
    def unused(self) -> int:
        """Number of clips in no set: under "given", those without a set and those of speakers that are not named."""
        return int((self.assignment[:, 0] == UNUSED).sum())

    def examples(self, name: str) -> Int[np.ndarray, "examples 2"]:
        """The (clip, version) pairs of the set `name`, one of `SPLITS`, in order."""
        return np.argwhere(self.assignment == SPLITS.index(name))

    @property
    def warning(self) -> str:
        """Limitation of results on this split, or ""."""
        if self.leaks:
            return (
                f"protocol '{self.protocol}' LEAKS: versions of one recording are in two sets, "
                "so its results do not hold for unseen speech."
            )
        if self.unknown:
            return (
                f"protocol '{self.protocol}' may be speaker-dependent: clips of unknown speakers may be of speakers of "
                "another set, so its results may not hold for unseen speakers."
            )
        if not self.speaker_independent:
            return f"protocol '{self.protocol}' is speaker-dependent: its results do not hold for unseen speakers."
        if self.missing:
            return f"protocol '{self.protocol}' is incomplete: missing speakers: {'; '.join(self.missing)}."
        return ""


def split(data: Data, clips: Sequence[Clip], contents: Sequence[str], versions: int) -> Split:
    """Split clips by `data.protocol`.

    Args:
        contents: a hash of each clip's recording; equal ones are never in two sets (except under "paper"). Overlapping
            segments of a file (`aersut.data.collection.recordings`) have one, too.
        versions: 1 + the augmented copies of each training clip.

    Raises:
        UserError: a set would be empty, a named speaker does not exist, or speakers or recordings would be in two sets
            under a protocol whose name does not say so.
    """
    rule = PROTOCOLS[data.protocol]
    if rule.of_copies:
        copies = [clip for clip in clips for _ in range(versions)]
        table = rule.assign(data, copies, [str(number) for number in range(len(copies))]).reshape(len(clips), versions)
    else:
        table = np.repeat(rule.assign(data, clips, contents)[:, None], versions, axis=1)
        table[:, 1:][table[:, 1:] != TRAIN] = UNUSED
    speakers = [clip.speaker_id for clip in clips]
    for index, name in enumerate(NAMES):
        if not (table == index).any():
            raise UserError(
                f"protocol '{data.protocol}' leaves the {name} empty: {rule.why_empty(data, clips, index)}."
            )
    recordings_shared, speakers_shared = _in_several_sets(table, contents), _in_several_sets(table, speakers)
    if recordings_shared and not rule.of_copies:
        pairs = zip(clips, contents, strict=True)
        paths = [clip.location for clip, content in pairs if content in recordings_shared]
        raise UserError(
            f"protocol '{data.protocol}': identical recordings are in two sets. Keep only one of {abbreviated(paths)}."
        )
    named = speakers_shared - {clip.speaker_id for clip in clips if clip.speaker == UNKNOWN}
    unknown = any(clip.speaker == UNKNOWN and (row != UNUSED).any() for clip, row in zip(clips, table, strict=True))
    if named and not rule.speaker_dependent:
        raise UserError(
            f"protocol '{data.protocol}': speakers are in two sets: {abbreviated(sorted(named))}. Assign "
            "each to one set, or set protocol=random, which is speaker-dependent by name."
        )
    return Split(
        assignment=table.astype(np.int8),
        protocol=data.protocol,
        leaks=bool(recordings_shared),
        speaker_independent=not named and not unknown,
        missing=rule.missing(data, clips),
        unknown=unknown and not named and not rule.speaker_dependent,
    )


def to_records(split: Split, clips: Sequence[Clip], contents: Sequence[str], root: Path = Path()) -> dict[str, Any]:
    """Content of `split.json`: each clip with the set of each of its versions (null for a version that is not used).

    Paths below `root` are relative to it, so that they hold for a copy of the clips elsewhere.
    """
    names = [*SPLITS, None]  # UNUSED is -1, the last
    return {
        "protocol": split.protocol,
        "leaks": split.leaks,
        "speaker_independent": split.speaker_independent,
        "missing": list(split.missing),
        "clips": [
            {
                "path": printable(clip.relative_to(root)),
                "corpus": clip.corpus,
                "speaker": clip.speaker,
                "emotion": clip.emotion,
                "content": content,
                "splits": [names[index] for index in row],
            }
            for clip, content, row in zip(clips, contents, split.assignment, strict=True)
        ],
    }


def read_split(path: Path) -> dict[str, Any] | None:
    """Content of a `split.json`; None if it is damaged. Until November 2026, the key "splits" was "parts"."""
    tree = read_json(path, lambda tree: {"splits" if key == "parts" else key: tree[key] for key in tree})
    return tree if tree and "clips" in tree else None


def _in_several_sets(table: Int[np.ndarray, "clips versions"], owners: Sequence[str]) -> set[str]:
    """The owners (speakers, recordings) whose clips are in more than one set."""
    sets: dict[str, set[int]] = defaultdict(set)
    for owner, row in zip(owners, table, strict=True):
        sets[owner] |= {int(index) for index in row if index != UNUSED}
    return {owner for owner, indices in sets.items() if len(indices) > 1}
