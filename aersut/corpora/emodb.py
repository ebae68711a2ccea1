"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al., 2005)."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import Clip, Corpus, Listing
from aersut.corpora.files import OutOfScope, code, corpus_files, list_clips, name_codes
from aersut.registry import CORPORA

CODES = {
    "W": "angry",  # Wut
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
    "L": "boredom",  # Langeweile
}
MALE = frozenset({"03", "10", "11", "12", "15"})


@CORPORA.register("emodb")
@dataclass(frozen=True)
class EmoDB(Corpus):
    """EmoDB: 10 actors, 6 emotions, German; 454 of its 535 clips, since 81 are boredom (Burkhardt et al. 2005).

    Its files are at any depth under `root/emodb/`. Names are like `03a01Fa.wav`: speaker, sentence, emotion (its German
    initial), repetition. Boredom is not one of `EMOTIONS`, so its clips are skipped.
    """

    all_speakers: ClassVar[tuple[str, ...]] = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")

    def load(self, root: Path) -> Listing:
        files = corpus_files("emodb", root, "Download EmoDB from http://emodb.bilderbar.info and unpack it there.")
        return list_clips(files, _parse, identity=lambda clip: clip.path.stem)


def _parse(path: Path) -> Clip:
    speaker, text, emotion, _ = name_codes(path.stem, r"(\d\d)([ab]\d\d)([A-Z])([a-z])", "the form 03a01Fa")
    if speaker not in EmoDB.all_speakers:
        raise ValueError(f"speaker {speaker} is not one of {', '.join(EmoDB.all_speakers)}")
    name = code("emotion", emotion, CODES)
    if name == "boredom":
        raise OutOfScope("has the emotion boredom, which is not one of the eight")
    return Clip(path, name, speaker, "emodb", sex="male" if speaker in MALE else "female", text=text)
