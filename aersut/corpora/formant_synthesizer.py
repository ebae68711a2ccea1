"""A source-filter formant synthesizer, the speech synthesis of the `synthetic` corpus.

Source: a glottal pulse train with jitter, shimmer, spectral tilt and aspiration noise (Klatt & Klatt 1990, "Analysis,
synthesis, and perception of voice quality variations", JASA 87(2)). Filter: a cascade of formant resonators (Klatt
1980, "Software for a cascade/parallel formant synthesizer", JASA 67(3)). Fricatives and plosive bursts are band-pass
filtered noise. Synthesis of a clip takes a few milliseconds; the speech does not sound natural.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

    Samples = Float[np.ndarray, "samples"]
    Ends = Float[np.ndarray, "phones"]


@dataclass(frozen=True)
class SpeakingStyle:
    """Prosody and voice quality of an utterance, as offsets from the speaker's neutral voice; 0 is neutral.

    Attributes:
        pitch: mean F0, in semitones.
        span: F0 range, in octaves (1 doubles it).
        final: F0 movement over the last syllable, in semitones.
        rate: speaking rate, in octaves (1 doubles it).
        level: intensity, in dB.
        bright: spectral tilt: level at 3 kHz, in dB.
        rough: jitter and shimmer, in octaves (1 doubles them).
        breath: aspiration noise, in dB.
        pause: duration of the pause in the utterance, in seconds.
        spread: formant frequencies, in octaves (lip spreading shortens the vocal tract).
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

    def plus(self, other: SpeakingStyle, scale: float = 1.0) -> SpeakingStyle:
        """Add `other` times `scale`, field by field."""
        return SpeakingStyle(*(getattr(self, f.name) + scale * getattr(other, f.name) for f in fields(SpeakingStyle)))

    def sample(self, rng: np.random.Generator) -> SpeakingStyle:
        """Draw each field from a normal distribution with mean 0 and the field of `self` as standard deviation."""
        return SpeakingStyle(
            *(getattr(self, f.name) * x for f, x in zip(fields(SpeakingStyle), rng.standard_normal(10), strict=True))
        )


@dataclass(frozen=True)
class Voice:
    """The voice of a speaker.

    Attributes:
        sex: "female" or "male".
        f0: mean fundamental frequency, in Hz.
        formant_scale: factor on formant frequencies; 1 is a man's vocal tract of 17.5 cm.
        style: the speaker's own style, added to the style of each utterance.
        expressiveness: factor on the style of every emotion.
    """

    sex: str
    f0: float
    formant_scale: float
    style: SpeakingStyle
    expressiveness: float


@dataclass(frozen=True)
class Phone:
    """A phone (speech sound).

    Attributes:
        formants: F1 to F3 in Hz; empty for an unvoiced phone.
        noise: centre frequency of the frication noise in Hz; 0 for a voiced phone.
        gain: factor on the amplitude.
        seconds: duration at neutral speaking rate.
        burst: whether the noise is a plosive burst at the end of the phone.
    """

    formants: tuple[float, ...] = ()
    noise: float = 0.0
    gain: float = 1.0
    seconds: float = 0.07
    burst: bool = False

    @property
    def is_vowel(self) -> bool:
        """Whether it is a vowel: voiced consonants have a lower gain."""
        return bool(self.formants) and self.gain == 1.0


# vowels: averages over men in Peterson & Barney (1952), "Control methods used in a study of the vowels", JASA 24(2).
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
HIGHER_FORMANTS = (3500.0, 4500.0, 5500.0, 6500.0, 7500.0)  # quarter-wave resonances of a uniform tube of 17.5 cm
CROSSFADE = 0.015  # seconds; about the length of a formant transition
LEVEL = -30.0  # dB re full scale, of the vowels of a neutral voice: headroom for the peaks of strong anger


