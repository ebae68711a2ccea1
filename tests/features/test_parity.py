"""Features agree with librosa, on a golden signal and on real speech, to the tolerance that their docstrings state."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal

from aersut.contracts import Feature, Framing
from aersut.data.audio import decode, fit
from aersut.features import MFCC, RMS, ZCR, LogMel, Signal, mel
from aersut.features.signal import decibels

GOLDEN = Path(__file__).parents[1] / "golden"
CENTERED = Framing(sample_rate=16_000, seconds=0.6, frame_length=1024, hop_length=256)
UNEVEN = Framing(sample_rate=16_000, seconds=0.6, frame_length=1000, hop_length=300, center=False)
CASES: dict[str, tuple[Feature, Framing, float]] = {
    "mfcc": (MFCC(), CENTERED, 2e-2),
    "mfcc, pre-emphasis": (MFCC(pre_emphasis=0.97), CENTERED, 2e-2),
    "mfcc, 20 of 40 from 50 to 7000 Hz": (MFCC(n_mfcc=20, n_mels=40, fmin=50.0, fmax=7000.0), CENTERED, 2e-2),
    "mfcc, uneven": (MFCC(n_mels=40), UNEVEN, 2e-2),
    "log_mel": (LogMel(), CENTERED, 1e-2),
    "log_mel, pre-emphasis, 100 to 4000 Hz": (LogMel(32, 100.0, 4000.0, pre_emphasis=0.9), CENTERED, 1e-2),
    "log_mel, uneven": (LogMel(), UNEVEN, 1e-2),
    "zcr": (ZCR(), CENTERED, 1e-6),
    "zcr, uneven": (ZCR(), UNEVEN, 1e-6),
    "rms": (RMS(), CENTERED, 1e-6),
    "rms, uneven": (RMS(), UNEVEN, 1e-6),
}
CLIPS = ("03-01-01-01-01-01-", "03-01-05-02-02-02-", "03-01-04-01-02-01-")


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "features.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_features", GOLDEN / "make_features.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def speech(real_data: Path) -> list[np.ndarray]:
    """Three seconds each of a few recordings."""
    files = sorted(file for file in real_data.rglob("03-01-*") if file.name.startswith(CLIPS))[::9]
    assert len(files) >= 3
    return [fit(decode(file, 16_000), 48_000, "start") for file in files[:3]]


def _ours(feature: Feature, framing: Framing, samples: np.ndarray) -> np.ndarray:
    return np.asarray(feature(Signal(jnp.asarray(samples), framing)))


def _agree(rows: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    # the largest differences are float32's rounding in the quietest bands of loud frames; most values are far closer
    np.testing.assert_allclose(rows, expected, rtol=0, atol=tolerance)
    assert np.mean(np.abs(rows - expected)) <= tolerance / 20


def test_every_golden_value_is_compared(golden: dict[str, np.ndarray], maker: ModuleType) -> None:
    assert set(golden) - {"signal"} == set(CASES) == set(maker.REFERENCES)


@pytest.mark.parametrize("name", CASES)
def test_golden_values(name: str, golden: dict[str, np.ndarray]) -> None:
    feature, framing, tolerance = CASES[name]
    rows = _ours(feature, framing, golden["signal"].astype(np.float32) / 32768)
    _agree(rows, golden[name], tolerance)


@pytest.mark.parametrize("name", CASES)
def test_real_speech(name: str, speech: list[np.ndarray], maker: ModuleType) -> None:
    feature, framing, tolerance = CASES[name]
    for samples in speech:
        rows = _ours(feature, replace(framing, seconds=3.0), samples)
        _agree(rows, maker.REFERENCES[name](samples).T, tolerance)


def test_emphasis_takes_the_sample_before_with_silence_at_the_start() -> None:
    signal = Signal(jnp.array([1.0, 1.0, 0.5, 0.0]), Framing(1, 4.0, 2, 1))
    np.testing.assert_allclose(signal.emphasized(0.5), [1.0, 0.5, 0.0, -0.25])


def test_emphasis_is_librosas(golden: dict[str, np.ndarray]) -> None:
    samples = golden["signal"].astype(np.float32) / 32768
    expected = librosa.effects.preemphasis(samples, coef=0.97, zi=[0])
    found = Signal(jnp.asarray(samples), CENTERED).emphasized(0.97)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("sample_rate", "frame_length", "n_mels", "fmin", "fmax"),
    [
        (22_050, 2048, 128, 0.0, None),
        (16_000, 512, 40, 0.0, None),
        (16_000, 1024, 64, 50.0, 7600.0),
        (48_000, 2048, 8, 1500.0, None),
    ],
)
def test_filters_are_librosas(
    sample_rate: int, frame_length: int, n_mels: int, fmin: float, fmax: float | None
) -> None:
    expected = librosa.filters.mel(sr=sample_rate, n_fft=frame_length, n_mels=n_mels, fmin=fmin, fmax=fmax)
    found = mel.filters(sample_rate, frame_length, n_mels, fmin, fmax)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)


def test_window_and_cosines_are_scipys() -> None:
    np.testing.assert_allclose(mel.hann(512), scipy.signal.get_window("hann", 512), rtol=0, atol=1e-7)
    expected = scipy.fft.dct(np.eye(40), norm="ortho", axis=1)[:, :13]
    np.testing.assert_allclose(mel.dct(40, 13), expected, rtol=0, atol=1e-7)


def test_decibels_stop_at_the_floor() -> None:
    np.testing.assert_allclose(decibels(jnp.array([1.0, 100.0, 1e-10, 0.0])), [0, 20, -100, -100], atol=1e-4)


@pytest.mark.parametrize(
    "framing", [CENTERED, UNEVEN, Framing(8_000, 0.11, 37, 60), Framing(8_000, 0.11, 37, 5, center=False)]
)
def test_frames_are_librosas(framing: Framing) -> None:
    samples = np.arange(1, framing.samples + 1, dtype=np.float32)
    padded = np.pad(samples, framing.frame_length // 2) if framing.center else samples
    expected = librosa.util.frame(padded, frame_length=framing.frame_length, hop_length=framing.hop_length).T
    frames = Signal(jnp.asarray(samples), framing).frames()
    assert frames.shape == (framing.frames, framing.frame_length)
    np.testing.assert_array_equal(frames, expected)
