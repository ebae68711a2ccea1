"""Who is in which part: the protocols that split clips into train, validation and test.

A split is a table with a row per clip and a column per version of it (the clip itself, then its augmented copies).
Only the training part has copies, save under "paper", which splits the versions themselves and so puts copies of test
clips into the training part: it is kept to reproduce published figures, and every output says that it leaks.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from aersut.config import Data
from aersut.contracts import Clip
from aersut.errors import UserError

PARTS = ("train", "validation", "test")
UNUSED = -1


@dataclass(frozen=True)
class Split:
    """The part of each version of each clip.

    Attributes:
        parts: i8[clips, versions], an index into `PARTS`, or `UNUSED`.
        protocol: the rule that made it.
        leaks: whether a recording is in two parts.
        speaker_independent: whether no speaker is in two parts.
    """

    parts: Int[np.ndarray, "clips versions"]
    protocol: str
    leaks: bool
    speaker_independent: bool

    def items(self, part: str) -> Int[np.ndarray, "items 2"]:
        """The (clip, version) pairs of a part, in order."""
        return np.argwhere(self.parts == PARTS.index(part))

    @property
    def warning(self) -> str:
        """What a reader of this split's figures must know, or ""."""
        if self.leaks:
            return (
                f"protocol '{self.protocol}' LEAKS: versions of one recording are in two parts, "
                "so its figures say nothing about unheard speech."
            )
        if not self.speaker_independent:
            return f"protocol '{self.protocol}' shares speakers between parts: its figures say nothing of others."
        return ""


def split(data: Data, clips: Sequence[Clip], contents: Sequence[str], versions: int) -> Split:
    """Split clips by `data.protocol`.

    Args:
        contents: a hash of each clip's recording; equal ones never straddle two parts (save under "paper").
        versions: 1 + the augmented copies of each training clip.

    Raises:
        UserError: a part would be empty, or a named speaker does not exist.
    """
    if data.protocol == "paper":
        items = [(clip.emotion,) for clip in clips for _ in range(versions)]
        table = _deal(data, items, list(range(len(items)))).reshape(len(clips), versions)
    else:
        if data.protocol == "random":
            table = _deal(data, [(clip.corpus, clip.emotion) for clip in clips], contents)
        elif data.protocol == "speaker":
            table = _deal(data, [(clip.corpus, clip.sex) for clip in clips], [clip.speaker_id for clip in clips])
        else:
            table = _given(data, clips)
        table = np.repeat(table[:, None], versions, axis=1)
        table[:, 1:][table[:, 1:] != PARTS.index("train")] = UNUSED
    speakers = {clip.speaker_id for clip in clips}
    for index, part in enumerate(PARTS):
        if not (table == index).any():
            raise UserError(
                f"protocol '{data.protocol}' leaves the {part} part empty: {len(speakers)} speakers "
                f"and {len(clips)} clips are too few for test={data.test} and validation={data.validation}."
            )
    return Split(
        parts=table.astype(np.int8),
        protocol=data.protocol,
        leaks=_straddles(table, contents),
        speaker_independent=not _straddles(table, [clip.speaker_id for clip in clips]),
    )


def to_records(split: Split, clips: Sequence[Clip], contents: Sequence[str]) -> dict[str, Any]:
    """What `split.json` holds: each clip with the part of each of its versions (null where a version is not used)."""
    names = [*PARTS, None]  # UNUSED is -1, the last
    return {
        "protocol": split.protocol,
        "leaks": split.leaks,
        "speaker_independent": split.speaker_independent,
        "clips": [
            {
                "path": str(clip.path).encode("utf-8", "backslashreplace").decode(),
                "corpus": clip.corpus,
                "speaker": clip.speaker,
                "emotion": clip.emotion,
                "content": content,
                "parts": [names[part] for part in row],
            }
            for clip, content, row in zip(clips, contents, split.parts, strict=True)
        ],
    }


def _deal(data: Data, strata: Sequence[Hashable], units: Sequence[Hashable]) -> Int[np.ndarray, " items"]:
    """Deal whole units to the parts, stratum by stratum.

    Each stratum's units are shuffled once; fold f takes the f-th slice of them to test, and the units that follow it,
    cyclically, to validate. So the test parts of all folds are disjoint and together cover everything.
    """
    rng = np.random.default_rng(data.seed)
    stratum_of = dict(zip(reversed(units), reversed(strata), strict=True))  # that of a unit's first item
    members: dict[Hashable, list[Hashable]] = defaultdict(list)
    for unit in dict.fromkeys(units):
        members[stratum_of[unit]].append(unit)
    part_of: dict[Hashable, int] = {}
    for stratum in sorted(members, key=str):
        order = rng.permutation(len(members[stratum]))
        begin, end = (round(len(order) * data.test * fold) for fold in (data.fold, data.fold + 1))
        validation = max(1, round(len(order) * data.validation))
        for place, index in enumerate(np.roll(order, -begin)):
            part = 2 if place < end - begin else 1 if place < end - begin + validation else 0
            part_of[members[stratum][index]] = part
    return np.array([part_of[unit] for unit in units])


def _given(data: Data, clips: Sequence[Clip]) -> Int[np.ndarray, " clips"]:
    named = (data.train_speakers, data.validation_speakers, data.test_speakers)
    part_of: dict[str, int] = {}
    for part, speakers in enumerate(named):
        for speaker in speakers:
            matches = sorted({c.speaker_id for c in clips if speaker in (c.speaker, c.speaker_id)}, key=str)
            if len(matches) != 1:
                known = sorted({clip.speaker_id for clip in clips})
                problem = "is none of" if not matches else "is one of several among"
                raise UserError(f"data.{PARTS[part]}_speakers: speaker '{speaker}' {problem} {', '.join(known)}.")
            if part_of.setdefault(matches[0], part) != part:
                raise UserError(f"data: speaker '{speaker}' is named for two parts; name each speaker once.")
    return np.array([part_of.get(clip.speaker_id, UNUSED) for clip in clips])


def _straddles(table: Int[np.ndarray, "clips versions"], owners: Sequence[str]) -> bool:
    parts: dict[str, set[int]] = defaultdict(set)
    for owner, row in zip(owners, table, strict=True):
        parts[owner] |= {int(part) for part in row if part != UNUSED}
    return any(len(found) > 1 for found in parts.values())
