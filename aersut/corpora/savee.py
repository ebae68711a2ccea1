"""SAVEE, the Surrey Audio-Visual Expressed Emotion database (Haq & Jackson, 2010)."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import Clip, Corpus, Listing
from aersut.corpora.files import code, corpus_files, corpus_folder, list_clips, name_codes
from aersut.registry import CORPORA

CODES = {"a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "sa": "sad", "su": "surprise"}


@CORPORA.register("savee")
@dataclass(frozen=True)
class Savee(Corpus):
    """SAVEE: 4 men, 7 emotions (no calm), 480 clips (Haq & Jackson 2010, for research only, on request).

    Its files are at any depth under `root/savee/`. Names are like `DC_a01.wav` or, in the original, `DC/a01.wav`:
    speaker, emotion, number of the sentence of this emotion.
    """

    all_speakers: ClassVar[tuple[str, ...]] = ("DC", "JE", "JK", "KL")

    def load(self, root: Path) -> Listing:
        hint = "Request SAVEE at http://kahlan.eps.surrey.ac.uk/savee and unpack it there."
        files = corpus_files("savee", root, hint)
        return list_clips(files, _parse, lambda clip: (clip.speaker, clip.text), corpus_folder("savee", root))


def _parse(path: Path) -> Clip:
    name = path.stem if "_" in path.stem else f"{path.parent.name}_{path.stem}"
    speaker, emotion, number = name_codes(name, r"([a-z]{2})_([a-z]{1,2})(\d\d)", "the form DC_a01 or DC/a01")
    speaker, emotion = speaker.upper(), emotion.lower()
    if speaker not in Savee.all_speakers:
        raise ValueError(f"speaker {speaker} is not one of {', '.join(Savee.all_speakers)}")
    return Clip(path, code("emotion", emotion, CODES), speaker, "savee", sex="male", text=f"{emotion}{number}")
