"""The evaluation protocols: which clips are in the training set, in the validation set and in the test set."""

import abc
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Int

from aersut.config import Data
from aersut.contracts import Clip
from aersut.data.assignment import (
    SPLITS,
    TEST,
    TRAIN,
    UNUSED,
    VALIDATION,
    assign_fold,
    speaker_groups,
    with_validation_speakers,
)
from aersut.errors import UserError
from aersut.texts import abbreviated, counted

Assignment = Int[np.ndarray, " clips"]


class Protocol(abc.ABC):
    """The rule that a value of `data.protocol` stands for.

    Attributes:
        speaker_dependent: its sets may share speakers.
        of_copies: it assigns each augmented copy by itself, so that copies of a test clip train.
    """

    speaker_dependent: ClassVar[bool] = False
    of_copies: ClassVar[bool] = False

    @abc.abstractmethod
    def assign(self, data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Assignment:
        """Return the set of each clip, an index into `SPLITS`, or `UNUSED`.

        Args:
            contents: equal for clips that must be in one set.

        Raises:
            UserError: `data` names speakers, corpora or a fold that the clips do not have.
        """

    def folds(self, data: Data, clips: Sequence[Clip]) -> int:
        """The number of values of `data.fold`, whose test sets are disjoint."""
        return data.folds or 1

    def missing(self, data: Data, clips: Sequence[Clip]) -> tuple[str, ...]:
        """The speakers that the protocol names and the clips lack, such as "test: 6, 13"."""
        return ()

    def why_empty(self, data: Data, clips: Sequence[Clip], index: int) -> str:
        """Why a set of `SPLITS` has no clip, and the remedy."""
        speakers = len({clip.speaker_id for clip in clips})
        fractions = f"for test={data.test} and validation={data.validation}"
        found = f"{counted(speakers, 'speaker')} and {counted(len(clips), 'clip')} are too few {fractions}"
        if speakers < len(SPLITS) and not self.speaker_dependent:
            return f"{found}. Set protocol=random, which splits by clip; its results hold for these speakers only"
        return f"{found}. Add clips, or set other fractions"


class BySpeaker(Protocol):
    """Speaker-independent, by fractions of the speakers of each sex and corpus."""

    def assign(self, data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Assignment:
        return assign_fold(data, [(clip.corpus, clip.sex) for clip in clips], speaker_groups(clips, contents))


class ByClip(Protocol):
    """By fractions of the clips of each emotion and corpus."""

    speaker_dependent = True

    def assign(self, data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Assignment:
        return assign_fold(data, [(clip.corpus, clip.emotion) for clip in clips], contents)


class ByCopy(ByClip):
    """By fractions of the augmented copies of each emotion, as in the paper."""

    of_copies = True

    def assign(self, data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Assignment:
        return assign_fold(data, [(clip.emotion,) for clip in clips], contents)


class Given(Protocol):
    """By the speakers that `data` names, or by the split of each clip in a manifest."""

    def assign(self, data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Assignment:
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

    def why_empty(self, data: Data, clips: Sequence[Clip], index: int) -> str:
        return f"no clip has split={SPLITS[index]}. Add it to rows of the manifest"


class GivenFolds(Protocol):
    """Tests on a fold of a manifest; of the speakers of the other folds, a fraction of each sex validates."""

    def assign(self, data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Assignment:
        names = self._names(clips)
        if data.fold >= len(names):
            raise UserError(
                f"data.fold: the {len(names)} folds of the manifest ({abbreviated(names, most=12)}) are 0 to "
                f"{len(names) - 1}, got {data.fold}."
            )
        used = [index for index, clip in enumerate(clips) if clip.fold]
        test = np.array([clips[index].fold == names[data.fold] for index in used])
        assignment = np.full(len(clips), UNUSED)
        assignment[used] = with_validation_speakers(
            data, [clips[index] for index in used], [contents[index] for index in used], test
        )
        return assignment

    def folds(self, data: Data, clips: Sequence[Clip]) -> int:
        return len(self._names(clips))

    def why_empty(self, data: Data, clips: Sequence[Clip], index: int) -> str:
        return "the other folds need at least two speakers, one to train and one to validate. Add clips"

    def _names(self, clips: Sequence[Clip]) -> list[str]:
        names = {clip.fold for clip in clips if clip.fold}
        if not names:
            raise UserError("protocol 'given_folds' needs a manifest with a column 'fold'.")
        return sorted(names, key=lambda name: (len(name), name))


class CrossCorpus(Protocol):
    """Tests on `data.test_corpora`, trains on the other corpora."""

    def assign(self, data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Assignment:
        corpora = sorted({clip.corpus for clip in clips})
        if unknown := set(data.test_corpora) - set(corpora):
            raise UserError(
                f"data.test_corpora: {', '.join(sorted(unknown))} is not one of data.corpora, {', '.join(corpora)}."
            )
        test = np.array([clip.corpus in data.test_corpora for clip in clips])
        return with_validation_speakers(data, clips, contents, test)

    def why_empty(self, data: Data, clips: Sequence[Clip], index: int) -> str:
        if {clip.corpus for clip in clips} <= set(data.test_corpora):
            return "all corpora are in data.test_corpora. Omit one, or add another to data.corpora"
        return super().why_empty(data, clips, index)


class LeaveOneSpeakerOut(Protocol):
    """Tests on one speaker, whose index is `data.fold`."""

    def assign(self, data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Assignment:
        speakers = sorted({clip.speaker_id for clip in clips}, key=lambda name: (len(name), name))
        if data.fold >= len(speakers):
            raise UserError(
                f"data.fold: {len(speakers)} speakers make folds 0 to {len(speakers) - 1}, got {data.fold}."
            )
        test = np.array([clip.speaker_id == speakers[data.fold] for clip in clips])
        return with_validation_speakers(data, clips, contents, test)

    def folds(self, data: Data, clips: Sequence[Clip]) -> int:
        return len({clip.speaker_id for clip in clips})


@dataclass(frozen=True)
class Published(Protocol):
    """The test and validation speakers of each fold, by a publication or by docs/joint.md.

    `validation` is empty if the publication names none. Of several corpora, no two have a speaker of the same number.
    """

    corpora: tuple[str, ...]
    test: tuple[tuple[int, ...], ...]
    validation: tuple[tuple[int, ...], ...]
    source: str

    def assign(self, data: Data, clips: Sequence[Clip], contents: Sequence[str]) -> Assignment:
        if others := {clip.corpus for clip in clips} - set(self.corpora):
            raise UserError(
                f"protocol '{data.protocol}' is defined for {' and '.join(self.corpora)} only. For other speech, set "
                f"data.protocol=speaker; or remove {', '.join(sorted(others))} from data.corpora."
            )
        if data.fold >= len(self.test):
            raise UserError(
                f"data.fold: protocol '{data.protocol}' has folds 0 to {len(self.test) - 1}, got {data.fold}."
            )
        test = np.array([int(clip.speaker) in self.test[data.fold] for clip in clips])
        if not self.validation:
            return with_validation_speakers(data, clips, contents, test)
        validation = np.array([int(clip.speaker) in self.validation[data.fold] for clip in clips])
        return np.where(test, TEST, np.where(validation, VALIDATION, TRAIN))

    def folds(self, data: Data, clips: Sequence[Clip]) -> int:
        return len(self.test)

    def missing(self, data: Data, clips: Sequence[Clip]) -> tuple[str, ...]:
        every = [speaker for fold in (*self.test, *self.validation) for speaker in fold]
        return (*self._missing_in_fold(data, clips), *_absent({"all folds": every}, clips))

    def why_empty(self, data: Data, clips: Sequence[Clip], index: int) -> str:
        missing = self.missing(data, clips) if index == TRAIN else self._missing_in_fold(data, clips)
        return f"speakers of fold {data.fold} are missing ({'; '.join(missing)}). Add them, or set another data.fold"

    def _missing_in_fold(self, data: Data, clips: Sequence[Clip]) -> tuple[str, ...]:
        validation = self.validation[data.fold] if self.validation else ()
        return _absent({"validation": validation, "test": self.test[data.fold]}, clips)


def _absent(speakers: dict[str, Sequence[int]], clips: Sequence[Clip]) -> tuple[str, ...]:
    """A text for each group of speakers of which some have no clip."""
    present = {int(clip.speaker) for clip in clips}
    absent = {name: sorted(set(numbers) - present) for name, numbers in speakers.items()}
    return tuple(f"{name}: {', '.join(map(str, numbers))}" for name, numbers in absent.items() if numbers)


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


PUBLISHED = {
    "ravdess5": Published(
        corpora=("ravdess",),
        test=((2, 5, 14, 15, 16), (3, 6, 7, 13, 18), (10, 11, 12, 19, 20), (8, 17, 21, 23, 24), (1, 4, 9, 22)),
        validation=((3, 6), (10, 11), (8, 17), (1, 14), (2, 5)),
        source="Luna-Jiménez et al. 2021; validation as in ResLSTM-SER",
    ),
    "ravdess6": Published(
        corpora=("ravdess",),
        test=((1, 11, 20, 21), (4, 10, 12, 14), (8, 9, 19, 23), (3, 5, 7, 24), (2, 15, 16, 18), (6, 13, 17, 22)),
        validation=(),
        source="EmoBox (Ma et al. 2024)",
    ),
    "cremad_tfds": Published(
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
PUBLISHED["combined5"] = Published(
    corpora=("ravdess", "cremad"),
    test=tuple(map(operator.add, PUBLISHED["ravdess5"].test, CREMAD5)),
    validation=tuple(map(operator.add, PUBLISHED["ravdess5"].validation, CREMAD5_VALIDATION)),
    source="AERSUT, November 2026: the folds of ravdess5, and CREMAD5",
)
PROTOCOLS: dict[str, Protocol] = {
    "speaker": BySpeaker(),
    "random": ByClip(),
    "paper": ByCopy(),
    "given": Given(),
    "given_folds": GivenFolds(),
    "cross_corpus": CrossCorpus(),
    "leave_one_speaker_out": LeaveOneSpeakerOut(),
    **PUBLISHED,
}
