"""A small source-filter voice: what the `synthetic` corpus speaks with.

A glottal pulse train with jitter, shimmer, spectral tilt and aspiration noise (the source of Klatt & Klatt 1990,
"Analysis, synthesis, and perception of voice quality variations", JASA 87(2)) passes a cascade of formant resonators
(Klatt 1980, "Software for a cascade/parallel formant synthesizer", JASA 67(3)); fricatives and bursts are filtered
noise. It is simple enough to speak a clip in a few milliseconds, and sounds like it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True)
class Manner:
    """How an utterance deviates from the speaker's neutral voice; every field adds, and zero is neutral.

    Attributes:
        pitch: mean F0, in semitones.
        span: F0 range, in octaves of the range (1 doubles it).
        final: F0 movement over the last syllable, in semitones.
        rate: speaking rate, in octaves (1 doubles it).
        level: energy, in dB.
        bright: energy at 3 kHz, in dB.
        rough: jitter and shimmer, in octaves (1 doubles them).
        breath: aspiration noise, in dB.
        pause: length of the pause inside the utterance, in seconds.
        spread: formant frequencies, in octaves (lips that are spread shorten the vocal tract).
    """

    pitch: float = 0.0
    span: float = 0.0
    final: float = 0.0
    rate: float = 0.0
    level: float = 0.0
    bright: float = 0.0
    rough: float = 0.0
    breath: float = 0.0
    pause: float = 0.0
    spread: float = 0.0

    def plus(self, other: Manner, scale: float = 1.0) -> Manner:
        """Add `other` times `scale`, field by field."""
        return Manner(*(getattr(self, f.name) + scale * getattr(other, f.name) for f in fields(Manner)))

    def drawn(self, rng: np.random.Generator) -> Manner:
        """Draw each field from a normal distribution of mean zero with this manner's field as deviation."""
        return Manner(
            *(getattr(self, f.name) * x for f, x in zip(fields(Manner), rng.standard_normal(10), strict=True))
        )


@dataclass(frozen=True)
class Voice:
    """A speaker: `f0` in Hz, `tract` the scale of the formant frequencies (1 is a man's vocal tract of 17.5 cm),
    `habit` the constant manner, `expressiveness` the factor on every emotion's deviation."""

    sex: str
    f0: float
    tract: float
    habit: Manner
    expressiveness: float


@dataclass(frozen=True)
class Phone:
    """A speech sound: `formants` in Hz (empty without voice), the centre of its `noise` in Hz (0 without), gains that
    multiply the voice or the noise, `seconds` at neutral rate, and whether the noise is a `burst` at its end."""

    formants: tuple[float, ...] = ()
    noise: float = 0.0
    gain: float = 1.0
    seconds: float = 0.07
    burst: bool = False

    @property
    def is_vowel(self) -> bool:
        """Of the voiced phones, consonants are the ones that are attenuated."""
        return bool(self.formants) and self.gain == 1.0


# Vowels: the men's averages of Peterson & Barney (1952), "Control methods used in a study of the vowels", JASA 24(2).
PHONES = {
    "i": Phone((270, 2290, 3010), seconds=0.13),
    "E": Phone((530, 1840, 2480), seconds=0.14),
    "a": Phone((730, 1090, 2440), seconds=0.16),
    "o": Phone((570, 840, 2410), seconds=0.14),
    "u": Phone((300, 870, 2240), seconds=0.13),
    "m": Phone((250, 1000, 2200), gain=0.4),
    "n": Phone((250, 1500, 2500), gain=0.4),
    "l": Phone((360, 1200, 2700), gain=0.6, seconds=0.06),
    "b": Phone((200, 900, 2200), gain=0.15, seconds=0.06),
    "d": Phone((200, 1700, 2600), gain=0.15, seconds=0.06),
    "p": Phone(noise=900, gain=0.5, seconds=0.09, burst=True),
    "t": Phone(noise=4000, gain=0.5, seconds=0.09, burst=True),
    "k": Phone(noise=2000, gain=0.5, seconds=0.09, burst=True),
    "s": Phone(noise=5500, gain=0.35, seconds=0.11),
}
HIGHER_FORMANTS = (3500.0, 4500.0, 5500.0, 6500.0, 7500.0)  # odd quarter waves of a uniform tube of 17.5 cm
CROSSFADE = 0.015  # seconds; about the length of a formant transition
LEVEL = -30.0  # dB re full scale, of a neutral voice's vowels: leaves room for a strong anger's peaks


