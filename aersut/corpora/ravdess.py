"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song (Livingstone & Russo, 2018)."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import Clip, Corpus, Listing
from aersut.corpora.files import SUFFIXES, OutOfScope, audio_files, list_clips, name_codes, original_name
from aersut.errors import UserError
from aersut.labels import EMOTIONS
from aersut.registry import CORPORA

FOLDERS = (
    "ravdess-emotional-speech-audio/audio_speech_actors_01-24",
    "ravdess-emotional-speech-audio",
    "audio_speech_actors_01-24",
    "ravdess",
    ".",
)
NAME = r"(\d\d)" + r"-(\d\d)" * 6


@CORPORA.register("ravdess")
@dataclass(frozen=True)
class Ravdess(Corpus):
    """RAVDESS speech: 24 actors, 8 emotions, 1,440 clips (Livingstone & Russo 2018, CC BY-NC-SA 4.0).

    Its files are at any depth under `root/ravdess-emotional-speech-audio/audio_speech_actors_01-24/`, one of these two
    folders or `root/ravdess/`; or `root` contains the folders `Actor_*`, or the files. Songs and video are skipped.
    Source: Zenodo record 1188976, `Audio_Speech_Actors_01-24.zip`.
    """

    licence = "CC BY-NC-SA 4.0"
    file_name = r"(?<![\d-])0[13]-0[12]-0[1-8](-0[12]){3}-0?(?P<speaker>[1-9]\d?)(?![\d-])"
    all_speakers: ClassVar[tuple[str, ...]] = tuple(str(actor) for actor in range(1, 25))

    def load(self, root: Path) -> Listing:
        for name in FOLDERS:
            folder = root / name
            if files := audio_files(folder) if name != "." else _own_files(folder):
                under = folder if name != "." else None
                return list_clips(files, _parse, lambda clip: original_name(clip.path.stem), under)
        raise UserError(
            f"ravdess: no .wav or .flac under {root / FOLDERS[0]}/Actor_*. Download Audio_Speech_Actors_01-24.zip of "
            "Zenodo record 1188976 and unpack it there, or set data.root to the folder that contains it."
        )


def _own_files(root: Path) -> list[Path]:
    """The files in the folders of the actors, or else directly in `root`, which may contain other corpora too."""
    folders = [path for path in sorted(root.glob("*")) if re.fullmatch(r"actor_\d\d", path.name, re.IGNORECASE)]
    in_root = [path for path in sorted(root.glob("*")) if path.suffix.lower() in SUFFIXES]
    names = [path for path in in_root if re.match(NAME, path.name)]
    return [file for folder in folders for file in audio_files(folder)] or names


def _parse(path: Path) -> Clip:
    codes = name_codes(path.stem, NAME, "seven two-digit codes like 03-01-05-01-02-01-12")
    modality, channel, emotion, intensity, statement, _, actor = map(int, codes)
    if channel == 2:
        raise OutOfScope("is a song, not speech")
    if (modality, channel) != (3, 1):
        raise ValueError(
            f"has modality {modality:02} and vocal channel {channel:02}, expected 03 and 01: audio-only speech"
        )
    if not 1 <= emotion <= len(EMOTIONS):
        raise ValueError(f"emotion code {emotion:02} is not one of 01 to 08")
    if intensity not in (1, 2):
        raise ValueError(f"intensity code {intensity:02} is not 01 or 02")
    if not 1 <= actor <= 24:
        raise ValueError(f"actor {actor:02} is not one of 01 to 24")
    sex, level = ("female", "male")[actor % 2], ("normal", "strong")[intensity - 1]
    return Clip(path, EMOTIONS[emotion - 1], str(actor), "ravdess", sex, f"{statement:02}", level)
