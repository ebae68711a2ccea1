"""Constant matrices of the spectral features: window, mel filters, cosine transform. Plain numpy, each made once."""

import functools

import numpy as np
from jaxtyping import Float


@functools.cache
def hann(length: int) -> Float[np.ndarray, " length"]:
    """The periodic Hann window, `scipy.signal.get_window("hann", length)`."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@functools.cache
def filters(
    sample_rate: int, frame_length: int, n_mels: int, fmin: float, fmax: float | None
) -> Float[np.ndarray, "n_mels bins"]:
    """Slaney mel filters of unit area, `librosa.filters.mel(sr=…, n_fft=…, n_mels=…)` to 1e-7.

    Args:
        fmin, fmax: the lowest and highest edge in Hz; None is half the sample rate.
    """
    top = sample_rate / 2 if fmax is None else fmax
    edges = _from_mel(np.linspace(_to_mel(fmin), _to_mel(top), n_mels + 2))
    bins = np.fft.rfftfreq(frame_length, 1 / sample_rate)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


@functools.cache
def dct(n_mels: int, n_mfcc: int) -> Float[np.ndarray, "n_mels n_mfcc"]:
    """The first columns of the orthonormal DCT-II, `scipy.fft.dct(x, norm="ortho")[:n_mfcc]` as a matrix."""
    angles = np.pi / n_mels * (np.arange(n_mels)[:, None] + 0.5) * np.arange(n_mfcc)
    matrix = np.sqrt(2 / n_mels) * np.cos(angles)
    matrix[:, 0] /= np.sqrt(2)
    return matrix.astype(np.float32)


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


def check_pre_emphasis(pre_emphasis: float) -> None:
    """Raise `ValueError` for a coefficient that is none: beyond 1 the filter would be no high-pass."""
    if not 0 <= pre_emphasis <= 1:
        raise ValueError(f"pre_emphasis must be between 0 and 1, got {pre_emphasis}")


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
