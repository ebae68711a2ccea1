"""TESS, the Toronto Emotional Speech Set (Pichora-Fuller & Dupuis, 2020)."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import Clip, Corpus, Listing
from aersut.corpora.files import files_of, list_clips
from aersut.registry import CORPORA

CODES = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprise",  # "pleasant surprise"
    "sad": "sad",
}
SPEAKERS = {"OAF": "OAF", "YAF": "YAF", "OA": "OAF"}  # one file is named OA_bite_neutral.wav


@CORPORA.register("tess")
@dataclass(frozen=True)
class Tess(Corpus):
    """TESS: 2 women, 7 emotions (no calm), 2,800 clips (Pichora-Fuller & Dupuis 2020, CC BY-NC-ND 4.0).

    Found at any depth under `root/tess/`; the copy on Kaggle holds every clip twice, of which one is taken. Files are
    named like `OAF_back_fear.wav`: speaker (old or young), word of "Say the word …", emotion.
    """

    all_speakers: ClassVar[tuple[str, ...]] = ("OAF", "YAF")

    def load(self, root: Path) -> Listing:
        files = files_of("tess", root, "Download TESS (doi:10.5683/SP2/E8H2MF) and unpack it there.")
        return list_clips(files, _parse, _take)


def _parse(path: Path) -> Clip:
    codes = re.fullmatch(r"([A-Z]+)_([A-Za-z-]+)_([A-Za-z]+)", path.stem)
    if codes is None:
        raise ValueError("its name is not of the form OAF_back_fear")
    speaker, text, emotion = codes.groups()
    if speaker not in SPEAKERS:
        raise ValueError(f"speaker {speaker} is none of {', '.join(SPEAKERS)}")
    if emotion not in CODES:
        raise ValueError(f"emotion code {emotion} is none of {', '.join(CODES)}")
    return Clip(path, CODES[emotion], SPEAKERS[speaker], "tess", sex="female", text=text)


def _take(clip: Clip) -> Hashable:
    return clip.speaker, clip.text, clip.emotion
