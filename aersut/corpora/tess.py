"""TESS, the Toronto Emotional Speech Set (Pichora-Fuller & Dupuis, 2020)."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import Clip, Corpus, Listing
from aersut.corpora.files import code, corpus_files, list_clips, name_codes
from aersut.registry import CORPORA

CODES = {name: name for name in ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad")}
CODES["ps"] = "surprise"  # "pleasant surprise"
SPEAKERS = {"OAF": "OAF", "YAF": "YAF", "OA": "OAF"}  # one file is named OA_bite_neutral.wav


@CORPORA.register("tess")
@dataclass(frozen=True)
class Tess(Corpus):
    """TESS: 2 women, 7 emotions (no calm), 2,800 clips (Pichora-Fuller & Dupuis 2020, CC BY-NC-ND 4.0).

    Its files are at any depth under `root/tess/`; the copy on Kaggle contains every clip twice, of which one is listed.
    Names are like `OAF_back_fear.wav`: speaker (older or younger woman), word of "Say the word …", emotion.
    """

    licence = "CC BY-NC-ND 4.0"
    all_speakers: ClassVar[tuple[str, ...]] = ("OAF", "YAF")

    def load(self, root: Path) -> Listing:
        files = corpus_files("tess", root, "Download TESS (doi:10.5683/SP2/E8H2MF) and unpack it there.")
        return list_clips(files, _parse, identity=lambda clip: (clip.speaker, clip.text, clip.emotion))


def _parse(path: Path) -> Clip:
    speaker, text, emotion = name_codes(path.stem, r"([A-Z]+)_([A-Za-z-]+)_([A-Za-z]+)", "the form OAF_back_fear")
    return Clip(path, code("emotion", emotion, CODES), code("speaker", speaker, SPEAKERS), "tess", "female", text)
