"""The rule of each protocol: it assigns clips to training set, validation set and test set."""

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from aersut.config import Data
from aersut.contracts import Clip
from aersut.errors import UserError
from aersut.texts import abbreviated

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
UNUSED = -1


@dataclass(frozen=True)
class PublishedProtocol:
    """The test and validation speakers of each fold, by a publication or by docs/joint.md.

    `validation` is empty if the publication names none. Of several corpora, no two have a speaker of the same number.
    """

    corpora: tuple[str, ...]
    test: tuple[tuple[int, ...], ...]
    validation: tuple[tuple[int, ...], ...]
    source: str


PUBLISHED = {
    "ravdess5": PublishedProtocol(
        corpora=("ravdess",),
        test=((2, 5, 14, 15, 16), (3, 6, 7, 13, 18), (10, 11, 12, 19, 20), (8, 17, 21, 23, 24), (1, 4, 9, 22)),
        validation=((3, 6), (10, 11), (8, 17), (1, 14), (2, 5)),
        source="Luna-Jiménez et al. 2021; validation as in ResLSTM-SER",
    ),
    "ravdess6": PublishedProtocol(
        corpora=("ravdess",),
        test=((1, 11, 20, 21), (4, 10, 12, 14), (8, 9, 19, 23), (3, 5, 7, 24), (2, 15, 16, 18), (6, 13, 17, 22)),
        validation=(),
        source="EmoBox (Ma et al. 2024)",
    ),
    "cremad_tfds": PublishedProtocol(
        corpora=("cremad",),
        test=(
            (
                *(1010, 1013, 1022, 1026, 1037, 1038, 1040, 1045, 1047, 1048),
                *(1059, 1065, 1066, 1068, 1071, 1073, 1084, 1086, 1088),
            ),
        ),
        validation=((1015, 1020, 1021, 1030, 1050, 1070, 1079, 1089, 1090),),
        source="TensorFlow Datasets' crema_d; SERAB (Scheidwasser-Clow et al. 2022)",
    ),
}
CREMAD5 = (
    (1001, 1002, 1008, 1016, 1018, 1026, 1028, 1034, 1040, 1046, 1048, 1054, 1061, 1062, 1068, 1075, 1080, 1084, 1087),
    (1003, 1005, 1009, 1017, 1020, 1027, 1029, 1035, 1041, 1047, 1050, 1055, 1063, 1064, 1069, 1076, 1081, 1088, 1089),
    (1004, 1010, 1011, 1019, 1021, 1030, 1031, 1036, 1042, 1049, 1051, 1056, 1065, 1070, 1072, 1078, 1083, 1090, 1091),
    (1006, 1012, 1014, 1022, 1024, 1032, 1037, 1038, 1044, 1052, 1057, 1058, 1066, 1071, 1073, 1079, 1085),
    (1007, 1013, 1015, 1023, 1025, 1033, 1039, 1043, 1045, 1053, 1059, 1060, 1067, 1074, 1077, 1082, 1086),
)
"""Test speakers of CREMA-D: women and men were each assigned in turn, in the order of their numbers, so a fold has 8 or
9 women and 9 or 10 men. The first four women and the first four men of the next fold are the validation speakers."""
CREMAD5_VALIDATION = (
    (1003, 1005, 1009, 1017, 1020, 1027, 1029, 1035),
    (1004, 1010, 1011, 1019, 1021, 1030, 1031, 1036),
    (1006, 1012, 1014, 1022, 1024, 1032, 1037, 1038),
    (1007, 1013, 1015, 1023, 1025, 1033, 1039, 1043),
    (1001, 1002, 1008, 1016, 1018, 1026, 1028, 1034),
)
PUBLISHED["combined5"] = PublishedProtocol(
    corpora=("ravdess", "cremad"),
    test=tuple(map(operator.add, PUBLISHED["ravdess5"].test, CREMAD5)),
    validation=tuple(map(operator.add, PUBLISHED["ravdess5"].validation, CREMAD5_VALIDATION)),
    source="AERSUT, November 2026: the folds of ravdess5, and CREMAD5",
)


