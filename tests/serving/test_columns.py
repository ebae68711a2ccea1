"""The pictures show what the features are."""

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from aersut.contracts import Framing
from aersut.features import MFCC, RMS, ZCR, LogMel, Signal
from aersut.serving.columns import Analyser, Columns


def joined(parts: list[Columns | None], name: str) -> np.ndarray:
    return np.concatenate([getattr(part, name) for part in parts if part])


def test_columns_are_the_features_of_uncentred_frames(voice):
    samples, rate = soundfile.read(voice, dtype="float32")
    analyser = Analyser(rate)
    parts = [analyser.push(piece) for piece in np.array_split(samples, 37)]
    framing = Framing(rate, len(samples) / rate, analyser.frame_length, analyser.hop_length, center=False)
    signal = Signal(jnp.asarray(samples), framing)
    for name, feature, tolerance in (
        ("mel", LogMel(n_mels=40), 0.02),
        ("mfcc", MFCC(n_mfcc=13, n_mels=40), 0.05),
        ("rms", RMS(), 1e-5),
        ("zcr", ZCR(), 1e-5),
    ):
        wanted = np.asarray(feature(signal))
        shown = joined(parts, name).reshape(len(wanted), -1)
        np.testing.assert_allclose(shown, wanted, atol=tolerance)


def test_a_whole_recording_fits_into_one_picture():
    samples = np.sin(np.arange(160_000) / 5).astype(np.float32)
    analyser = Analyser(16_000, hop=0.5)  # longer than a frame
    parts = [analyser.push(piece) for piece in np.array_split(samples, 11)]
    assert len(joined(parts, "rms")) == 20
    assert joined(parts, "high").min() > 0.99  # of all that lies between the columns
    assert [part.start for part in parts if part][-1] == pytest.approx(9.5, abs=0.51)
