"""librosa references of every feature, for the golden values, the parity tests and the parity table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import librosa
import numpy as np

from aersut.contracts import Feature, Framing
from aersut.features import (
    F0,
    MFCC,
    PCEN,
    RMS,
    ZCR,
    Chroma,
    Delta,
    DeltaDelta,
    LogEnergy,
    LogMel,
    Mel,
    Relative,
    SpectralCentroid,
    SpectralFlatness,
)

RATE = 16_000
CENTERED = Framing(sample_rate=RATE, seconds=0.6, frame_length=1024, hop_length=256)
UNEVEN = Framing(sample_rate=RATE, seconds=0.6, frame_length=1000, hop_length=300, center=False)


@dataclass(frozen=True)
class Case:
    """One feature and its librosa reference.

    Attributes:
        reference: f32[samples] in [-1, 1] to [channels, frames], librosa's layout; of the first channels.
        tolerance: largest difference, relative to the largest value if `relative` is set.
        fraction: fraction of the values that must be within the tolerance.
    """

    feature: Feature
    framing: Framing
    reference: Callable[[np.ndarray], np.ndarray]
    tolerance: float
    relative: bool = False
    fraction: float = 1.0

    def differences(self, rows: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Return the differences of [frames, channels] from librosa's [channels, frames] in the unit of tolerance."""
        found = np.abs(rows[:, : len(expected)] - expected.T)
        return found / np.abs(expected).max() if self.relative else found


def _stft(framing: Framing) -> dict[str, Any]:
    return {"n_fft": framing.frame_length, "hop_length": framing.hop_length, "center": framing.center}


def _frames(framing: Framing) -> dict[str, Any]:
    return {"frame_length": framing.frame_length, "hop_length": framing.hop_length, "center": framing.center}


def _mel(y: np.ndarray, *, framing: Framing, pre_emphasis: float = 0.0, **options: Any) -> np.ndarray:
    if pre_emphasis:
        y = librosa.effects.preemphasis(y, coef=pre_emphasis, zi=[0])
    return librosa.feature.melspectrogram(y=y, sr=RATE, **_stft(framing), **options)


def _decibels(y: np.ndarray, *, top_db: float | None = None, amin: float = 1e-10, **options: Any) -> np.ndarray:
    return librosa.power_to_db(_mel(y, **options), top_db=top_db, amin=amin)


def _relative(y: np.ndarray, *, top_db: float, **options: Any) -> np.ndarray:
    return librosa.power_to_db(_mel(y, **options), ref=np.max, top_db=top_db)


