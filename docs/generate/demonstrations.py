"""Pictures and sounds of features, augmenters and stress conditions, made from a synthetic voice."""

import dataclasses
import functools
import io
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import soundfile
from jaxtyping import Float

from aersut.augment import Example
from aersut.contracts import Augmenter, Condition, Feature, Framing
from aersut.corpora.synthetic import render
from aersut.data.audio import crop_or_pad
from aersut.features import LogMel, Signal
from aersut.matrices import mel_filters
from aersut.report.page import svg_figure
from aersut.report.plots import style

RATE = 16_000
FRAMING = Framing(sample_rate=RATE, seconds=2.0, frame_length=512, hop_length=256)
LOG_MEL = LogMel(n_mels=64, amin=1e-7)
BEFORE, AFTER = "before", "after"
LINES = 3
"""Features of up to this many channels are drawn as lines, wider ones as images."""

Samples = Float[np.ndarray, " samples"]
Rows = Float[np.ndarray, "frames channels"]


@functools.cache
def voice(emotion: str = "happy", speaker: int = 2) -> Samples:
    """A window of a synthetic voice."""
    clip = render(speaker, emotion, 0)
    padded: Samples = crop_or_pad(np.concatenate([np.zeros(RATE // 8, np.float32), clip]), FRAMING.samples, "start")
    return padded


def wav(samples: Samples) -> bytes:
    """A mono WAV file of 16 bits."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def log_mel(samples: Samples) -> Rows:
    """The log-mel spectrogram of any number of samples."""
    framing = dataclasses.replace(FRAMING, seconds=len(samples) / RATE)
    return np.asarray(_compiled(LOG_MEL, framing)(samples))


@functools.cache
def _compiled(feature: Feature, framing: Framing) -> Callable[[Samples], Any]:
    def rows(samples: Any) -> Any:
        return feature(Signal(samples, framing))

    return rows if feature.host else jax.jit(rows)


def feature_rows(feature: Feature) -> tuple[Rows, float]:
    """A feature of the voice, and the milliseconds that it takes, as the median of 9 calls."""
    call = _compiled(feature, FRAMING)
    rows = np.asarray(call(voice()))
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        np.asarray(call(voice()))
        times.append(time.perf_counter() - begin)
    return rows, 1000 * float(np.median(times))


def augmented(augmenter: Augmenter) -> tuple[Samples | Rows, Samples | Rows]:
    """The values of an example before and after an augmenter, with its default fields and probability 1."""
    fields: Any = augmenter
    if "probability" in {field.name for field in dataclasses.fields(fields)}:
        augmenter = dataclasses.replace(fields, probability=1.0)
    label = jnp.eye(8)[2]
    if augmenter.domain == "batch":
        values = np.stack([log_mel(voice()), log_mel(voice("sad", 1))])
        example = Example(jnp.asarray(values), jnp.eye(8)[jnp.array([2, 3])], RATE)
    else:
        values = voice() if augmenter.domain == "waveform" else log_mel(voice())
        example = Example(jnp.asarray(values), label, RATE)
    for seed in range(32):  # the first key that has an effect
        after = np.asarray(jax.jit(augmenter)(jax.random.key(seed), example).values)
        if np.abs(after - values).max() > 1e-3:
            break
    return (values[0], after[0]) if augmenter.domain == "batch" else (values, after)


def changed(condition: Condition) -> tuple[Samples, Samples]:
    """The voice before and after a stress condition."""
    return voice(), np.asarray(condition(np.random.default_rng(0), voice(), RATE), np.float32)


def sounds(before: Rows, after: Rows) -> tuple[Samples, Samples]:
    """Samples with about these log-mel spectrograms (Griffin & Lim 1984), to play what an augmenter did to them."""
    first, second = _inverted(before), _inverted(after)
    scale = 0.5 / max(np.abs(first).max(), 1e-9)
    return scale * first, scale * second


def _inverted(rows: Rows, rounds: int = 48) -> Samples:
    import scipy.signal

    size, hop = FRAMING.frame_length, FRAMING.hop_length
    filters = mel_filters(RATE, size, LOG_MEL.n_mels, LOG_MEL.fmin, LOG_MEL.fmax)
    power = 10 ** (rows.T / 10) - LOG_MEL.amin
    magnitude = np.sqrt(np.maximum(np.linalg.pinv(filters) @ np.maximum(power, 0), 0))
    window = {"window": "hann", "nperseg": size, "noverlap": size - hop}
    phase = np.exp(2j * np.pi * np.random.default_rng(0).random(magnitude.shape))
    for _ in range(rounds):
        _, samples = scipy.signal.istft(magnitude * phase, RATE, **window)
        spectrum = scipy.signal.stft(samples, RATE, **window)[2][:, : len(rows)]
        phase[:, : spectrum.shape[1]] = np.exp(1j * np.angle(spectrum))
    _, samples = scipy.signal.istft(magnitude * phase, RATE, **window)
    return np.asarray(samples, np.float32)


def picture(name: str, alt: str, size: tuple[float, float], paint: Callable[..., None], *args: Any) -> str:
    """An SVG element, whose text and axes have the colour of the page's text."""
    return str(svg_figure(style.render(name, size, paint, *args)["svg"], alt, captioned=False))


def paint_change(figure: Any, before: tuple[Samples, Rows], after: tuple[Samples, Rows]) -> None:
    """Waveform and log-mel spectrogram before and after; samples may be empty."""
    drawn = 2 if len(before[0]) else 1
    axes = figure.subplots(drawn, 2, sharey="row", squeeze=False)
    low, high = np.quantile(np.concatenate([before[1], after[1]]), [0.05, 0.999])
    for column, (title, (samples, rows)) in zip(axes.T, ((BEFORE, before), (AFTER, after)), strict=True):
        column[0].set_title(title)
        if len(samples):
            _waveform(column[0], samples)
        _image(column[-1], rows, low, high)
        column[-1].set_xlabel("time (s)")
    if drawn == 2:
        axes[0, 0].set_ylabel("waveform")
    axes[-1, 0].set_ylabel("log-mel band")


def paint_feature(figure: Any, name: str, rows: Rows) -> None:
    """The voice, and a feature of it."""
    first, second = figure.subplots(2, 1, sharex=True)
    _waveform(first, voice())
    first.set_ylabel("waveform")
    if rows.shape[1] <= LINES:
        times = np.arange(len(rows)) * FRAMING.hop_length / RATE
        for channel, colour in zip(rows.T, (style.BLUE, style.ORANGE, style.GREEN), strict=False):
            second.plot(times, channel, linewidth=1, color=colour)
        second.set_ylabel(name)
    else:
        scale = np.std(rows, axis=0) if np.ptp(np.std(rows, axis=0)) > 5 else np.ones(rows.shape[1])
        shown = (rows - rows.mean(0)) / np.maximum(scale, 1e-9) if scale[0] != 1 else rows
        _image(second, shown, *np.quantile(shown, [0.02, 0.998]))
        second.set_ylabel(f"{name}: channel")
    second.set_xlabel("time (s)")
    second.set_xlim(0, FRAMING.seconds)


def _waveform(axes: Any, samples: Samples, block: int = 64) -> None:
    """The lowest and highest sample of each block, which takes a tenth of the bytes of all samples."""
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    times = (np.arange(len(blocks)) + 0.5) * block / RATE
    axes.fill_between(times, blocks.min(axis=1), blocks.max(axis=1), color=style.BLUE, linewidth=0)
    axes.set_xlim(0, len(samples) / RATE)


def _image(axes: Any, rows: Rows, low: float, high: float) -> None:
    seconds = len(rows) * FRAMING.hop_length / RATE
    axes.imshow(
        rows.T, origin="lower", aspect="auto", extent=(0, seconds, 0, rows.shape[1]), cmap=style.IMAGES, vmin=low,
        vmax=max(high, low + 1e-9), interpolation="nearest",
    )  # fmt: skip


def player(label: str, path: str) -> str:
    """An audio element with its label."""
    return f'<div class="sound"><span>{label}</span><audio controls preload="none" src="{path}"></audio></div>\n'
