"""Make features.npz: what librosa says of a small signal that is given by formulas. To be run when REFERENCES change.

    .venv/bin/python tests/golden/make_features.py

`tests/features/test_parity.py` reads the file, and computes the same references for real speech.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import librosa
import numpy as np

SAMPLE_RATE = 16_000
CENTERED = {"n_fft": 1024, "hop_length": 256}
UNEVEN = {"n_fft": 1000, "hop_length": 300, "center": False}  # a hop that does not divide the frame


def signal() -> np.ndarray:
    """0.6 s: harmonics with vibrato, a chirp, a click, a hiss that never ends, a slight offset; i16[9600]."""
    t = np.arange(9600) / SAMPLE_RATE
    phase = 2 * np.pi * (140 * t + 1.5 * np.sin(2 * np.pi * 5 * t))
    voiced = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.sin(np.pi * t / 0.35) ** 2 * (t < 0.35)
    chirp = np.sin(2 * np.pi * (300 * t + 5000 * t**2)) * (t > 0.42)
    hiss = np.modf(np.sin(12.9898 * np.arange(9600)) * 43758.5453)[0]
    y = 0.3 * voiced + 0.2 * chirp + np.where(t < 0.4, 0.02, 0.001) * hiss + 0.001
    y[6300] = 0.9
    return np.round(32767 * np.clip(y, -1, 1)).astype(np.int16)


def _decibels(y: np.ndarray, *, pre_emphasis: float = 0.0, **options: object) -> np.ndarray:
    if pre_emphasis:
        y = librosa.effects.preemphasis(y, coef=pre_emphasis, zi=[0])
    return librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SAMPLE_RATE, **options), top_db=None)


def _mfcc(y: np.ndarray, *, n_mfcc: int, **options: object) -> np.ndarray:
    return librosa.feature.mfcc(S=_decibels(y, **options), n_mfcc=n_mfcc)


def _zcr(y: np.ndarray, *, n_fft: int, **options: object) -> np.ndarray:
    return librosa.feature.zero_crossing_rate(y, frame_length=n_fft, **options)


def _rms(y: np.ndarray, *, n_fft: int, **options: object) -> np.ndarray:
    return librosa.feature.rms(y=y, frame_length=n_fft, **options)


REFERENCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mfcc": partial(_mfcc, n_mfcc=13, n_mels=128, **CENTERED),
    "mfcc, pre-emphasis": partial(_mfcc, n_mfcc=13, n_mels=128, pre_emphasis=0.97, **CENTERED),
    "mfcc, 20 of 40 from 50 to 7000 Hz": partial(_mfcc, n_mfcc=20, n_mels=40, fmin=50, fmax=7000, **CENTERED),
    "mfcc, uneven": partial(_mfcc, n_mfcc=13, n_mels=40, **UNEVEN),
    "log_mel": partial(_decibels, n_mels=64, **CENTERED),
    "log_mel, pre-emphasis, 100 to 4000 Hz": partial(
        _decibels, n_mels=32, fmin=100, fmax=4000, pre_emphasis=0.9, **CENTERED
    ),
    "log_mel, uneven": partial(_decibels, n_mels=64, **UNEVEN),
    "zcr": partial(_zcr, **CENTERED),
    "zcr, uneven": partial(_zcr, **UNEVEN),
    "rms": partial(_rms, **CENTERED),
    "rms, uneven": partial(_rms, **UNEVEN),
}
"""f32[samples] in [-1, 1] to [channels, frames], as librosa lays them out."""


def main() -> None:
    samples = signal()
    tables = {name: reference(samples.astype(np.float32) / 32768) for name, reference in REFERENCES.items()}
    tables = {name: table.T.astype(np.float32) for name, table in tables.items()}
    np.savez_compressed(Path(__file__).with_name("features.npz"), signal=samples, **tables)


if __name__ == "__main__":
    main()
