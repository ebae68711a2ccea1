"""Constant matrices of the spectral features: Hann window, mel filters, discrete cosine transform.

Plain NumPy; each matrix is computed once per process.
"""

import functools
import warnings

import numpy as np
from jaxtyping import Float


@functools.cache
def hann(length: int) -> Float[np.ndarray, " length"]:
    """Periodic Hann window, equal to `scipy.signal.get_window("hann", length)` to 1e-7."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@functools.cache
def mel_filters(
    sample_rate: int, frame_length: int, n_mels: int, fmin: float, fmax: float | None, htk: bool = False
) -> Float[np.ndarray, "n_mels bins"]:
    """Mel filter bank of unit-area triangles, equal to `librosa.filters.mel(sr=…, n_fft=…, n_mels=…, htk=…)` to 1e-7.

    Warns, as librosa does, if a band is so narrow that it contains no bin of the spectrum and is always empty.

    Args:
        frame_length: length of the Fourier transform in samples.
        fmin, fmax: lowest and highest edge in Hz; None is half the sample rate.
        htk: mel scale of the HTK book, 2595 · log10(1 + f / 700), instead of Slaney's.
    """
    edges = mel_frequencies(fmin, sample_rate / 2 if fmax is None else fmax, n_mels + 2, htk)
    bins = np.fft.rfftfreq(frame_length, 1 / sample_rate)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    if empty := int(np.sum(~triangles.any(axis=1))):
        warnings.warn(
            f"{empty} of {n_mels} mel bands are empty, because a frame of {frame_length} samples has a resolution of "
            f"{sample_rate / frame_length:.1f} Hz: use fewer bands or a longer frame",
            stacklevel=2,
        )
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


@functools.cache
def dct(n_mels: int, n_mfcc: int) -> Float[np.ndarray, "n_mels n_mfcc"]:
    """First columns of the orthonormal DCT-II: `scipy.fft.dct(x, norm="ortho")[:n_mfcc]` as a matrix, to 1e-7."""
    angles = np.pi / n_mels * (np.arange(n_mels)[:, None] + 0.5) * np.arange(n_mfcc)
    matrix = np.sqrt(2 / n_mels) * np.cos(angles)
    matrix[:, 0] /= np.sqrt(2)
    return matrix.astype(np.float32)


def lifter(n_mfcc: int, length: int) -> Float[np.ndarray, " n_mfcc"]:
    """Cepstral lifter: weights 1 + length / 2 · sin(π (n + 1) / length) of coefficients n = 0, 1, …"""
    return (1 + length / 2 * np.sin(np.pi * np.arange(1, n_mfcc + 1) / length)).astype(np.float32)


def check_mel(
    n_mels: int, fmin: float, fmax: float | None, pre_emphasis: float, top_db: float | None = None, amin: float = 1e-10
) -> None:
    """Raise `ValueError` if a field of a mel feature is out of range; `check_nyquist` needs the sample rate."""
    if n_mels < 1:
        raise ValueError(f"n_mels must be at least 1, got {n_mels}")
    if fmin < 0 or (fmax is not None and fmax <= fmin):
        raise ValueError(f"fmin must be 0 or more and fmax above fmin, got {fmin} and {fmax}")
    if not 0 <= pre_emphasis <= 1:
        raise ValueError(f"pre_emphasis must be between 0 and 1, got {pre_emphasis}")
    if top_db is not None and top_db <= 0:
        raise ValueError(f"top_db must be above 0, or none, got {top_db}")
    if not amin > 0:
        raise ValueError(f"amin must be above 0, got {amin}")


def check_nyquist(fmin: float, fmax: float | None, sample_rate: int) -> None:
    """Raise `ValueError` if there is no band below the Nyquist frequency, or a band edge is above it."""
    nyquist = f"the Nyquist frequency, {sample_rate / 2:g} Hz at {sample_rate} Hz"
    if fmin >= sample_rate / 2:
        raise ValueError(f"fmin {fmin} is not below {nyquist}")
    if fmax is not None and fmax > sample_rate / 2:
        raise ValueError(f"fmax {fmax} is above {nyquist}")


# Slaney's scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above
_LINEAR = 200 / 3
_KNEE = 1000.0
_LOG_STEP = np.log(6.4) / 27


def _to_mel(hertz: float) -> float:
    if hertz < _KNEE:
        return hertz / _LINEAR
    return float(_KNEE / _LINEAR + np.log(hertz / _KNEE) / _LOG_STEP)


def mel_frequencies(low: float, high: float, count: int, htk: bool = False) -> Float[np.ndarray, " frequencies"]:
    """Frequencies in Hz from `low` to `high`, equally spaced on Slaney's or HTK's mel scale."""
    if htk:
        low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (low, high))
        return 700 * (10 ** (np.linspace(low, high, count) / 2595) - 1)
    mels = np.linspace(_to_mel(low), _to_mel(high), count)
    return np.where(mels < _KNEE / _LINEAR, mels * _LINEAR, _KNEE * np.exp(_LOG_STEP * (mels - _KNEE / _LINEAR)))
