"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al., 2005)."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import Clip, Corpus, Listing
from aersut.corpora.files import code, corpus_files, corpus_folder, list_clips, name_codes, original_name
from aersut.registry import CORPORA

CODES = {
    "W": "angry",  # Wut
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
    "L": "bored",  # Langeweile
}
MALE = frozenset({"03", "10", "11", "12", "15"})


@CORPORA.register("emodb")
@dataclass(frozen=True)
class EmoDB(Corpus):
    """EmoDB: 10 actors, 7 emotions with boredom (the label "bored"), German, 535 clips (Burkhardt et al. 2005).

    Its files are at any depth under `root/emodb/`. Names are like `03a01Fa.wav`: speaker, sentence, emotion (its German
    initial), repetition.
    """

    all_speakers: ClassVar[tuple[str, ...]] = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")

    def load(self, root: Path) -> Listing:
        files = corpus_files("emodb", root, "Download EmoDB from http://emodb.bilderbar.info and unpack it there.")
        return list_clips(
            files, _parse, lambda clip: original_name(clip.path.stem).lower(), corpus_folder("emodb", root)
        )


def _parse(path: Path) -> Clip:
    speaker, text, emotion, _ = name_codes(path.stem, r"(\d\d)([ab]\d\d)([a-z])([a-z])", "the form 03a01Fa")
    if speaker not in EmoDB.all_speakers:
        raise ValueError(f"speaker {speaker} is not one of {', '.join(EmoDB.all_speakers)}")
    sex = "male" if speaker in MALE else "female"
    return Clip(path, code("emotion", emotion.upper(), CODES), speaker, "emodb", sex=sex, text=text.lower())
