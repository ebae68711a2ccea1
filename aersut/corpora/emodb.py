"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al., 2005)."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import Clip, Corpus, Listing
from aersut.corpora.files import NoCounterpart, files_of, list_clips
from aersut.registry import CORPORA

CODES = {
    "W": "angry",  # Wut
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}
BOREDOM = "L"  # Langeweile
MALE = frozenset({"03", "10", "11", "12", "15"})


@CORPORA.register("emodb")
@dataclass(frozen=True)
class EmoDB(Corpus):
    """EmoDB: 10 actors, 6 of our emotions, German; 454 of its 535 clips, for 81 are bored (Burkhardt et al. 2005).

    Found at any depth under `root/emodb/`. Files are named like `03a01Fa.wav`: speaker, sentence, emotion (its German
    initial), take. Boredom has no counterpart among our eight emotions, so its clips are left out.
    """

    all_speakers: ClassVar[tuple[str, ...]] = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")

    def load(self, root: Path) -> Listing:
        files = files_of("emodb", root, "Download EmoDB from http://emodb.bilderbar.info and unpack it there.")
        return list_clips(files, _parse, _name)


def _parse(path: Path) -> Clip:
    codes = re.fullmatch(r"(\d\d)([ab]\d\d)([A-Z])([a-z])", path.stem)
    if codes is None:
        raise ValueError("its name is not of the form 03a01Fa")
    speaker, text, emotion, _ = codes.groups()
    if speaker not in EmoDB.all_speakers:
        raise ValueError(f"speaker {speaker} is none of {', '.join(EmoDB.all_speakers)}")
    if emotion == BOREDOM:
        raise NoCounterpart("boredom, which is none of the eight emotions")
    if emotion not in CODES:
        raise ValueError(f"emotion code {emotion} is none of {', '.join((*CODES, BOREDOM))}")
    return Clip(path, CODES[emotion], speaker, "emodb", sex="male" if speaker in MALE else "female", text=text)


def _name(clip: Clip) -> Hashable:
    return clip.path.stem
