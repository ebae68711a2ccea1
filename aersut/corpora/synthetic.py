"""Synthetic emotional speech, made by this project: an embedded corpus, and a stand-in for RAVDESS and CREMA-D on disk.

Each emotion is a deviation from the speaker's own neutral voice, in the directions that these sources report:

- Murray & Arnott (1993), "Toward the simulation of emotion in synthetic speech", JASA 93(2): the table of rate, pitch
  average, range and changes, intensity and voice quality for anger, happiness, sadness, fear and disgust;
- Banse & Scherer (1996), "Acoustic profiles in vocal emotion expression", JPSP 70(3): high F0 and energy in hot anger
  and panic fear, low energy in sadness;
- Juslin & Laukka (2003), "Communication of emotions in vocal expression and music performance", Psychological Bulletin
  129(5): rate, intensity, high-frequency energy and F0 of anger, fear, happiness, sadness and tenderness;
- Burkhardt & Sendlmeier (2000), "Verification of acoustical correlates of emotional speech using formant-synthesis",
  ISCA Workshop on Speech and Emotion: raised formants (spread lips) for joy, a strongly raised pitch for fear;
- Cahn (1990), "The generation of affect in synthesized speech", J. American Voice I/O Society 8: a wide range and a
  rising contour for surprise.

Calm is in none of them; tenderness stands in for it. Where they disagree (the F0 range and the energy of fear) a middle
is taken. The sizes, unlike the directions, are this project's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from aersut.contracts import EMOTIONS, Clip, Corpus, LeftOut, Listing
from aersut.corpora.cremad import CODES, FEMALE
from aersut.corpora.voice import Manner, Voice, speak
from aersut.errors import UserError
from aersut.paths import cache_dir, new_folder
from aersut.registry import CORPORA

if TYPE_CHECKING:
    from jaxtyping import Float

VERSION = 1
"""Raised with every change of what is heard or how it is laid out, so that an older cache is not taken for today's."""
SAMPLE_RATE = 16_000

MANNERS = {
    "neutral": Manner(),
    "calm": Manner(pitch=-1.5, span=-0.5, final=-1, rate=-0.2, level=-5, bright=-4, rough=-0.6, breath=3, pause=0.04),
    "happy": Manner(pitch=5, span=0.9, final=3, rate=0.12, level=5, bright=3, breath=2, pause=-0.03, spread=0.1),
    "sad": Manner(pitch=-2, span=-0.9, final=-2, rate=-0.4, level=-7, bright=-6, rough=0.7, breath=6, pause=0.16),
    "angry": Manner(pitch=5, span=0.8, final=-2, rate=0.22, level=9, bright=8, rough=0.9, breath=1, pause=-0.04),
    "fear": Manner(pitch=8, span=0.1, final=1, rate=0.4, level=0, bright=-1, rough=1.6, breath=5, pause=0.02),
    "disgust": Manner(pitch=-4, span=0.3, final=-5, rate=-0.5, level=-2, bright=1, rough=1.3, pause=0.07),
    "surprise": Manner(pitch=5, span=1.0, final=10, rate=0.15, level=5, bright=2, breath=2, pause=-0.02),
}
# standard deviations from speaker to speaker (whose mean pitch varies by itself), and from clip to clip of one speaker
HABIT = Manner(
    0.0, span=0.2, final=0.7, rate=0.08, level=1.5, bright=1.5, rough=0.3, breath=1.5, pause=0.02, spread=0.03
)
MOMENT = Manner(
    1.0, span=0.2, final=1.2, rate=0.08, level=1.5, bright=1.5, rough=0.3, breath=1.5, pause=0.03, spread=0.02
)

# nonsense of six syllables each, so that no sentence is told from another by its length
SENTENCES = tuple(
    tuple(sentence.split())
    for sentence in (
        "mida tosE namu", "loki bEsa dEno", "pala nuti somE", "sEda moni kulo", "tanE liso bamu", "numE kado silE",
        "dolu sami tEka", "bino lEta masu", "kEmi sola duna", "lasE piku moda", "soti mEnu balE", "nElo dusi kamE",
    )
)  # fmt: skip
CREMAD_SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
STRENGTHS = {"normal": 1.0, "strong": 1.25, "LO": 0.6, "MD": 0.9, "HI": 1.25, "XX": 1.0}