def synthesize(
    voice: Voice, style: SpeakingStyle, words: tuple[str, ...], sample_rate: int, rng: np.random.Generator
) -> Samples:
    """Synthesize an utterance: float64 samples within ±0.9, with short silence at both ends.

    Args:
        voice: the speaker's voice, whose style is added to `style`.
        style: the offset from the speaker's neutral voice.
        words: strings over the letters of `PHONES`; a pause follows the second word.
        sample_rate: in Hz, at least 8000.
        rng: draws durations, pitch accents, jitter, shimmer and noise.
    """
    if sample_rate < 8000:
        raise ValueError(f"sample_rate must be at least 8000 Hz for three formants, got {sample_rate}")
    style = voice.style.plus(style)
    phones, ends = _durations(words, style, rng)
    times = np.arange(round(ends[-1] * sample_rate)) / sample_rate
    f0 = _f0_contour(phones, ends, times, voice, style, rng)
    source = _glottal_source(f0, sample_rate, style, rng)
    speech = _filter_phones(source, phones, ends, sample_rate, voice.formant_scale * 2**style.spread, rng)
    power = speech**2
    power = power[power > 0.01 * power.max()]  # of the vowels alone, so that pauses do not change the level
    speech *= 10 ** ((LEVEL + style.level) / 20) / np.sqrt(power.mean())
    speech += 10 ** (-75 / 20) * _white_noise(rng, len(speech))  # background noise: a logarithm of 0 is undefined
    return np.asarray(speech * min(1.0, 0.9 / np.abs(speech).max()))


def _durations(
    words: tuple[str, ...], style: SpeakingStyle, rng: np.random.Generator
) -> tuple[list[Phone | None], Ends]:
    """The phones of the utterance (None is silence) and the time at which each ends, in seconds."""
    phones: list[Phone | None] = [None]
    seconds = [rng.uniform(0.05, 0.2)]
    for number, word in enumerate(words):
        if number == 2:
            phones.append(None)
            seconds.append(max(0.02, 0.07 + style.pause))
        for phone in (PHONES[letter] for letter in word):
            phones.append(phone)
            seconds.append(phone.seconds * 2 ** (rng.normal(0, 0.15) - style.rate))
    seconds[-1] *= 1.4  # phrase-final lengthening
    return [*phones, None], np.cumsum([*seconds, rng.uniform(0.1, 0.25)])


def _f0_contour(
    phones: list[Phone | None], ends: Ends, times: Samples, voice: Voice, style: SpeakingStyle, rng: np.random.Generator
) -> Samples:
    """F0 contour in Hz: declination, a pitch accent on every second syllable, and the final movement."""
    starts = np.concatenate([[0.0], ends[:-1]])
    vowels = [i for i, phone in enumerate(phones) if phone is not None and phone.is_vowel]
    declination = np.linspace(1.0, -1.0, len(vowels))
    accent = np.where(np.arange(len(vowels)) % 2 == 0, 1.0, -1.0) * rng.uniform(0.4, 1.2, len(vowels))
    semitones = (1.2 * declination + 1.3 * accent) * 2**style.span
    last = vowels[-1]
    knots = [*((starts[i] + ends[i]) / 2 for i in vowels[:-1]), starts[last], ends[last]]
    contour = np.interp(times, knots, [*semitones, semitones[-1] - 1.0 + style.final])
    return np.asarray(np.clip(voice.f0 * np.exp2((contour + style.pitch) / 12), 50.0, 700.0))


def _glottal_source(f0: Samples, sample_rate: int, style: SpeakingStyle, rng: np.random.Generator) -> Samples:
    """Derivative of the glottal flow with aspiration noise; its RMS is about 1."""
    step = f0 / sample_rate
    cycles = np.cumsum(step).astype(np.int64)
    roughness = 2**style.rough
    perturbed = step * (1 + 0.008 * roughness * rng.standard_normal(cycles[-1] + 1))[cycles]  # jitter: about 0.8 %
    phase = np.cumsum(perturbed)
    cycles = phase.astype(np.int64)
    phase -= cycles
    open_quotient = np.clip(0.6 + 0.02 * (style.breath - style.bright), 0.35, 0.85)  # pressed to breathy phonation
    is_open = phase < open_quotient
    x = phase / open_quotient
    pulses = is_open * x * (2 - 3 * x)
    # smoothing the jump at glottal closure over two samples reduces aliasing (PolyBLEP, Välimäki & Huovilainen 2007)
    near = np.flatnonzero(np.abs(phase - open_quotient) < perturbed)
    since = (phase[near] - open_quotient) / perturbed[near]
    pulses[near] -= 0.5 * np.sign(since) * (1 - np.abs(since)) ** 2
    pulses *= (1 + 0.04 * roughness * rng.standard_normal(cycles[-1] + 1))[cycles]  # shimmer: about 0.4 dB
    voiced = _spectral_tilt(pulses, 12.0 - style.bright, sample_rate)
    voiced /= np.sqrt(np.mean(voiced**2))
    aspiration = 10 ** ((style.breath - 30) / 20) * _white_noise(rng, len(voiced))
    return np.asarray(voiced + aspiration * (0.3 + 0.7 * is_open))  # stronger while the glottis is open


