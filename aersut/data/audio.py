"""One clip: decode it, trim its silence, fit it to a window."""

from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from jaxtyping import Float, Int16, Shaped


class ClipError(ValueError):
    """A clip that cannot be used; the message is the reason, without the clip's name."""


def decode(path: Path, sample_rate: int) -> Float[np.ndarray, " samples"]:
    """Read a sound file as mono samples in [-1, 1] at `sample_rate` Hz (soundfile; resampled by soxr at high quality).

    Raises:
        ClipError: the file cannot be read, holds no samples, or holds samples that are no numbers.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        reason = str(error).removeprefix(f"Error opening {str(path)!r}: ")
        raise ClipError(f"cannot be decoded: {reason}") from None
    if not samples.size:
        raise ClipError("holds no samples")
    if not np.isfinite(samples).all():
        raise ClipError("holds samples that are no numbers (NaN or infinity)")
    mono = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
    return soxr.resample(mono, rate, sample_rate) if rate != sample_rate else mono


def trim(samples: Float[np.ndarray, " samples"], top_db: float) -> Float[np.ndarray, " kept"]:
    """Cut the silence at both ends that lies more than `top_db` under the loudest frame.

    Equal to `librosa.effects.trim` with its defaults (frames of 2,048 samples every 512, padded with zeros), which the
    runner for exported models has to do without. A silent clip is kept whole.
    """
    frame, hop = 2048, 512
    padded = np.pad(samples, frame // 2)
    power = np.concatenate([[0.0], np.cumsum(np.square(padded, dtype=np.float64))])
    starts = np.arange(0, len(padded) - frame + 1, hop)
    # differences of a running sum leave rounding noise where it is silent, hence the floor that librosa has too (1e-10)
    power = np.maximum((power[starts + frame] - power[starts]) / frame, 1e-10)
    loud = np.flatnonzero(power > power.max() * 10 ** (-top_db / 10))
    if not len(loud):
        return samples
    return samples[loud[0] * hop : min(len(samples), (loud[-1] + 1) * hop)]


def to_int16(samples: Float[np.ndarray, " samples"]) -> Int16[np.ndarray, " samples"]:
    """Quantize samples in [-1, 1] to 16 bits, clipping what resampling has pushed over."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def fit(
    samples: Shaped[np.ndarray, " samples"], length: int, where: Literal["start", "center"]
) -> Shaped[np.ndarray, " length"]:
    """Cut or pad with zeros to `length` samples, keeping the start or the centre."""
    surplus = len(samples) - length
    before = surplus // 2 if where == "center" else 0
    if surplus >= 0:
        return samples[before : before + length]
    return np.pad(samples, (-before, before - surplus))
