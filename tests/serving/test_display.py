"""The display features equal those of `aersut.features`."""

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from aersut.contracts import Framing
from aersut.features import MFCC, RMS, ZCR, LogMel, Signal
from aersut.serving.display import DisplayAnalyzer, DisplayFrames


def joined(parts: list[DisplayFrames | None], name: str) -> np.ndarray:
    return np.concatenate([getattr(part, name) for part in parts if part])


def test_equals_the_features_of_uncentred_frames(speech):
    samples, rate = soundfile.read(speech, dtype="float32")
    analyzer = DisplayAnalyzer(rate)
    parts = [analyzer.push(piece) for piece in np.array_split(samples, 37)]
    framing = Framing(rate, len(samples) / rate, analyzer.frame_length, analyzer.hop_length, center=False)
    signal = Signal(jnp.asarray(samples), framing)
    for name, feature, tolerance in (
        ("mel", LogMel(n_mels=40), 0.02),
        ("mfcc", MFCC(n_mfcc=13, n_mels=40), 0.05),
        ("rms", RMS(), 1e-5),
        ("zcr", ZCR(), 1e-5),
    ):
        expected = np.asarray(feature(signal))
        actual = joined(parts, name).reshape(len(expected), -1)
        np.testing.assert_allclose(actual, expected, atol=tolerance)


def test_a_hop_longer_than_a_frame_covers_all_samples():
    samples = np.sin(np.arange(160_000) / 5).astype(np.float32)
    analyzer = DisplayAnalyzer(16_000, hop=0.5)  # longer than a frame
    parts = [analyzer.push(piece) for piece in np.array_split(samples, 11)]
    assert len(joined(parts, "rms")) == 20
    assert joined(parts, "high").min() > 0.99  # over the whole hop
    assert [part.start for part in parts if part][-1] == pytest.approx(9.5, abs=0.51)