def _speaker(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    return assign_fold(data, [(clip.corpus, clip.sex) for clip in clips], speaker_groups(clips, contents))


def _random(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    return assign_fold(data, [(clip.corpus, clip.emotion) for clip in clips], contents)


def _given(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    named = (data.train_speakers, data.validation_speakers, data.test_speakers)
    if not any(named):
        if not any(clip.split for clip in clips):
            raise UserError(
                "protocol 'given' needs data.train_speakers, data.validation_speakers and data.test_speakers, "
                "or a manifest with a column 'split'."
            )
        return np.array([SPLITS.index(clip.split) if clip.split else UNUSED for clip in clips])
    set_of: dict[str, int] = {}
    for index, names in enumerate(named):
        for name in names:
            matches = _matching_speakers(name, clips)
            if len(matches) != 1:
                known = abbreviated(matches or sorted({clip.speaker_id for clip in clips}), most=24)
                problem = "is ambiguous. Use one of" if matches else "is unknown. Known:"
                raise UserError(f"data.{SPLITS[index]}_speakers: speaker '{name}' {problem} {known}.")
            if set_of.setdefault(matches[0], index) != index:
                raise UserError(f"data: speaker '{name}' is named for two sets. Name each speaker once.")
    return np.array([set_of.get(clip.speaker_id, UNUSED) for clip in clips])


def _matching_speakers(name: str, clips: Sequence[Clip]) -> list[str]:
    """Ids of the speakers that a user's name denotes: "12", or "ravdess:12".

    Leading zeros of a number count only in a corpus that has both spellings: "01" is RAVDESS's speaker "1", as in its
    file names, and "3" is EmoDB's "03".
    """
    exact = {clip.speaker_id for clip in clips if name in (clip.speaker, clip.speaker_id)}
    corpora = {speaker_id.partition(":")[0] for speaker_id in exact}
    names = {clip.speaker_id: clip.speaker for clip in clips if clip.corpus not in corpora}
    number = _unpadded(name)
    return sorted(exact | {key for key, own in names.items() if number in (_unpadded(own), _unpadded(key))})


def _unpadded(name: str) -> str:
    return re.sub(r"(^|:)0+(?=\d+$)", r"\1", name)


def _published(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    published = PUBLISHED[data.protocol]
    if others := {clip.corpus for clip in clips} - set(published.corpora):
        raise UserError(
            f"protocol '{data.protocol}' is defined for {' and '.join(published.corpora)} only. For other speech, set "
            f"data.protocol=speaker; or remove {', '.join(sorted(others))} from data.corpora."
        )
    if data.fold >= len(published.test):
        raise UserError(
            f"data.fold: protocol '{data.protocol}' has folds 0 to {len(published.test) - 1}, got {data.fold}."
        )
    test = np.array([int(clip.speaker) in published.test[data.fold] for clip in clips])
    if not published.validation:
        return _with_validation_speakers(data, clips, contents, test)
    validation = np.array([int(clip.speaker) in published.validation[data.fold] for clip in clips])
    return np.where(test, TEST, np.where(validation, VALIDATION, TRAIN))


def _cross_corpus(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    corpora = sorted({clip.corpus for clip in clips})
    if unknown := set(data.test_corpora) - set(corpora):
        raise UserError(
            f"data.test_corpora: {', '.join(sorted(unknown))} is not one of data.corpora, {', '.join(corpora)}."
        )
    return _with_validation_speakers(
        data, clips, contents, np.array([clip.corpus in data.test_corpora for clip in clips])
    )


def _leave_one_speaker_out(data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Int[np.ndarray, " clips"]:
    speakers = sorted({clip.speaker_id for clip in clips}, key=lambda name: (len(name), name))
    if data.fold >= len(speakers):
        raise UserError(f"data.fold: {len(speakers)} speakers make folds 0 to {len(speakers) - 1}, got {data.fold}.")
    test = np.array([clip.speaker_id == speakers[data.fold] for clip in clips])
    return _with_validation_speakers(data, clips, contents, test)


RULES: dict[str, Callable[[Data, Sequence[Clip], Sequence[str]], Int[np.ndarray, " clips"]]] = {
    "speaker": _speaker,
    "random": _random,
    "given": _given,
    "cross_corpus": _cross_corpus,
    "leave_one_speaker_out": _leave_one_speaker_out,
    **dict.fromkeys(PUBLISHED, _published),
}


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


def _with_validation_speakers(
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