def _spectral_tilt(x: Samples, decibels: float, sample_rate: int) -> Samples:
    """One-pole low-pass filter that attenuates 3 kHz by `decibels` relative to 0 Hz."""
    from scipy.signal import lfilter  # slow to import, and not needed to list corpora

    power = 10 ** (-max(decibels, 0.5) / 10)
    b = 1 - power * np.cos(2 * np.pi * 3000 / sample_rate)
    pole = (b - np.sqrt(b**2 - (1 - power) ** 2)) / (1 - power)
    return np.asarray(lfilter([1 - pole], [1, -pole], x))


def _filter_phones(
    source: Samples,
    phones: list[Phone | None],
    ends: Ends,
    sample_rate: int,
    formant_scale: float,
    rng: np.random.Generator,
) -> Samples:
    """Filter the source by the formants of each phone, with cross-fades between phones."""
    source = _formant_filter(source, formant_scale * np.array(HIGHER_FORMANTS), sample_rate)  # common to all phones
    speech = np.zeros(len(source))
    fade = round(CROSSFADE * sample_rate)
    ramp = np.linspace(0.0, 1.0, fade)
    edges = np.concatenate([[0], np.round(ends * sample_rate).astype(int)])
    for phone, start, end in zip(phones, edges[:-1], edges[1:], strict=True):
        if phone is None:
            continue
        if phone.burst:
            start = end - min(round(0.02 * sample_rate), end - start)
        end += fade  # shorter than the final silence
        excitation = source[start:end].copy() if phone.formants else _white_noise(rng, end - start).astype(np.float64)
        excitation[:fade] *= ramp
        if phone.formants:
            segment = _formant_filter(excitation, formant_scale * np.array(phone.formants), sample_rate)
        else:
            segment = _frication(excitation, phone.noise * formant_scale, sample_rate)
        segment[-fade:] *= ramp[::-1]  # after the filter: its ringing would otherwise end in a click
        speech[start:end] += phone.gain * segment
    return speech


def _formant_filter(x: Samples, frequencies: Float[np.ndarray, "formants"], sample_rate: int) -> Samples:
    """Cascade of a resonator per formant below 0.47 of the sample rate, with gain 1 at 0 Hz (Klatt 1980)."""
    from scipy.signal import lfilter

    gain, denominator = 1.0, np.ones(1)
    for frequency in frequencies[frequencies < 0.47 * sample_rate]:
        radius = math.exp(-math.pi * (40 + 0.04 * frequency) / sample_rate)  # bandwidth 50 Hz (F1) to 340 Hz
        section = np.array([1.0, -2 * radius * math.cos(2 * math.pi * frequency / sample_rate), radius**2])
        gain, denominator = gain * section.sum(), np.convolve(denominator, section)
    return np.asarray(lfilter([gain], denominator, x))


def _frication(x: Samples, centre: float, sample_rate: int) -> Samples:
    """Band-pass filter the noise `x` around `centre` Hz and normalize its RMS to 1."""
    from scipy.signal import lfilter

    centre = min(centre, 0.45 * sample_rate)
    pole = np.exp(-np.pi * 1200 / sample_rate)
    denominator = [1, -2 * pole * np.cos(2 * np.pi * centre / sample_rate), pole**2]
    filtered = lfilter([1, 0, -1], denominator, x)
    return np.asarray(filtered / np.sqrt(np.mean(filtered**2)))


def _white_noise(rng: np.random.Generator, samples: int) -> Samples:
    return rng.standard_normal(samples, dtype=np.float32)  # twice as fast as float64