def voice_of(seed: int, speaker: int) -> Voice:
    """Draw the speaker of number `speaker` (from 1): odd ones are male, even ones female, as in RAVDESS."""
    rng = np.random.default_rng([seed, speaker, 0])
    sex = "male" if speaker % 2 else "female"
    f0 = {"male": 115.0, "female": 205.0}[sex] * 2 ** (rng.normal(0, 1.8) / 12)
    tract = {"male": 1.0, "female": 1.16}[sex] * 2 ** rng.normal(0, 0.04)
    return Voice(sex, f0, tract, habit=HABIT.drawn(rng), expressiveness=rng.uniform(0.65, 1.2))


def render(
    speaker: int,
    emotion: str,
    repetition: int,
    seed: int = 0,
    sample_rate: int = SAMPLE_RATE,
    *,
    sentence: int = 0,
    intensity: str = "normal",
) -> Float[np.ndarray, "samples"]:
    """Speak one clip: float32 within ±0.9, about 1 to 3 seconds, the same for the same arguments.

    Args:
        speaker: number from 1.
        emotion: one of `EMOTIONS`.
        repetition: number from 0; clips that differ in it alone are takes of the same sentence.
        seed: draws the speakers and the takes.
        sample_rate: in Hz, at least 8000.
        sentence: index into `SENTENCES`.
        intensity: one of `STRENGTHS`: how far the emotion takes the voice from neutral.
    """
    rng = np.random.default_rng([seed, speaker, 1 + EMOTIONS.index(emotion), repetition])
    voice = voice_of(seed, speaker)
    manner = MOMENT.drawn(rng).plus(MANNERS[emotion], voice.expressiveness * STRENGTHS[intensity])
    return speak(voice, manner, SENTENCES[sentence], sample_rate, rng).astype(np.float32)


class Take(NamedTuple):
    """One clip to write: its file relative to the corpus, and what `render` is told."""

    file: str
    speaker: int
    emotion: str
    repetition: int
    sentence: int
    intensity: str


@CORPORA.register("synthetic")
@dataclass(frozen=True)
class Synthetic(Corpus):
    """Synthetic voices, generated from a seed: for the quick start and for tests, never a measure of real speech.

    The clips are written once into the cache folder, as 16-bit .wav files of one channel at 16 kHz.

    Attributes:
        speakers: number of voices; the odd ones are male, the even ones female.
        repetitions: clips of each speaker and emotion; of every four, two sentences in two intensities.
        seed: another seed gives other voices and other takes.
    """

    speakers: int = 16
    repetitions: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("speakers", 1), ("repetitions", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")

    def load(self, root: Path) -> Listing:
        """List the clips, after writing them if they are not in the cache; `root` is ignored, nothing is looked for.

        Raises:
            UserError: the cache folder cannot be written.
        """
        folder = cache_dir() / "synthetic" / f"v{VERSION}-{self.speakers}x{self.repetitions}-seed{self.seed}"
        takes = list(_own_takes(self))
        if not folder.is_dir():
            try:
                with new_folder(folder) as aside:
                    _write(takes, aside, self.seed, SAMPLE_RATE)
            except OSError as error:
                raise UserError(
                    f"synthetic: cannot write its clips to {folder}: {error}. Set AERSUT_CACHE to another folder."
                ) from error
        there = {path.name for path in folder.iterdir()}
        lost = f"deleted from the cache; delete the folder {folder} to have it written again"
        return Listing(
            clips=tuple(_clip(folder, take) for take in takes if take.file in there),
            left_out=tuple(LeftOut(folder / take.file, lost) for take in takes if take.file not in there),
        )

    def write(
        self,
        root: Path,
        layout: Literal["ravdess", "cremad"],
        *,
        sample_rate: int = SAMPLE_RATE,
        suffix: Literal[".wav", ".flac"] = ".wav",
    ) -> Path:
        """Write the voices under `root` with the folders and names of RAVDESS or CREMA-D, for their loaders to read.

        As in the originals, RAVDESS's neutral has one intensity (4 takes of the 8), CREMA-D has six of the emotions
        and its first sentence in three levels (14 takes; 12 for neutral); `repetitions` takes the first of them.

        Returns:
            The corpus's own folder, which holds nothing else.

        Raises:
            ValueError: the layout has no such number of speakers or repetitions, or is unknown, as may be the suffix.
        """
        if layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
        if suffix not in (".wav", ".flac"):
            raise ValueError(f"suffix must be .wav or .flac, got {suffix!r}")
        folder, speakers, repetitions, takes = LAYOUTS[layout]
        if self.speakers > speakers:
            raise ValueError(f"{layout} has {speakers} speakers at most, got {self.speakers}")
        if self.repetitions > repetitions:
            raise ValueError(f"{layout} has {repetitions} repetitions at most, got {self.repetitions}")
        _write((take._replace(file=take.file + suffix) for take in takes(self)), root / folder, self.seed, sample_rate)
        return root / folder


def _write(takes: Iterable[Take], folder: Path, seed: int, sample_rate: int) -> None:
    import soundfile  # only who writes pays for the import

    for take in takes:
        samples = render(
            take.speaker,
            take.emotion,
            take.repetition,
            seed,
            sample_rate,
            sentence=take.sentence,
            intensity=take.intensity,
        )
        path = folder / take.file
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, sample_rate, subtype="PCM_16")