def speak(
    voice: Voice, manner: Manner, words: tuple[str, ...], sample_rate: int, rng: np.random.Generator
) -> Float[np.ndarray, "samples"]:
    """Say `words` (of the letters of `PHONES`) in float64 within ±0.9, with a little silence at both ends.

    Args:
        voice: the speaker, whose habit is added to `manner`.
        manner: the deviation from the speaker's neutral voice.
        words: two before a pause, and the rest.
        sample_rate: in Hz, at least 8000.
        rng: draws timing, accents, jitter, shimmer and noise.
    """
    if sample_rate < 8000:
        raise ValueError(f"sample_rate must be at least 8000 Hz to hold three formants, got {sample_rate}")
    manner = voice.habit.plus(manner)
    phones, ends = _timing(words, manner, rng)
    times = np.arange(round(ends[-1] * sample_rate)) / sample_rate
    f0 = _pitch(phones, ends, times, voice, manner, rng)
    source = _source(f0, sample_rate, manner, rng)
    speech = _articulate(source, phones, ends, sample_rate, voice.tract * 2**manner.spread, rng)
    power = speech**2
    power = power[power > 0.01 * power.max()]  # the vowels, so that pauses do not raise the level
    speech *= 10 ** ((LEVEL + manner.level) / 20) / np.sqrt(power.mean())
    speech += 10 ** (-75 / 20) * _noise(rng, len(speech))  # a quiet room: no exact zeros for logarithms to meet
    return np.asarray(speech * min(1.0, 0.9 / np.abs(speech).max()))


def _timing(
    words: tuple[str, ...], manner: Manner, rng: np.random.Generator
) -> tuple[list[Phone | None], Float[np.ndarray, "phones"]]:
    """Lay the phones out in time; None is silence. Returns them with the second at which each ends."""
    phones: list[Phone | None] = [None]
    seconds = [rng.uniform(0.05, 0.2)]
    for number, word in enumerate(words):
        if number == 2:
            phones.append(None)
            seconds.append(max(0.02, 0.07 + manner.pause))
        for phone in (PHONES[letter] for letter in word):
            phones.append(phone)
            seconds.append(phone.seconds * 2 ** (rng.normal(0, 0.15) - manner.rate))
    seconds[-1] *= 1.4  # final lengthening
    return [*phones, None], np.cumsum([*seconds, rng.uniform(0.1, 0.25)])


def _pitch(
    phones: list[Phone | None],
    ends: Float[np.ndarray, "phones"],
    times: Float[np.ndarray, "samples"],
    voice: Voice,
    manner: Manner,
    rng: np.random.Generator,
) -> Float[np.ndarray, "samples"]:
    """Draw the F0 contour in Hz: a declination, an accent on every other syllable, and the final movement."""
    starts = np.concatenate([[0.0], ends[:-1]])
    vowels = [i for i, phone in enumerate(phones) if phone is not None and phone.is_vowel]
    place = np.linspace(1.0, -1.0, len(vowels))
    accent = np.where(np.arange(len(vowels)) % 2 == 0, 1.0, -1.0) * rng.uniform(0.4, 1.2, len(vowels))
    semitones = (1.2 * place + 1.3 * accent) * 2**manner.span
    last = vowels[-1]
    knots = [*((starts[i] + ends[i]) / 2 for i in vowels[:-1]), starts[last], ends[last]]
    contour = np.interp(times, knots, [*semitones, semitones[-1] - 1.0 + manner.final])
    return np.asarray(np.clip(voice.f0 * np.exp2((contour + manner.pitch) / 12), 50.0, 700.0))


def _source(
    f0: Float[np.ndarray, "samples"], sample_rate: int, manner: Manner, rng: np.random.Generator
) -> Float[np.ndarray, "samples"]:
    """Glottal flow derivative with aspiration noise, of root mean square about 1."""
    step = f0 / sample_rate
    cycles = np.cumsum(step).astype(np.int64)
    roughness = 2**manner.rough
    perturbed = step * (1 + 0.008 * roughness * rng.standard_normal(cycles[-1] + 1))[cycles]  # jitter: about 0.8 %
    phase = np.cumsum(perturbed)
    cycles = phase.astype(np.int64)
    phase -= cycles
    lax = np.clip(0.6 + 0.02 * (manner.breath - manner.bright), 0.35, 0.85)  # open quotient: pressed to breathy
    is_open = phase < lax
    x = phase / lax
    pulses = is_open * x * (2 - 3 * x)
    # The flow stops in a jump; smoothed over two samples (PolyBLEP, Välimäki & Huovilainen 2007) it aliases less.
    near = np.flatnonzero(np.abs(phase - lax) < perturbed)
    since = (phase[near] - lax) / perturbed[near]
    pulses[near] -= 0.5 * np.sign(since) * (1 - np.abs(since)) ** 2
    pulses *= (1 + 0.04 * roughness * rng.standard_normal(cycles[-1] + 1))[cycles]  # shimmer: about 0.4 dB
    voiced = _tilt(pulses, 12.0 - manner.bright, sample_rate)
    voiced /= np.sqrt(np.mean(voiced**2))
    air = 10 ** ((manner.breath - 30) / 20) * _noise(rng, len(voiced))
    return np.asarray(voiced + air * (0.3 + 0.7 * is_open))  # air rushes while the glottis is open


