"""Features agree with librosa on a golden signal and on real speech, to the tolerance of their docstrings."""

import sys
from pathlib import Path

import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal

from aersut import matrices
from aersut.contracts import Framing
from aersut.features import Signal
from aersut.features.signal import decibels
from aersut.registry import FEATURES

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path[:0] = [str(GOLDEN), str(GOLDEN.parents[1] / "benchmarks")]
import parity  # noqa: E402  (the script that prints the table)
from references import CASES, CENTERED, RATE, UNEVEN, Case  # noqa: E402


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "features.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def speech(real_data: Path) -> np.ndarray:
    return parity.speech(real_data, 50, RATE)


def _agree(case: Case, differences: np.ndarray) -> None:
    assert np.mean(differences <= case.tolerance) >= case.fraction, differences.max()
    # the largest differences are float32 rounding in the quietest bands of loud frames; most values are much closer
    assert np.median(differences) <= case.tolerance / 20


def test_every_golden_value_is_compared(golden: dict[str, np.ndarray]) -> None:
    assert set(golden) - {"signal"} == set(CASES)


def test_every_feature_of_librosa_is_compared() -> None:
    compared = {FEATURES.name_of(case.feature) for case in CASES.values()}
    assert set(FEATURES.names()) - compared <= {"egemaps", "centered", "rasta"}


@pytest.mark.parametrize("name", CASES)
def test_golden_values(name: str, golden: dict[str, np.ndarray]) -> None:
    case = CASES[name]
    rows = np.asarray(case.feature(Signal(jnp.asarray(golden["signal"].astype(np.float32) / 32768), case.framing)))
    assert rows.shape == (case.framing.frames, case.feature.channels)
    _agree(case, case.differences(rows, golden[name]))


@pytest.mark.parametrize("name", CASES)
def test_real_speech(name: str, speech: np.ndarray) -> None:
    _agree(CASES[name], parity.measure(CASES[name], speech))


def test_pre_emphasis_has_a_zero_before_the_first_sample() -> None:
    signal = Signal(jnp.array([1.0, 1.0, 0.5, 0.0]), Framing(1, 4.0, 2, 1))
    np.testing.assert_allclose(signal.emphasized(0.5), [1.0, 0.5, 0.0, -0.25])


def test_pre_emphasis_equals_librosa(golden: dict[str, np.ndarray]) -> None:
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
def test_mel_filters_equal_librosa(
    sample_rate: int, frame_length: int, n_mels: int, fmin: float, fmax: float | None
) -> None:
    expected = librosa.filters.mel(sr=sample_rate, n_fft=frame_length, n_mels=n_mels, fmin=fmin, fmax=fmax)
    found = matrices.mel_filters(sample_rate, frame_length, n_mels, fmin, fmax)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)


def test_window_and_cosine_transform_equal_scipy() -> None:
    np.testing.assert_allclose(matrices.hann(512), scipy.signal.get_window("hann", 512), rtol=0, atol=1e-7)
    expected = scipy.fft.dct(np.eye(40), norm="ortho", axis=1)[:, :13]
    np.testing.assert_allclose(matrices.dct(40, 13), expected, rtol=0, atol=1e-7)


def test_decibels_have_a_lower_limit() -> None:
    np.testing.assert_allclose(decibels(jnp.array([1.0, 100.0, 1e-10, 0.0])), [0, 20, -100, -100], atol=1e-4)


@pytest.mark.parametrize(
    "framing", [CENTERED, UNEVEN, Framing(8_000, 0.11, 37, 60), Framing(8_000, 0.11, 37, 5, center=False)]
)
def test_frames_equal_librosa(framing: Framing) -> None:
    samples = np.arange(1, framing.samples + 1, dtype=np.float32)
    padded = np.pad(samples, framing.frame_length // 2) if framing.center else samples
    expected = librosa.util.frame(padded, frame_length=framing.frame_length, hop_length=framing.hop_length).T
    frames = Signal(jnp.asarray(samples), framing).frames()
    assert frames.shape == (framing.frames, framing.frame_length)
    np.testing.assert_array_equal(frames, expected)
