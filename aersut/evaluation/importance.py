"""What a network listens to: the UAR that it loses without a feature, a stretch of time, or a band of frequencies."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from aersut import metrics
from aersut.evaluation.intervals import Resampling

Predict = Callable[[Float[np.ndarray, "clips frames channels"]], Int[np.ndarray, " clips"]]
Figure = dict[str, Any]
REPEATS = 3
SEGMENTS = 10
BANDS = 10
ATTENUATION = 40.0
"""Decibels by which a stretch of time or a band is made quieter. More would make cells such as no voice has."""


def permutation(
    predict: Predict,
    features: Float[np.ndarray, "clips frames channels"],
    labels: Int[np.ndarray, " clips"],
    resampling: Resampling,
    groups: Mapping[str, slice],
    repeats: int = REPEATS,
    seed: int = 0,
) -> dict[str, Figure]:
    """The UAR lost where some channels are another clip's (Breiman 2001; Fisher et al. 2019), with its interval.

    A channel's whole course is taken from the other clip, so that what it looks like over time stays natural. The
    interval is over speakers, each drawn with and without the permutation.

    Args:
        groups: by their names, the channels that are exchanged together.

    Returns:
        by group, {"uar_lost": …, "interval": (low, high) or None}; below 0 where the network does better without.
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(features)) for _ in range(repeats)]

    def exchanged(channels: slice) -> Iterator[Int[np.ndarray, " clips"]]:
        for order in orders:
            changed = features.copy()
            changed[:, :, channels] = features[order][:, :, channels]
            yield predict(changed)

    whole = predict(features)
    return {name: lost(labels, whole, exchanged(where), resampling) for name, where in groups.items()}


def occlusion(
    listen: Callable[[Float[np.ndarray, "clips samples"]], Int[np.ndarray, " clips"]],
    audio: Float[np.ndarray, "clips samples"],
    labels: Int[np.ndarray, " clips"],
    resampling: Resampling,
    sample_rate: int,
) -> dict[str, dict[str, Figure]]:
    """The UAR lost where a tenth of the time, or one of ten mel-wide bands, is 40 dB quieter in the sound itself.

    Returns:
        {"time": {"0.0–0.3": {"uar_lost", "interval"}, … in s}, "frequency": {"0.0–0.2": …, in kHz}}.
    """
    whole, size = listen(audio), audio.shape[1]
    gain = 10 ** (-ATTENUATION / 20)
    times = np.linspace(0, size, SEGMENTS + 1).astype(int)
    edges = _mel_edges(sample_rate)

    def later(begin: int, end: int) -> Iterator[Int[np.ndarray, " clips"]]:
        changed = audio.copy()
        changed[:, begin:end] *= gain
        yield listen(changed)

    def duller(low: float, high: float) -> Iterator[Int[np.ndarray, " clips"]]:
        yield listen(quieter(audio, low, high, sample_rate, gain))

    def named(low: float, high: float, digits: int) -> str:
        return f"{low:.{digits}f}–{high:.{digits}f}"

    return {
        "time": {
            named(begin / sample_rate, end / sample_rate, 1): lost(labels, whole, later(begin, end), resampling)
            for begin, end in pairwise(times)
        },
        "frequency": {
            named(low / 1000, high / 1000, 2): lost(labels, whole, duller(low, high), resampling)
            for low, high in pairwise(edges)
        },
    }


def quieter(
    audio: Float[np.ndarray, "clips samples"], low: float, high: float, sample_rate: int, gain: float
) -> Float[np.ndarray, "clips samples"]:
    """The sound with the frequencies from `low` to `high` Hz multiplied by `gain`."""
    frequencies = np.fft.rfftfreq(audio.shape[1], 1 / sample_rate)
    factors = np.where((frequencies >= low) & (frequencies < high), gain, 1.0)
    return np.fft.irfft(np.fft.rfft(audio) * factors, audio.shape[1]).astype(np.float32)


def lost(
    labels: Int[np.ndarray, " clips"],
    whole: Int[np.ndarray, " clips"],
    without: Iterator[Int[np.ndarray, " clips"]],
    resampling: Resampling,
) -> Figure:
    """How much lower the UAR is than with everything, as a mean over the predictions `without` something."""
    classes = int(max(labels.max(), whole.max())) + 1
    losses, spread = [], []
    for predictions in without:
        shape = (max(classes, int(predictions.max()) + 1),) * 2
        counts = [metrics.confusion(labels, said, shape[0]) for said in (whole, predictions)]
        totals = [resampling.totals((labels, said), shape) for said in (whole, predictions)]
        losses.append(metrics.uar(counts[0]) - metrics.uar(counts[1]))
        spread.append(metrics.figures(totals[0])["uar"] - metrics.figures(totals[1])["uar"])
    mean = float(np.mean(losses))
    return {"uar_lost": mean, "interval": resampling.interval(mean, np.mean(spread, axis=0), -1.0)}


def _mel_edges(sample_rate: int) -> Float[np.ndarray, " edges"]:
    highest = 2595 * np.log10(1 + sample_rate / 2 / 700)  # O'Shaughnessy's formula
    edges = 700 * (10 ** (np.linspace(0, highest, BANDS + 1) / 2595) - 1)
    edges[-1] += 1  # half the sample rate itself belongs to the last band
    return edges
