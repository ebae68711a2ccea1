"""Cepstral mean subtraction removes constant offsets, keeps changes and ignores digital silence."""

import jax.numpy as jnp
import numpy as np
import pytest

from aersut.contracts import Framing
from aersut.features import MFCC, RMS, Centered, LogMel, Signal

FRAMING = Framing(sample_rate=16_000, seconds=1.0, frame_length=512, hop_length=256, center=False)
HISS = np.random.default_rng(0).uniform(-0.1, 0.1, 16_000).astype(np.float32)
HISS[9_000:] = 0


def rows(feature, samples=HISS):
    return np.asarray(feature(Signal(jnp.asarray(samples), FRAMING)))


def test_the_mean_over_frames_that_are_not_silent_is_subtracted():
    sounding = rows(RMS())[:, 0] > 0
    assert 0 < sounding.sum() < len(sounding)
    bands = rows(LogMel())
    expected = bands - bands[sounding].mean(axis=0)
    np.testing.assert_allclose(rows(Centered(level=False)), expected, atol=1e-3)
    np.testing.assert_allclose(rows(Centered()), expected + bands[sounding].mean(), atol=1e-3)


def test_the_frequency_response_of_a_microphone_is_removed():
    louder = np.convolve(HISS, [1.0, 0.6])[:16_000].astype(np.float32)
    still, moved = (rows(Centered(of=LogMel(20, 1_000.0), level=False), one)[:30] for one in (HISS, louder))
    np.testing.assert_allclose(still, moved, atol=1.0)  # dB; a filter is an offset only in narrow bands
    assert np.abs(rows(LogMel(20, 1_000.0), louder) - rows(LogMel(20, 1_000.0)))[:30].max() > 2


def test_silence_is_unchanged():
    silence = rows(Centered(), np.zeros(16_000, np.float32))
    np.testing.assert_array_equal(silence, rows(LogMel(), np.zeros(16_000, np.float32)))


def test_has_the_channels_of_its_feature_and_needs_the_whole_utterance():
    centered = Centered(of=MFCC(n_mfcc=20))
    assert (centered.channels, centered.whole_utterance, centered.host) == (20, True, False)
    with pytest.raises(ValueError, match="Nyquist"):
        Centered(of=MFCC(fmax=9_000.0)).check(FRAMING)
