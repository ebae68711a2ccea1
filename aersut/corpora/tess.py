"""TESS, the Toronto Emotional Speech Set (Pichora-Fuller & Dupuis, 2020)."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import Clip, Corpus, Listing
from aersut.corpora.files import code, corpus_files, corpus_folder, list_clips, name_codes
from aersut.registry import CORPORA

CODES = {name: name for name in ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad")}
CODES["ps"] = "surprise"  # "pleasant surprise"
SPEAKERS = {"OAF": "OAF", "YAF": "YAF", "OA": "OAF"}  # one file is named OA_bite_neutral.wav


@CORPORA.register("tess")
@dataclass(frozen=True)
class Tess(Corpus):
    """TESS: 2 women, 7 emotions (no calm), 2,800 clips (Pichora-Fuller & Dupuis 2020, CC BY-NC-ND 4.0).

    Its files are at any depth under `root/tess/`; the copy on Kaggle contains every clip twice, of which one is listed.
    Names are like `OAF_back_fear.wav`, in any case: speaker (older or younger woman), word of "Say the word …",
    emotion.
    """

    licence = "CC BY-NC-ND 4.0"
    all_speakers: ClassVar[tuple[str, ...]] = ("OAF", "YAF")

    def load(self, root: Path) -> Listing:
        files = corpus_files("tess", root, "Download TESS (doi:10.5683/SP2/E8H2MF) and unpack it there.")
        under = corpus_folder("tess", root)
        return list_clips(files, _parse, lambda clip: (clip.speaker, clip.text, clip.emotion), under)


def _parse(path: Path) -> Clip:
    speaker, text, emotion = name_codes(path.stem, r"([a-z]+)_([a-z-]+)_([a-z_]+)", "the form OAF_back_fear")
    emotion = "ps" if re.fullmatch("(pleasant_?)?surprised?", emotion.lower()) else emotion.lower()
    name = code("speaker", speaker.upper(), SPEAKERS)
    return Clip(path, code("emotion", emotion, CODES), name, "tess", "female", text.lower())
