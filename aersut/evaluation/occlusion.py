"""Occlusion: the drop of UAR when a segment of time or a frequency band of the audio is attenuated."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from aersut.evaluation.intervals import Resampling
from aersut.evaluation.permutation import UarDrop, uar_drop
from aersut.matrices import mel_frequencies

SEGMENTS = 10
BANDS = 10
ATTENUATION = 40.0
"""Attenuation of a segment or band, dB. A stronger one would make spectra that do not occur in speech."""


def occlusion(
    predict: Callable[[Float[np.ndarray, "clips samples"]], Int[np.ndarray, " clips"]],
    audio: Float[np.ndarray, "clips samples"],
    labels: Int[np.ndarray, " clips"],
    resampling: Resampling,
    sample_rate: int,
) -> dict[str, dict[str, UarDrop]]:
    """The drop of UAR when a tenth of the time, or one of ten mel-spaced bands, is attenuated by 40 dB.

    Args:
        predict: the classifier with its frontend: audio to predicted classes.

    Returns:
        {"time": {"0.0–0.3": …, in s}, "frequency": {"0.00–0.20": …, in kHz}}, with a `UarDrop` for each range.
    """
    unchanged, gain = predict(audio), 10 ** (-ATTENUATION / 20)
    time, frequency = {}, {}
    digits = 1 if audio.shape[1] >= sample_rate else 2  # else two segments of a short window have one name
    for begin, end in pairwise(np.linspace(0, audio.shape[1], SEGMENTS + 1).astype(int)):
        changed = audio.copy()
        changed[:, begin:end] *= gain
        name = f"{begin / sample_rate:.{digits}f}–{end / sample_rate:.{digits}f}"
        time[name] = uar_drop(labels, unchanged, [predict(changed)], resampling)
    edges = mel_frequencies(0, sample_rate / 2, BANDS + 1, htk=True)
    edges[-1] += 1  # the last band includes half the sample rate
    for low, high in pairwise(edges):
        changed = attenuate_band(audio, low, high, sample_rate, gain)
        name = f"{low / 1000:.2f}–{high / 1000:.2f}"
        frequency[name] = uar_drop(labels, unchanged, [predict(changed)], resampling)
    return {"time": time, "frequency": frequency}


def attenuate_band(
    audio: Float[np.ndarray, "clips samples"], low: float, high: float, sample_rate: int, gain: float
) -> Float[np.ndarray, "clips samples"]:
    """Multiply the frequencies from `low` to `high` Hz by `gain`."""
    frequencies = np.fft.rfftfreq(audio.shape[1], 1 / sample_rate)
    factors = np.where((frequencies >= low) & (frequencies < high), gain, 1.0)
    return np.fft.irfft(np.fft.rfft(audio) * factors, audio.shape[1]).astype(np.float32)
