"""Constant matrices of the spectral features: window, mel filters, cosine transform. Plain numpy, each made once."""

import functools
import warnings

import numpy as np
from jaxtyping import Float


@functools.cache
def hann(length: int) -> Float[np.ndarray, " length"]:
    """The periodic Hann window, `scipy.signal.get_window("hann", length)`."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@functools.cache
def filters(
    sample_rate: int, frame_length: int, n_mels: int, fmin: float, fmax: float | None, htk: bool = False
) -> Float[np.ndarray, "n_mels bins"]:
    """Mel filters of unit area, `librosa.filters.mel(sr=…, n_fft=…, n_mels=…, htk=…)` to 1e-7.

    Warns, as librosa does, where a band is so narrow that no bin of the spectrum falls into it: it is always empty.

    Args:
        fmin, fmax: the lowest and highest edge in Hz; None is half the sample rate.
        htk: the scale of the HTK book, 2595 · log10(1 + f / 700), instead of Slaney's.
    """
    top = sample_rate / 2 if fmax is None else fmax
    if htk:
        edges = 700 * (10 ** (np.linspace(_to_htk(fmin), _to_htk(top), n_mels + 2) / 2595) - 1)
    else:
        edges = _from_mel(np.linspace(_to_mel(fmin), _to_mel(top), n_mels + 2))
    bins = np.fft.rfftfreq(frame_length, 1 / sample_rate)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    if empty := int(np.sum(~triangles.any(axis=1))):
        warnings.warn(
            f"{empty} of {n_mels} mel bands are empty, since a frame of {frame_length} samples resolves no finer than "
            f"{sample_rate / frame_length:.1f} Hz: use fewer bands or a longer frame",
            stacklevel=2,
        )
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


@functools.cache
def dct(n_mels: int, n_mfcc: int) -> Float[np.ndarray, "n_mels n_mfcc"]:
    """The first columns of the orthonormal DCT-II, `scipy.fft.dct(x, norm="ortho")[:n_mfcc]` as a matrix."""
    angles = np.pi / n_mels * (np.arange(n_mels)[:, None] + 0.5) * np.arange(n_mfcc)
    matrix = np.sqrt(2 / n_mels) * np.cos(angles)
    matrix[:, 0] /= np.sqrt(2)
    return matrix.astype(np.float32)


def lifter(n_mfcc: int, length: int) -> Float[np.ndarray, " n_mfcc"]:
    """The weights that lift high cepstral coefficients: 1 + length / 2 · sin(π (n + 1) / length)."""
    return (1 + length / 2 * np.sin(np.pi * np.arange(1, n_mfcc + 1) / length)).astype(np.float32)


def check_bands(n_mels: int, fmin: float, fmax: float | None, sample_rate: int | None = None) -> None:
    """Raise `ValueError` where mel bands cannot be laid out; Nyquist is checked once the sample rate is known."""
    if n_mels < 1:
        raise ValueError(f"n_mels must be at least 1, got {n_mels}")
    if fmin < 0 or (fmax is not None and fmax <= fmin):
        raise ValueError(f"fmin and fmax must rise from 0 or more, got {fmin} and {fmax}")
    if sample_rate is not None and max(fmin, fmax or 0) > sample_rate / 2:
        raise ValueError(
            f"fmin {fmin} or fmax {fmax} lies above the Nyquist frequency, {sample_rate / 2:g} Hz at {sample_rate} Hz"
        )


def check_top_db(top_db: float | None) -> None:
    """Raise `ValueError` for a range of no decibels."""
    if top_db is not None and top_db <= 0:
        raise ValueError(f"top_db must be above 0, or none, got {top_db}")


def check_amin(amin: float) -> None:
    """Raise `ValueError` for a power that has no decibels."""
    if not amin > 0:
        raise ValueError(f"amin must be above 0, got {amin}")


def check_pre_emphasis(pre_emphasis: float) -> None:
    """Raise `ValueError` for a coefficient that is none: beyond 1 the filter would be no high-pass."""
    if not 0 <= pre_emphasis <= 1:
        raise ValueError(f"pre_emphasis must be between 0 and 1, got {pre_emphasis}")


def _to_htk(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


# Slaney's scale (Auditory Toolbox, 1998): linear under 1 kHz, then logarithmic
_LINEAR = 200 / 3
_KNEE = 1000.0
_LOG_STEP = np.log(6.4) / 27


def _to_mel(hertz: float) -> float:
    if hertz < _KNEE:
        return hertz / _LINEAR
    return float(_KNEE / _LINEAR + np.log(hertz / _KNEE) / _LOG_STEP)


def _from_mel(mels: Float[np.ndarray, " bands"]) -> Float[np.ndarray, " bands"]:
    return np.where(mels < _KNEE / _LINEAR, mels * _LINEAR, _KNEE * np.exp(_LOG_STEP * (mels - _KNEE / _LINEAR)))
