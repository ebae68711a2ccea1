"""Who is in which part: the protocols that split clips into train, validation and test.

A split is a table with a row per clip and a column per version of it (the clip itself, then its augmented copies).
Only the training part has copies, save under "paper", which splits the versions themselves and so puts copies of test
clips into the training part: it is kept to reproduce published figures, and every output says that it leaks.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from aersut.config import Data
from aersut.contracts import Clip
from aersut.data.protocols import PUBLISHED
from aersut.errors import UserError

PARTS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
UNUSED = -1


@dataclass(frozen=True)
class Split:
    """The part of each version of each clip.

    Attributes:
        parts: i8[clips, versions], an index into `PARTS`, or `UNUSED`.
        protocol: the rule that made it.
        leaks: whether a recording is in two parts.
        speaker_independent: whether no speaker is in two parts.
        missing: the speakers of a published protocol that are not there, "test: 6, 13".
    """

    parts: Int[np.ndarray, "clips versions"]
    protocol: str
    leaks: bool
    speaker_independent: bool
    missing: tuple[str, ...] = ()

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
        if self.missing:
            return f"protocol '{self.protocol}' is not complete; speakers that are missing: {'; '.join(self.missing)}."
        return ""


def split(data: Data, clips: Sequence[Clip], contents: Sequence[str], versions: int) -> Split:
    """Split clips by `data.protocol`.

    Args:
        contents: a hash of each clip's recording; equal ones never straddle two parts (save under "paper").
        versions: 1 + the augmented copies of each training clip.

    Raises:
        UserError: a part would be empty, a named speaker does not exist, or speakers or recordings would be shared
            between parts under a protocol whose name does not say so.
    """
    if data.protocol == "paper":
        items = [(clip.emotion,) for clip in clips for _ in range(versions)]
        table = _deal(data, items, list(range(len(items)))).reshape(len(clips), versions)
    else:
        table = np.repeat(_BY_CLIP[data.protocol](data, clips, contents)[:, None], versions, axis=1)
        table[:, 1:][table[:, 1:] != TRAIN] = UNUSED
    speakers = [clip.speaker_id for clip in clips]
    for index, part in enumerate(PARTS):
        if not (table == index).any():
            raise UserError(
                f"protocol '{data.protocol}' leaves the {part} part empty: {len(set(speakers))} speakers "
                f"and {len(clips)} clips are too few for test={data.test} and validation={data.validation}."
            )
    recordings_shared, speakers_shared = _straddling(table, contents), _straddling(table, speakers)
    if recordings_shared and data.protocol != "paper":
        pairs = zip(clips, contents, strict=True)
        paths = [str(clip.path) for clip, content in pairs if content in recordings_shared]
        raise UserError(
            f"protocol '{data.protocol}': equal recordings are in two parts; remove one of {', '.join(paths)}."
        )
    if speakers_shared and data.protocol not in ("paper", "random"):
        raise UserError(
            f"protocol '{data.protocol}': speakers are in two parts: {', '.join(sorted(speakers_shared))}. Put each "
            "into one part, or say protocol=random, whose name says that speakers are shared."
        )
    return Split(
        parts=table.astype(np.int8),
        protocol=data.protocol,
        leaks=bool(recordings_shared),
        speaker_independent=not speakers_shared,
        missing=_missing(data, clips),
    )


def count_folds(data: Data, clips: Sequence[Clip]) -> int:
    """How many folds `data.protocol` has: values of `data.fold` whose test parts do not overlap."""
    if data.protocol in PUBLISHED:
        return len(PUBLISHED[data.protocol].test)
    if data.protocol == "leave_one_speaker_out":
        return len({clip.speaker_id for clip in clips})
    return math.floor(1 / data.test + 1e-9) if data.protocol in ("speaker", "random", "paper") else 1


def to_records(split: Split, clips: Sequence[Clip], contents: Sequence[str]) -> dict[str, Any]:
    """What `split.json` holds: each clip with the part of each of its versions (null where a version is not used)."""
    names = [*PARTS, None]  # UNUSED is -1, the last
    return {
        "protocol": split.protocol,
        "leaks": split.leaks,
        "speaker_independent": split.speaker_independent,
        "missing": list(split.missing),
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


def _speaker(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    return _deal(data, [(clip.corpus, clip.sex) for clip in clips], _voices(clips, contents))


def _random(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    return _deal(data, [(clip.corpus, clip.emotion) for clip in clips], contents)


def _given(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    named = (data.train_speakers, data.validation_speakers, data.test_speakers)
    if not any(named):
        return _own_parts(clips)
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


def _own_parts(clips: Sequence[Clip]) -> Int[np.ndarray, " clips"]:
    if not any(clip.part for clip in clips):
        raise UserError(
            "protocol 'given' needs data.train_speakers, data.validation_speakers and data.test_speakers, "
            "or a manifest with a column 'part'."
        )
    return np.array([PARTS.index(clip.part) if clip.part else UNUSED for clip in clips])


def _published(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    rule = PUBLISHED[data.protocol]
    if others := {clip.corpus for clip in clips} - {rule.corpus}:
        raise UserError(f"protocol '{data.protocol}' is for {rule.corpus} alone, not for {', '.join(sorted(others))}.")
    if data.fold >= len(rule.test):
        raise UserError(f"data.fold: protocol '{data.protocol}' has folds 0 to {len(rule.test) - 1}, not {data.fold}.")
    test = np.array([int(clip.speaker) in rule.test[data.fold] for clip in clips])
    if not rule.validation:
        return _rest(data, clips, contents, test)
    validation = np.array([int(clip.speaker) in rule.validation[data.fold] for clip in clips])
    return np.where(test, TEST, np.where(validation, VALIDATION, TRAIN))


def _cross_corpus(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    corpora = sorted({clip.corpus for clip in clips})
    if unknown := set(data.test_corpora) - set(corpora):
        raise UserError(
            f"data.test_corpora: {', '.join(sorted(unknown))} is none of data.corpora, {', '.join(corpora)}."
        )
    return _rest(data, clips, contents, np.array([clip.corpus in data.test_corpora for clip in clips]))


def _leave_one_speaker_out(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    speakers = sorted({clip.speaker_id for clip in clips}, key=lambda name: (len(name), name))
    if data.fold >= len(speakers):
        raise UserError(
            f"data.fold: there are {len(speakers)} speakers, folds 0 to {len(speakers) - 1}, not {data.fold}."
        )
    test = np.array([clip.speaker_id == speakers[data.fold] for clip in clips])
    return _rest(data, clips, contents, test)


_BY_CLIP: dict[str, Callable[[Data, Sequence[Clip], Sequence[str]], Int[np.ndarray, " clips"]]] = {
    "speaker": _speaker,
    "random": _random,
    "given": _given,
    "cross_corpus": _cross_corpus,
    "leave_one_speaker_out": _leave_one_speaker_out,
    **dict.fromkeys(PUBLISHED, _published),
}


def _deal(data: Data, strata: Sequence[Hashable], units: Sequence[Hashable]) -> Int[np.ndarray, " items"]:
    """Deal whole units to the parts, stratum by stratum.

    Each stratum's units are shuffled once; fold f takes the f-th slice of them to test, and the units that follow it,
    cyclically, to validate. So the test parts of all folds are disjoint and together cover everything.
    """
    part_of: dict[Hashable, int] = {}
    for order in _shuffled(data, strata, units):
        begin, end = (round(len(order) * data.test * fold) for fold in (data.fold, data.fold + 1))
        validation = max(1, round(len(order) * data.validation))
        for place, unit in enumerate(order[begin:] + order[:begin]):
            part_of[unit] = TEST if place < end - begin else VALIDATION if place < end - begin + validation else TRAIN
    return np.array([part_of[unit] for unit in units])


def _rest(
    data: Data, clips: Sequence[Clip], contents: Sequence[str], test: Bool[np.ndarray, " clips"]
) -> Int[np.ndarray, " clips"]:
    """Test on the clips that `test` marks, and deal the speakers of the others to training and validation."""
    voices = _voices(clips, contents)
    left = [index for index in range(len(clips)) if not test[index]]
    strata = [(clips[index].corpus, clips[index].sex) for index in left]
    chosen: set[Hashable] = set()
    for order in _shuffled(data, strata, [voices[index] for index in left]):
        chosen |= set(order[: max(1, round(len(order) * data.validation))])
    validation = np.array([voice in chosen for voice in voices])
    return np.where(test, TEST, np.where(validation, VALIDATION, TRAIN))


def _shuffled(data: Data, strata: Sequence[Hashable], units: Sequence[Hashable]) -> list[list[Hashable]]:
    """The units of each stratum in a random order of their own; a unit belongs to the stratum of its first item."""
    rng = np.random.default_rng(data.seed)
    stratum_of = dict(zip(reversed(units), reversed(strata), strict=True))
    members: dict[Hashable, list[Hashable]] = defaultdict(list)
    for unit in dict.fromkeys(units):
        members[stratum_of[unit]].append(unit)
    return [[members[key][index] for index in rng.permutation(len(members[key]))] for key in sorted(members, key=str)]


def _voices(clips: Sequence[Clip], contents: Sequence[str]) -> list[str]:
    """One name for all clips that must stay together: a speaker's, and those of speakers who share a recording."""
    leader = {clip.speaker_id: clip.speaker_id for clip in clips}

    def find(speaker: str) -> str:
        while leader[speaker] != speaker:
            speaker = leader[speaker]
        return speaker

    first: dict[str, str] = {}
    for clip, content in zip(clips, contents, strict=True):
        leader[find(clip.speaker_id)] = find(first.setdefault(content, clip.speaker_id))
    return [find(clip.speaker_id) for clip in clips]


def _straddling(table: Int[np.ndarray, "clips versions"], owners: Sequence[str]) -> set[str]:
    """The owners (speakers, recordings) whose clips are in more than one part."""
    parts: dict[str, set[int]] = defaultdict(set)
    for owner, row in zip(owners, table, strict=True):
        parts[owner] |= {int(part) for part in row if part != UNUSED}
    return {owner for owner, found in parts.items() if len(found) > 1}


def _missing(data: Data, clips: Sequence[Clip]) -> tuple[str, ...]:
    if data.protocol not in PUBLISHED:
        return ()
    rule, there = PUBLISHED[data.protocol], {int(clip.speaker) for clip in clips}
    lines = []
    for part, folds in (("validation", rule.validation), ("test", rule.test)):
        if gone := sorted(set(folds[data.fold] if folds else ()) - there):
            lines.append(f"{part}: {', '.join(map(str, gone))}")
    everyone = {speaker for fold in rule.test for speaker in fold} | {s for fold in rule.validation for s in fold}
    if gone := sorted(everyone - there):
        lines.append(f"in all: {', '.join(map(str, gone))}")
    return tuple(lines)
