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
from aersut.contracts import Clip
from aersut.data.protocols import PUBLISHED, RULES, SPLITS, TRAIN, UNUSED, assign_fold
from aersut.errors import UserError
from aersut.paths import read_json
from aersut.texts import abbreviated, counted, printable

NAMES = ("training set", "validation set", "test set")


@dataclass(frozen=True)
class Split:
    """Assignment of each version of each clip to a set.

    Attributes:
        assignment: i8[clips, versions], an index into `SPLITS`, or `UNUSED`.
        protocol: the rule of the split.
        leaks: whether a recording is in two sets.
        speaker_independent: whether no speaker is in two sets.
        missing: speakers of a published protocol without clips, "test: 6, 13".
    """

    assignment: Int[np.ndarray, "clips versions"]
    protocol: str
    leaks: bool
    speaker_independent: bool
    missing: tuple[str, ...] = ()

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
    if data.protocol == "paper":
        strata = [(clip.emotion,) for clip in clips for _ in range(versions)]
        table = assign_fold(data, strata, list(range(len(strata)))).reshape(len(clips), versions)
    else:
        table = np.repeat(RULES[data.protocol](data, clips, contents)[:, None], versions, axis=1)
        table[:, 1:][table[:, 1:] != TRAIN] = UNUSED
    speakers = [clip.speaker_id for clip in clips]
    for index, name in enumerate(NAMES):
        if not (table == index).any():
            raise UserError(f"protocol '{data.protocol}' leaves the {name} empty: {_why_empty(data, clips, index)}.")
    recordings_shared, speakers_shared = _in_several_sets(table, contents), _in_several_sets(table, speakers)
    if recordings_shared and data.protocol != "paper":
        pairs = zip(clips, contents, strict=True)
        paths = [clip.location for clip, content in pairs if content in recordings_shared]
        raise UserError(
            f"protocol '{data.protocol}': identical recordings are in two sets. Keep only one of {abbreviated(paths)}."
        )
    if speakers_shared and data.protocol not in ("paper", "random"):
        raise UserError(
            f"protocol '{data.protocol}': speakers are in two sets: {abbreviated(sorted(speakers_shared))}. Assign "
            "each to one set, or set protocol=random, which is speaker-dependent by name."
        )
    return Split(
        assignment=table.astype(np.int8),
        protocol=data.protocol,
        leaks=bool(recordings_shared),
        speaker_independent=not speakers_shared,
        missing=_missing(data, clips),
    )


def _why_empty(data: Data, clips: Sequence[Clip], index: int) -> str:
    """Why a set of `SPLITS` has no clip, and the remedy."""
    if data.protocol == "given":
        return f"no clip has split={SPLITS[index]}. Add it to rows of the manifest"
    if data.protocol in PUBLISHED:
        missing = "; ".join(one for one in _missing(data, clips) if not one.startswith("all folds"))
        return f"speakers of fold {data.fold} are missing ({missing}). Add them, or set another data.fold"
    if data.protocol == "cross_corpus" and {clip.corpus for clip in clips} <= set(data.test_corpora):
        return "all corpora are in data.test_corpora. Omit one, or add another to data.corpora"
    speakers = len({clip.speaker_id for clip in clips})
    fractions = f"for test={data.test} and validation={data.validation}"
    found = f"{counted(speakers, 'speaker')} and {counted(len(clips), 'clip')} are too few {fractions}"
    if speakers < len(NAMES) and data.protocol != "random":
        return f"{found}. Set protocol=random, which splits by clip; its results hold for these speakers only"
    return f"{found}. Add clips, or set other fractions"


def count_folds(data: Data, clips: Sequence[Clip]) -> int:
    """Number of folds of `data.protocol`: values of `data.fold` with disjoint test sets."""
    if data.protocol in PUBLISHED:
        return len(PUBLISHED[data.protocol].test)
    if data.protocol == "leave_one_speaker_out":
        return len({clip.speaker_id for clip in clips})
    return data.folds or 1


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


def _missing(data: Data, clips: Sequence[Clip]) -> tuple[str, ...]:
    if data.protocol not in PUBLISHED:
        return ()
    published, present = PUBLISHED[data.protocol], {int(clip.speaker) for clip in clips}
    expected = {
        "validation": published.validation[data.fold] if published.validation else (),
        "test": published.test[data.fold],
        "all folds": [speaker for fold in (*published.test, *published.validation) for speaker in fold],
    }
    absent = {name: sorted(set(speakers) - present) for name, speakers in expected.items()}
    return tuple(f"{name}: {', '.join(map(str, speakers))}" for name, speakers in absent.items() if speakers)
