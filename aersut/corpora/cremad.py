"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset (Cao et al., 2014)."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import Clip, Corpus, Listing
from aersut.corpora.files import audio_files, list_clips
from aersut.errors import UserError
from aersut.registry import CORPORA

PLACES = ("cremad/AudioWAV", "cremad", "AudioWAV", ".")
CODES = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "", "X": ""}  # one file is named ..._SAD_X
# the actors whose Sex is Female in the corpus's VideoDemographics.csv; the other 48 of 1001 to 1091 are male
FEMALE = frozenset(
    """1002 1003 1004 1006 1007 1008 1009 1010 1012 1013 1018 1020 1021 1024 1025 1028 1029 1030 1037 1043 1046 1047
    1049 1052 1053 1054 1055 1056 1058 1060 1061 1063 1072 1073 1074 1075 1076 1078 1079 1082 1084 1089 1091""".split()  # noqa: SIM905  (one a line would be a page)
)


@CORPORA.register("cremad")
@dataclass(frozen=True)
class CremaD(Corpus):
    """CREMA-D: 91 actors, 6 emotions (no calm, no surprise), 7,442 clips (Cao et al. 2014, ODbL 1.0).

    Found under `root/cremad/AudioWAV/`, or in a root that holds the files itself. Its repository keeps the audio in
    Git LFS: a plain clone holds 130-byte pointer files, which are left out and named as such.
    """

    all_speakers: ClassVar[tuple[str, ...]] = tuple(str(actor) for actor in range(1001, 1092))

    def load(self, root: Path) -> Listing:
        for place in PLACES:
            folder = root / place
            files = _own_files(folder) if place == "." else audio_files(folder)
            if files:
                return list_clips(files, _parse)
        raise UserError(
            f"cremad: no .wav or .flac under {root / PLACES[0]}. Clone CREMA-D with Git LFS, copy its AudioWAV there, "
            "or set data.root to the folder that holds it."
        )


def _own_files(folder: Path) -> list[Path]:
    # a root may hold other corpora too, so only files of CREMA-D's own pattern count there
    return [path for path in audio_files(folder) if re.match(r"1\d{3}_[A-Z]{3}_", path.name)]


def _parse(path: Path) -> Clip:
    codes = re.fullmatch(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{1,2})", path.stem)
    if codes is None:
        raise ValueError("its name is not of the form 1001_DFA_ANG_XX")
    speaker, text, emotion, level = codes.groups()
    if not 1001 <= int(speaker) <= 1091:
        raise ValueError(f"actor {speaker} is none of 1001 to 1091")
    if emotion not in CODES:
        raise ValueError(f"emotion code {emotion} is none of {', '.join(CODES)}")
    if level not in LEVELS:
        raise ValueError(f"level code {level} is none of {', '.join(LEVELS)}")
    return Clip(
        path=path,
        emotion=CODES[emotion],
        speaker=speaker,
        corpus="cremad",
        sex="female" if speaker in FEMALE else "male",
        text=text,
        intensity=LEVELS[level],
    )