def _clip(folder: Path, take: Take) -> Clip:
    sex = voice_of(0, take.speaker).sex
    text = f"{take.sentence + 1:02}"
    return Clip(folder / take.file, take.emotion, str(take.speaker), "synthetic", sex, text, take.intensity)


def _own_takes(corpus: Synthetic) -> Iterator[Take]:
    for speaker, emotion in product(range(1, corpus.speakers + 1), EMOTIONS):
        for number in range(corpus.repetitions):
            group, sentence = divmod(number, 2)
            intensity = "strong" if group % 2 and emotion != "neutral" else "normal"
            sentence = (sentence + 2 * (group // 2)) % len(SENTENCES)
            yield Take(f"{speaker:03}-{emotion}-{number + 1:02}.wav", speaker, emotion, number, sentence, intensity)


def _ravdess_takes(corpus: Synthetic) -> Iterator[Take]:
    for actor, (code, emotion) in product(range(1, corpus.speakers + 1), enumerate(EMOTIONS, start=1)):
        for number in range(min(corpus.repetitions, 4 if emotion == "neutral" else 8)):
            strong, take, sentence = number // 4, number // 2 % 2, number % 2
            name = f"03-01-{code:02}-{strong + 1:02}-{sentence + 1:02}-{take + 1:02}-{actor:02}"
            file = f"audio_speech_actors_01-24/Actor_{actor:02}/{name}"
            yield Take(file, actor, emotion, number, sentence, ("normal", "strong")[strong])


def _cremad_takes(corpus: Synthetic) -> Iterator[Take]:
    first = CREMAD_SENTENCES[0]
    for actor, (code, emotion) in product(range(1001, 1001 + corpus.speakers), CODES.items()):
        levels = [(first, "XX")] if emotion == "neutral" else [(first, level) for level in ("LO", "MD", "HI")]
        spoken = [*levels, *((sentence, "XX") for sentence in CREMAD_SENTENCES[1:])]
        # of the two voices that each actor could have, the one of the sex that the corpus gives that actor
        speaker = 2 * (actor - 1000) - (str(actor) not in FEMALE)
        for number, (sentence, level) in enumerate(spoken[: corpus.repetitions]):
            file = f"AudioWAV/{actor}_{sentence}_{code}_{level}"
            yield Take(file, speaker, emotion, number, CREMAD_SENTENCES.index(sentence), level)


class Layout(NamedTuple):
    """A folder, how many speakers and repetitions fit into the names, and the takes (their files without suffix)."""

    folder: str
    speakers: int
    repetitions: int
    takes: Callable[[Synthetic], Iterator[Take]]


LAYOUTS = {
    "ravdess": Layout("ravdess-emotional-speech-audio", 24, 8, _ravdess_takes),
    "cremad": Layout("cremad", 91, 14, _cremad_takes),
}