def _pcen(y: np.ndarray, *, framing: Framing, time_constant: float = 0.4, **options: Any) -> np.ndarray:
    power = np.maximum(_mel(y, framing=framing, n_mels=64), 1e-10) * 2.0**31
    frames = time_constant * RATE / framing.hop_length
    weight = (np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
    start = (1 - weight) * power[:, :1]  # the filter starts at the first frame
    return librosa.pcen(power, sr=RATE, hop_length=framing.hop_length, b=weight, zi=start, **options)


def _mfcc(y: np.ndarray, *, n_mfcc: int = 13, lifter: int = 0, n_mels: int = 128, **options: Any) -> np.ndarray:
    return librosa.feature.mfcc(S=_decibels(y, n_mels=n_mels, **options), n_mfcc=n_mfcc, lifter=lifter)


def _delta(y: np.ndarray, *, order: int, width: int = 9) -> np.ndarray:
    return librosa.feature.delta(_mfcc(y, framing=CENTERED), order=order, width=width)


def _f0(y: np.ndarray, *, framing: Framing) -> np.ndarray:
    return librosa.yin(y, fmin=65, fmax=500, sr=RATE, **_frames(framing))[None]


def _chroma(y: np.ndarray, *, framing: Framing) -> np.ndarray:
    return librosa.feature.chroma_stft(y=y, sr=RATE, tuning=0.0, **_stft(framing))


def _rms(y: np.ndarray, *, framing: Framing) -> np.ndarray:
    return librosa.feature.rms(y=y, **_frames(framing))


def _log_energy(y: np.ndarray, *, framing: Framing) -> np.ndarray:
    return librosa.amplitude_to_db(_rms(y, framing=framing), ref=1.0, amin=1e-5, top_db=None)


def _zcr(y: np.ndarray, *, framing: Framing) -> np.ndarray:
    return librosa.feature.zero_crossing_rate(y, **_frames(framing))


def _centroid(y: np.ndarray, *, framing: Framing) -> np.ndarray:
    return librosa.feature.spectral_centroid(y=y, sr=RATE, **_stft(framing))


def _flatness(y: np.ndarray, *, framing: Framing) -> np.ndarray:
    return librosa.feature.spectral_flatness(y=y, **_stft(framing))


def _case(
    feature: Feature,
    reference: Any,
    tolerance: float,
    framing: Framing = CENTERED,
    fraction: float = 1.0,
    **options: Any,
) -> Case:
    return Case(feature, framing, partial(reference, framing=framing, **options), tolerance, fraction=fraction)


CASES: dict[str, Case] = {
    "mfcc": _case(MFCC(), _mfcc, 2e-2),
    "mfcc, pre-emphasis": _case(MFCC(pre_emphasis=0.97), _mfcc, 2e-2, pre_emphasis=0.97),
    "mfcc, 20 of 40 from 50 to 7000 Hz": _case(
        MFCC(n_mfcc=20, n_mels=40, fmin=50.0, fmax=7000.0), _mfcc, 2e-2, n_mfcc=20, n_mels=40, fmin=50, fmax=7000
    ),
    "mfcc, htk": _case(MFCC(n_mels=40, htk=True), _mfcc, 2e-2, n_mels=40, htk=True),
    "mfcc, lifter 22": _case(MFCC(lifter=22), _mfcc, 2e-1, lifter=22),
    "mfcc, top_db 80": _case(MFCC(top_db=80.0), _mfcc, 2e-2, top_db=80.0),
    "mfcc, uneven": _case(MFCC(n_mels=40), _mfcc, 2e-2, UNEVEN, n_mels=40),
    "log_mel": _case(LogMel(), _decibels, 1e-2, n_mels=64),
    "log_mel, pre-emphasis, 100 to 4000 Hz": _case(
        LogMel(32, 100.0, 4000.0, 0.9), _decibels, 1e-2, n_mels=32, fmin=100, fmax=4000, pre_emphasis=0.9
    ),
    "log_mel, htk, top_db 80": _case(
        LogMel(40, htk=True, top_db=80.0), _decibels, 1e-2, n_mels=40, htk=True, top_db=80.0
    ),
    "log_mel, amin 1e-5": _case(LogMel(amin=1e-5), _decibels, 1e-2, n_mels=64, amin=1e-5),
    "log_mel, uneven": _case(LogMel(), _decibels, 1e-2, UNEVEN, n_mels=64),
    "relative": _case(Relative(range_db=50.0), _relative, 1e-2, n_mels=64, top_db=50.0),
    "pcen": _case(PCEN(), _pcen, 1e-3),
    "pcen, 2 s, complete gain control": _case(
        PCEN(gain=1.0, time_constant=2.0, bias=1.0, power=0.25),
        _pcen,
        1e-3,
        gain=1.0,
        bias=1.0,
        power=0.25,
        time_constant=2.0,
    ),
    "log_energy": _case(LogEnergy(), _log_energy, 1e-4),
    "mel": Case(Mel(), CENTERED, partial(_mel, framing=CENTERED, n_mels=64), 1e-5, relative=True),
    "chroma": _case(Chroma(), _chroma, 1e-4),
    "chroma, uneven": _case(Chroma(), _chroma, 1e-4, UNEVEN),
    "delta": Case(Delta(), CENTERED, partial(_delta, order=1), 5e-3),
    "delta, width 5": Case(Delta(width=5), CENTERED, partial(_delta, order=1, width=5), 1e-2),
    "delta_delta": Case(DeltaDelta(), CENTERED, partial(_delta, order=2), 5e-3),
    "f0": _case(F0(), _f0, 1e-2, fraction=0.98),
    "f0, uneven": _case(F0(), _f0, 1e-2, UNEVEN, fraction=0.98),
    "spectral_centroid": _case(SpectralCentroid(), _centroid, 0.5),
    "spectral_flatness": _case(SpectralFlatness(), _flatness, 1e-4),
    "zcr": _case(ZCR(), _zcr, 1e-6),
    "zcr, uneven": _case(ZCR(), _zcr, 1e-6, UNEVEN),
    "rms": _case(RMS(), _rms, 1e-6),
    "rms, uneven": _case(RMS(), _rms, 1e-6, UNEVEN),
}