def _tilt(x: Float[np.ndarray, "samples"], decibels: float, sample_rate: int) -> Float[np.ndarray, "samples"]:
    """Low-pass with one pole, such that 3 kHz is `decibels` below 0 Hz."""
    from scipy.signal import lfilter  # slow to import, which who only lists the corpora need not wait for

    power = 10 ** (-max(decibels, 0.5) / 10)
    b = 1 - power * np.cos(2 * np.pi * 3000 / sample_rate)
    pole = (b - np.sqrt(b**2 - (1 - power) ** 2)) / (1 - power)
    return np.asarray(lfilter([1 - pole], [1, -pole], x))


def _articulate(
    source: Float[np.ndarray, "samples"],
    phones: list[Phone | None],
    ends: Float[np.ndarray, "phones"],
    sample_rate: int,
    tract: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, "samples"]:
    """Filter the source by each phone's formants, cross-fading from phone to phone."""
    source = _resonate(source, tract * np.array(HIGHER_FORMANTS), sample_rate)  # the same for every phone
    speech = np.zeros(len(source))
    fade = round(CROSSFADE * sample_rate)
    ramp = np.linspace(0.0, 1.0, fade)
    edges = np.concatenate([[0], np.round(ends * sample_rate).astype(int)])
    for phone, start, end in zip(phones, edges[:-1], edges[1:], strict=True):
        if phone is None:
            continue
        if phone.burst:
            start = end - min(round(0.02 * sample_rate), end - start)
        end += fade  # the silence at the end is longer than that
        excitation = source[start:end].copy() if phone.formants else _noise(rng, end - start).astype(np.float64)
        excitation[:fade] *= ramp
        if phone.formants:
            sound = _resonate(excitation, tract * np.array(phone.formants), sample_rate)
        else:
            sound = _hiss(excitation, phone.noise * tract, sample_rate)
        sound[-fade:] *= ramp[::-1]  # after the filter, whose ringing would otherwise end in a click
        speech[start:end] += phone.gain * sound
    return speech


def _resonate(
    x: Float[np.ndarray, "samples"], frequencies: Float[np.ndarray, "formants"], sample_rate: int
) -> Float[np.ndarray, "samples"]:
    """Pass `x` through one resonator per formant below 0.47 of the sample rate; the gain at 0 Hz is 1 (Klatt 1980)."""
    from scipy.signal import lfilter

    gain, denominator = 1.0, np.ones(1)
    for frequency in frequencies[frequencies < 0.47 * sample_rate]:
        radius = math.exp(-math.pi * (40 + 0.04 * frequency) / sample_rate)  # bandwidths of 50 Hz at F1 to 340 Hz
        section = np.array([1.0, -2 * radius * math.cos(2 * math.pi * frequency / sample_rate), radius**2])
        gain, denominator = gain * section.sum(), np.convolve(denominator, section)
    return np.asarray(lfilter([gain], denominator, x))


def _hiss(x: Float[np.ndarray, "samples"], centre: float, sample_rate: int) -> Float[np.ndarray, "samples"]:
    """Band-pass the noise `x` around `centre` Hz, to a root mean square of 1."""
    from scipy.signal import lfilter

    centre = min(centre, 0.45 * sample_rate)
    pole = np.exp(-np.pi * 1200 / sample_rate)
    denominator = [1, -2 * pole * np.cos(2 * np.pi * centre / sample_rate), pole**2]
    sound = lfilter([1, 0, -1], denominator, x)
    return np.asarray(sound / np.sqrt(np.mean(sound**2)))


def _noise(rng: np.random.Generator, samples: int) -> Float[np.ndarray, "samples"]:
    return rng.standard_normal(samples, dtype=np.float32)  # drawn twice as fast as float64
