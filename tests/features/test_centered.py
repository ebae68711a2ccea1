"""Mean and variance normalization removes constant offsets, keeps changes and ignores pauses."""

import jax.numpy as jnp
import numpy as np
import pytest

from aersut.contracts import Framing
from aersut.features import MFCC, Centered, LogMel, Signal

FRAMING = Framing(sample_rate=16_000, seconds=1.0, frame_length=512, hop_length=256, center=False)
HISS = np.random.default_rng(0).uniform(-0.1, 0.1, 16_000).astype(np.float32)
HISS[9_000:] = 0


def rows(feature, samples=HISS):
    return np.asarray(feature(Signal(jnp.asarray(samples), FRAMING)))


def test_the_mean_over_frames_near_the_loudest_is_subtracted():
    bands = rows(LogMel())
    level = bands.mean(axis=1)
    used = level >= level.max() - 40
    assert 0 < used.sum() < len(used)
    expected = bands - bands[used].mean(axis=0)
    np.testing.assert_allclose(rows(Centered(level=False)), expected, atol=1e-3)
    np.testing.assert_allclose(rows(Centered()), expected + bands[used].mean(), atol=1e-3)
    np.testing.assert_allclose(rows(Centered(level=False, range_db=None)), bands - bands.mean(axis=0), atol=1e-3)


def test_the_variance_is_that_of_the_same_frames():
    bands = rows(LogMel())
    level = bands.mean(axis=1)
    used = bands[level >= level.max() - 40]
    expected = (bands - used.mean(axis=0)) / np.sqrt(used.var(axis=0) + 1)
    np.testing.assert_allclose(rows(Centered(level=False, variance=True)), expected, atol=5e-3)


def test_statistics_of_the_past_are_weighted_means_of_all_frames_so_far():
    bands = rows(LogMel()).astype(np.float64)
    frames = 0.5 / 0.016  # time constant over hop
    weight = (np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
    expected = []
    for now in range(len(bands)):
        weights = (1 - weight) ** np.arange(now, -1, -1)
        expected.append(bands[now] - weights @ bands[: now + 1] / weights.sum())
    np.testing.assert_allclose(rows(Centered(level=False, time_constant=0.5)), expected, atol=1e-3)


@pytest.mark.parametrize("time_constant", [None, 0.3])
def test_the_frequency_response_of_a_microphone_is_removed(time_constant: float | None):
    louder = np.convolve(HISS, [1.0, 0.6])[:16_000].astype(np.float32)
    feature = Centered(of=LogMel(20, 1_000.0), level=False, time_constant=time_constant)
    still, moved = (rows(feature, one)[:30] for one in (HISS, louder))
    np.testing.assert_allclose(still, moved, atol=1.0)  # dB; a filter is an offset only in narrow bands
    assert np.abs(rows(LogMel(20, 1_000.0), louder) - rows(LogMel(20, 1_000.0)))[:30].max() > 2


def test_silence_is_unchanged():
    silence = rows(Centered(), np.zeros(16_000, np.float32))
    np.testing.assert_allclose(silence, rows(LogMel(), np.zeros(16_000, np.float32)), atol=1e-4)


def test_has_the_channels_of_its_feature_and_streams_only_with_a_time_constant():
    centered = Centered(of=MFCC(n_mfcc=20))
    assert (centered.channels, centered.whole_utterance, centered.recursive, centered.host) == (20, True, False, False)
    causal = Centered(time_constant=1.0)
    assert (causal.whole_utterance, causal.recursive) == (False, True)
    with pytest.raises(ValueError, match="Nyquist"):
        Centered(of=MFCC(fmax=9_000.0)).check(FRAMING)
