"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song (Livingstone & Russo, 2018)."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aersut.contracts import EMOTIONS, Clip, Corpus, Listing
from aersut.corpora.files import NoCounterpart, audio_files, list_clips
from aersut.errors import UserError
from aersut.registry import CORPORA

PLACES = (
    "ravdess-emotional-speech-audio/audio_speech_actors_01-24",
    "ravdess-emotional-speech-audio",
    "audio_speech_actors_01-24",
    ".",
)


@CORPORA.register("ravdess")
@dataclass(frozen=True)
class Ravdess(Corpus):
    """RAVDESS speech: 24 actors, 8 emotions, 1,440 clips (Livingstone & Russo 2018, CC BY-NC-SA 4.0).

    Found under `root/ravdess-emotional-speech-audio/audio_speech_actors_01-24/Actor_*/`, or in a root that holds the
    actor folders itself. Songs and video are left out. Zenodo record 1188976, `Audio_Speech_Actors_01-24.zip`.
    """

    all_speakers: ClassVar[tuple[str, ...]] = tuple(str(actor) for actor in range(1, 25))

    def load(self, root: Path) -> Listing:
        for place in PLACES:
            actors = sorted(path for path in (root / place).glob("Actor_*") if path.is_dir())
            if files := [file for actor in actors for file in audio_files(actor)]:
                return list_clips(files, _parse)
        raise UserError(
            f"ravdess: no .wav or .flac under {root / PLACES[0]}/Actor_*. Download Audio_Speech_Actors_01-24.zip of "
            "Zenodo record 1188976 and unpack it there, or set data.root to the folder that holds it."
        )


def _parse(path: Path) -> Clip:
    codes = re.fullmatch(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)", path.stem)
    if codes is None:
        raise ValueError("its name is not seven two-digit codes like 03-01-05-01-02-01-12")
    modality, channel, emotion, intensity, statement, _, actor = (int(code) for code in codes.groups())
    if channel == 2:
        raise NoCounterpart("a song")
    if (modality, channel) != (3, 1):
        raise ValueError(
            f"its name says modality {modality:02} and channel {channel:02}; expected 03-01, audio-only speech"
        )
    if not 1 <= emotion <= len(EMOTIONS):
        raise ValueError(f"emotion code {emotion:02} is none of 01 to 08")
    if intensity not in (1, 2):
        raise ValueError(f"intensity code {intensity:02} is none of 01 and 02")
    if not 1 <= actor <= 24:
        raise ValueError(f"actor {actor:02} is none of 01 to 24")
    return Clip(
        path=path,
        emotion=EMOTIONS[emotion - 1],
        speaker=str(actor),
        corpus="ravdess",
        sex="male" if actor % 2 else "female",
        text=f"{statement:02}",
        intensity=("normal", "strong")[intensity - 1],
    )
