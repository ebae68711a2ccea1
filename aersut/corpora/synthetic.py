"""Synthetic emotional speech: a corpus without downloads, and test data in the layouts of RAVDESS and CREMA-D.

Each emotion is an offset from the speaker's neutral voice, in the direction that these sources report:

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

None of them has calm, for which tenderness is used. Where they disagree (F0 range and energy of fear), the offset lies
in between. The magnitudes, unlike the directions, are those of this project.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np

from aersut.contracts import Clip, Corpus, Listing, SkippedFile
from aersut.corpora.cremad import CODES, FEMALE
from aersut.corpora.formant_synthesizer import SpeakingStyle, Voice, synthesize
from aersut.errors import CacheError
from aersut.labels import EMOTIONS
from aersut.paths import cache_dir, new_folder
from aersut.progress import stage
from aersut.registry import CORPORA

if TYPE_CHECKING:
    from jaxtyping import Float

VERSION = 1
"""To be raised with every change of samples or file names, so that an older cache is not used."""
SAMPLE_RATE = 16_000

STYLES = {
    "neutral": SpeakingStyle(),
    "calm": SpeakingStyle(
        pitch=-1.5, span=-0.5, final=-1, rate=-0.2, level=-5, bright=-4, rough=-0.6, breath=3, pause=0.04
    ),
    "happy": SpeakingStyle(pitch=5, span=0.9, final=3, rate=0.12, level=5, bright=3, breath=2, pause=-0.03, spread=0.1),
    "sad": SpeakingStyle(
        pitch=-2, span=-0.9, final=-2, rate=-0.4, level=-7, bright=-6, rough=0.7, breath=6, pause=0.16
    ),
    "angry": SpeakingStyle(pitch=5, span=0.8, final=-2, rate=0.22, level=9, bright=8, rough=0.9, breath=1, pause=-0.04),
    "fear": SpeakingStyle(pitch=8, span=0.1, final=1, rate=0.4, level=0, bright=-1, rough=1.6, breath=5, pause=0.02),
    "disgust": SpeakingStyle(pitch=-4, span=0.3, final=-5, rate=-0.5, level=-2, bright=1, rough=1.3, pause=0.07),
    "surprise": SpeakingStyle(pitch=5, span=1.0, final=10, rate=0.15, level=5, bright=2, breath=2, pause=-0.02),
}
# standard deviations between speakers (mean pitch varies separately) and between the clips of a speaker
SPEAKER_VARIATION = SpeakingStyle(
    0.0, span=0.2, final=0.7, rate=0.08, level=1.5, bright=1.5, rough=0.3, breath=1.5, pause=0.02, spread=0.03
)
CLIP_VARIATION = SpeakingStyle(
    1.0, span=0.2, final=1.2, rate=0.08, level=1.5, bright=1.5, rough=0.3, breath=1.5, pause=0.03, spread=0.02
)

# nonsense sentences of six syllables each, so that duration does not identify the sentence
SENTENCES = tuple(
    tuple(sentence.split())
    for sentence in (
        "mida tosE namu", "loki bEsa dEno", "pala nuti somE", "sEda moni kulo", "tanE liso bamu", "numE kado silE",
        "dolu sami tEka", "bino lEta masu", "kEmi sola duna", "lasE piku moda", "soti mEnu balE", "nElo dusi kamE",
    )
)  # fmt: skip
CREMAD_SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
INTENSITIES = {"normal": 1.0, "strong": 1.25, "LO": 0.6, "MD": 0.9, "HI": 1.25, "XX": 1.0}


def draw_voice(seed: int, speaker: int) -> Voice:
    """Draw the voice of speaker number `speaker` (from 1): odd numbers are male, even ones female, as in RAVDESS."""
    rng = np.random.default_rng([seed, speaker, 0])
    sex = "male" if speaker % 2 else "female"
    f0 = {"male": 115.0, "female": 205.0}[sex] * 2 ** (rng.normal(0, 1.8) / 12)
    formant_scale = {"male": 1.0, "female": 1.16}[sex] * 2 ** rng.normal(0, 0.04)
    return Voice(sex, f0, formant_scale, SPEAKER_VARIATION.sample(rng), expressiveness=rng.uniform(0.65, 1.2))


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
    """Synthesize one clip: float32 samples within ±0.9, about 1 to 3 seconds, deterministic.

    Args:
        speaker: number from 1.
        emotion: one of `EMOTIONS`.
        repetition: number from 0; clips that differ only in it are repetitions of the same sentence.
        seed: of the voices and of the variation between clips.
        sample_rate: in Hz, at least 8000.
        sentence: index into `SENTENCES`.
        intensity: one of `INTENSITIES`, factors on the offset of the emotion.
    """
    rng = np.random.default_rng([seed, speaker, 1 + EMOTIONS.index(emotion), repetition])
    voice = draw_voice(seed, speaker)
    style = CLIP_VARIATION.sample(rng).plus(STYLES[emotion], voice.expressiveness * INTENSITIES[intensity])
    return synthesize(voice, style, SENTENCES[sentence], sample_rate, rng).astype(np.float32)


class ClipSpec(NamedTuple):
    """A clip to write: its file relative to the corpus, and arguments of `render`."""

    file: str
    speaker: int
    emotion: str
    repetition: int
    sentence: int
    intensity: str


@CORPORA.register("synthetic")
@dataclass(frozen=True)
class Synthetic(Corpus):
    """Synthetic speech, generated from a seed: for the quick start and for tests, never a measure of real speech.

    The clips are written once into the cache folder, as 16-bit mono .wav files at 16 kHz.

    Attributes:
        speakers: number of speakers; odd numbers are male, even ones female.
        repetitions: number of clips per speaker and emotion; four of them are two sentences in two intensities.
        seed: of the voices and of the variation between clips.
    """

    synthetic: ClassVar[bool] = True

    speakers: int = 16
    repetitions: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("speakers", 1), ("repetitions", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")

    def load(self, root: Path) -> Listing:
        """List the clips, after writing them to the cache if necessary; `root` is ignored."""
        folder = cache_dir() / "synthetic" / f"v{VERSION}-{self.speakers}x{self.repetitions}-seed{self.seed}"
        specs = list(_own_specs(self))
        if not folder.is_dir():
            try:
                doing = f"synthesizing {len(specs):,} clips"
                with stage(doing, len(specs)) as shown, new_folder(folder) as staging:
                    _write(shown.count(specs), staging, self.seed, SAMPLE_RATE)
            except OSError as error:
                raise CacheError(
                    f"synthetic: cannot write its clips to {folder}: {error}. Set AERSUT_CACHE to another folder."
                ) from error
        present = {path.name for path in folder.iterdir()}
        reason = f"was deleted from the cache (to generate it again, delete the folder {folder})"
        return Listing(
            clips=tuple(_clip(folder, spec) for spec in specs if spec.file in present),
            skipped=tuple(SkippedFile(folder / spec.file, reason) for spec in specs if spec.file not in present),
        )

    def write(
        self,
        root: Path,
        layout: Literal["ravdess", "cremad"],
        *,
        sample_rate: int = SAMPLE_RATE,
        suffix: Literal[".wav", ".flac"] = ".wav",
    ) -> Path:
        """Write the clips under `root` in the layout of RAVDESS or CREMA-D, for the loader of that corpus.

        As in the originals, neutral of RAVDESS has one intensity (4 of the 8 clips of an emotion), and CREMA-D has six
        emotions, with its first sentence in three levels (14 clips; 12 for neutral). `repetitions` limits them.

        Returns:
            The folder of the corpus.

        Raises:
            ValueError: an unknown layout or suffix, or too many speakers or repetitions for the layout.
        """
        if layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
        if suffix not in (".wav", ".flac"):
            raise ValueError(f"suffix must be .wav or .flac, got {suffix!r}")
        folder, speakers, repetitions, specs = LAYOUTS[layout]
        for name, most in (("speakers", speakers), ("repetitions", repetitions)):
            if getattr(self, name) > most:
                raise ValueError(f"{layout} has {most} {name} at most, got {getattr(self, name)}")
        _write((spec._replace(file=spec.file + suffix) for spec in specs(self)), root / folder, self.seed, sample_rate)
        return root / folder


def _write(specs: Iterable[ClipSpec], folder: Path, seed: int, sample_rate: int) -> None:
    import soundfile  # slow to import, and not needed to list clips

    for file, speaker, emotion, repetition, sentence, intensity in specs:
        samples = render(speaker, emotion, repetition, seed, sample_rate, sentence=sentence, intensity=intensity)
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, sample_rate, subtype="PCM_16")


def _clip(folder: Path, spec: ClipSpec) -> Clip:
    sex = draw_voice(0, spec.speaker).sex
    text = f"{spec.sentence + 1:02}"
    return Clip(folder / spec.file, spec.emotion, str(spec.speaker), "synthetic", sex, text, spec.intensity)


def _own_specs(corpus: Synthetic) -> Iterator[ClipSpec]:
    for speaker, emotion in product(range(1, corpus.speakers + 1), EMOTIONS):
        for number in range(corpus.repetitions):
            group, sentence = divmod(number, 2)
            intensity = "strong" if group % 2 and emotion != "neutral" else "normal"
            sentence = (sentence + 2 * (group // 2)) % len(SENTENCES)
            yield ClipSpec(f"{speaker:03}-{emotion}-{number + 1:02}.wav", speaker, emotion, number, sentence, intensity)


def _ravdess_specs(corpus: Synthetic) -> Iterator[ClipSpec]:
    for actor, (code, emotion) in product(range(1, corpus.speakers + 1), enumerate(EMOTIONS, start=1)):
        for number in range(min(corpus.repetitions, 4 if emotion == "neutral" else 8)):
            strong, take, sentence = number // 4, number // 2 % 2, number % 2
            name = f"03-01-{code:02}-{strong + 1:02}-{sentence + 1:02}-{take + 1:02}-{actor:02}"
            file = f"audio_speech_actors_01-24/Actor_{actor:02}/{name}"
            yield ClipSpec(file, actor, emotion, number, sentence, ("normal", "strong")[strong])


def _cremad_specs(corpus: Synthetic) -> Iterator[ClipSpec]:
    first = CREMAD_SENTENCES[0]
    for actor, (code, emotion) in product(range(1001, 1001 + corpus.speakers), CODES.items()):
        levels = [(first, "XX")] if emotion == "neutral" else [(first, level) for level in ("LO", "MD", "HI")]
        sentences = [*levels, *((sentence, "XX") for sentence in CREMAD_SENTENCES[1:])]
        # each actor has two candidate voices, one per sex; the actor's sex in CREMA-D selects one
        speaker = 2 * (actor - 1000) - (str(actor) not in FEMALE)
        for number, (sentence, level) in enumerate(sentences[: corpus.repetitions]):
            file = f"AudioWAV/{actor}_{sentence}_{code}_{level}"
            yield ClipSpec(file, speaker, emotion, number, CREMAD_SENTENCES.index(sentence), level)


LAYOUTS: dict[str, tuple[str, int, int, Callable[[Synthetic], Iterator[ClipSpec]]]] = {
    "ravdess": ("ravdess-emotional-speech-audio", 24, 8, _ravdess_specs),
    "cremad": ("cremad", 91, 14, _cremad_specs),
}
"""Folder, numbers of speakers and repetitions, and clips (their files without suffix) of each layout."""
