"""SAVEE, the Surrey Audio-Visual Expressed Emotion database (Haq & Jackson, 2010)."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import Clip, Corpus, Listing
from aersut.corpora.files import files_of, list_clips
from aersut.registry import CORPORA

CODES = {"a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "sa": "sad", "su": "surprise"}


@CORPORA.register("savee")
@dataclass(frozen=True)
class Savee(Corpus):
    """SAVEE: 4 men, 7 emotions (no calm), 480 clips (Haq & Jackson 2010, for research only, on request).

    Found at any depth under `root/savee/`, as `DC_a01.wav` or, as the original has it, `DC/a01.wav`: speaker, emotion,
    number of the sentence among those of the emotion.
    """

    all_speakers: ClassVar[tuple[str, ...]] = ("DC", "JE", "JK", "KL")

    def load(self, root: Path) -> Listing:
        files = files_of("savee", root, "Ask for SAVEE at http://kahlan.eps.surrey.ac.uk/savee and unpack it there.")
        return list_clips(files, _parse, _take)


def _parse(path: Path) -> Clip:
    name = path.stem if "_" in path.stem else f"{path.parent.name}_{path.stem}"
    codes = re.fullmatch(r"([A-Z]{2})_([a-z]{1,2})(\d\d)", name)
    if codes is None:
        raise ValueError("its name is neither of the form DC_a01 nor DC/a01")
    speaker, emotion, number = codes.groups()
    if speaker not in Savee.all_speakers:
        raise ValueError(f"speaker {speaker} is none of {', '.join(Savee.all_speakers)}")
    if emotion not in CODES:
        raise ValueError(f"emotion code {emotion} is none of {', '.join(CODES)}")
    return Clip(path, CODES[emotion], speaker, "savee", sex="male", text=f"{emotion}{number}")


def _take(clip: Clip) -> Hashable:
    return clip.speaker, clip.text
