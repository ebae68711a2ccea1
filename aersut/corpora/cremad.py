"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset (Cao et al., 2014)."""

import contextlib
import csv
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import Clip, Corpus, Listing
from aersut.corpora.files import audio_files, code, list_clips, name_codes
from aersut.errors import UserError
from aersut.registry import CORPORA

FOLDERS = ("cremad/AudioWAV", "cremad", "CREMA-D/AudioWAV", "CREMA-D", "AudioWAV", ".")
CODES = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
DEMOGRAPHICS = "VideoDemographics.csv"
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "", "X": ""}  # one file is named ..._SAD_X
# actors with Sex Female in the corpus's VideoDemographics.csv; the other 48 of 1001 to 1091 are male
FEMALE = frozenset(
    """1002 1003 1004 1006 1007 1008 1009 1010 1012 1013 1018 1020 1021 1024 1025 1028 1029 1030 1037 1043 1046 1047
    1049 1052 1053 1054 1055 1056 1058 1060 1061 1063 1072 1073 1074 1075 1076 1078 1079 1082 1084 1089 1091""".split()  # noqa: SIM905  (one a line would be a page)
)


@CORPORA.register("cremad")
@dataclass(frozen=True)
class CremaD(Corpus):
    """CREMA-D: 91 actors, 6 emotions (no calm, no surprise), 7,442 clips (Cao et al. 2014, ODbL 1.0).

    Its folder is `root/cremad/AudioWAV/`, `root/cremad/`, the same with `CREMA-D`, `root/AudioWAV/` or `root` itself.
    Its repository stores the audio in Git LFS: a clone without Git LFS contains 130-byte pointer files, which are
    skipped and reported. Age and race of the speakers are those of its VideoDemographics.csv, in that folder, in
    `root/cremad/` or in `root`.
    """

    licence = "ODbL 1.0"
    file_name = r"(?<![0-9A-Z])(?P<speaker>10\d\d)_[A-Z]{3}_(ANG|DIS|FEA|HAP|NEU|SAD)(?![0-9A-Z])"
    all_speakers: ClassVar[tuple[str, ...]] = tuple(str(actor) for actor in range(1001, 1092))

    def load(self, root: Path) -> Listing:
        for name in FOLDERS:
            files = audio_files(root / name)
            if name == ".":  # a root may contain other corpora too, so only names of CREMA-D's pattern are accepted
                files = [path for path in files if re.match(r"1\d{3}_[A-Z]{3}_", path.name, re.IGNORECASE)]
            if files:
                speakers = _demographics((root / name, root / "cremad", root / "CREMA-D", root))
                parse = functools.partial(_parse, speakers=speakers)
                return list_clips(files, parse, under=root / name if name != "." else None)
        raise UserError(
            f"cremad: no .wav or .flac under {root / FOLDERS[0]}. Clone CREMA-D with Git LFS and copy its AudioWAV "
            "there, or set data.root to the folder that contains it."
        )


def _demographics(folders: Sequence[Path]) -> dict[str, tuple[str, str]]:
    """Speaker → age group and race, from the first folder that has the table; rows of another form are skipped."""
    found: dict[str, tuple[str, str]] = {}
    for folder in folders:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = (folder / DEMOGRAPHICS).read_text(encoding="utf-8-sig")
            for row in csv.DictReader(text.splitlines()):
                with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                    found[row["ActorID"]] = _age_group(int(row["Age"])), row["Race"].replace("Unknown", "")
            break
    return found


def _age_group(age: int) -> str:
    return f"{age // 10 * 10} to {age // 10 * 10 + 9}"


def _parse(path: Path, speakers: Mapping[str, tuple[str, str]]) -> Clip:
    codes = name_codes(path.stem, r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{1,2})", "the form 1001_DFA_ANG_XX")
    speaker, text, emotion, level = (code.upper() for code in codes)
    if not 1001 <= int(speaker) <= 1091:
        raise ValueError(f"actor {speaker} is not one of 1001 to 1091")
    sex = "female" if speaker in FEMALE else "male"
    age, race = speakers.get(speaker, ("", ""))
    intensity = code("level", level, LEVELS)
    return Clip(path, code("emotion", emotion, CODES), speaker, "cremad", sex, text, intensity, age=age, race=race)
