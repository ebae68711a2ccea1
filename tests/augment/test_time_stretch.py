"""Time stretch changes the tempo and not the pitch, as librosa's phase vocoder does."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from aersut.augment import TimeStretch, phase_vocoder
from aersut.data.audio import crop_or_pad, decode

RATE = 22_050

stretch = jax.jit(phase_vocoder.stretch, static_argnums=2)
RATES = (0.8, 0.93, 1.0, 1.1, 1.2)


@pytest.mark.parametrize("rate", RATES)
def test_equals_librosas_phase_vocoder(sung, rate):
    # double precision: librosa accumulates angles of thousands of turns, too many for single precision
    expected = librosa.effects.time_stretch(sung.astype(np.float64), rate=rate)
    ours = np.asarray(stretch(jnp.asarray(sung), jnp.float32(rate), len(sung)))
    whole = min(len(expected), len(sung)) - 1024
    np.testing.assert_allclose(ours[:whole], expected[:whole], rtol=0, atol=1e-4)


@pytest.mark.parametrize("rate", RATES)
def test_keeps_the_pitch_and_changes_the_duration(sung, apply, rate, pitch, seconds):
    changed = apply(TimeStretch(rate=(rate, rate), probability=1.0), sung)
    assert abs(pitch(changed) - pitch(sung)) < 0.10  # ten cents
    assert seconds(changed) == pytest.approx(seconds(sung) / rate, abs=0.05)


@pytest.mark.parametrize("rate", [0.8, 1.2])
def test_of_real_speech_has_the_pitch_and_duration_of_librosa(real_data, apply, rate, pitch, seconds):
    files = sorted(real_data.rglob("03-01-05-01-01-01-0[1-5].*"))[:3]
    assert files
    for file in files:
        speech = crop_or_pad(decode(file, RATE, 40.0), 3 * RATE, "start")
        changed = apply(TimeStretch(rate=(rate, rate), probability=1.0), speech)
        theirs = librosa.effects.time_stretch(speech, rate=rate)[: 3 * RATE]
        assert abs(pitch(changed) - pitch(theirs)) < 0.10
        assert seconds(changed) == pytest.approx(seconds(theirs), abs=0.05)
        ours, other = (librosa.feature.melspectrogram(y=y[:60_000], sr=RATE) for y in (changed, theirs))
        frames = min(ours.shape[1], other.shape[1])
        close = librosa.power_to_db(ours[:, :frames]) - librosa.power_to_db(other[:, :frames])
        assert np.median(np.abs(close)) < 0.5  # dB


def test_rates_cover_the_range(sung, apply, seconds):
    found = [seconds(sung) / seconds(one) for one in apply(TimeStretch(rate=(0.8, 1.2), probability=1.0), sung, 24)]
    assert 0.77 < min(found) < 0.9
    assert 1.1 < max(found) < 1.23


def test_a_slower_clip_is_cut_and_a_faster_one_is_padded_with_silence(apply):
    full = 0.3 * np.sin(2 * np.pi * 300 / RATE * np.arange(RATE)).astype(np.float32)
    slower, faster = (apply(TimeStretch(rate=(rate, rate), probability=1.0), full) for rate in (0.8, 1.2))
    assert slower.shape == faster.shape == full.shape
    assert np.abs(slower[-2000:]).max() > 0.2
    assert np.abs(faster[round(RATE / 1.2) + 2048 :]).max() < 1e-3


@pytest.mark.parametrize("length", [1, 100, 2047, 5000])
def test_any_length(length):
    samples = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, length), jnp.float32)
    changed = stretch(samples, jnp.float32(0.9), length)
    assert changed.shape == (length,)
    assert bool(jnp.isfinite(changed).all())


def test_has_a_finite_gradient_in_silence(sung):
    slope = jax.grad(lambda y: jnp.sum(jnp.square(stretch(y, jnp.float32(1.1), 8000))))
    for samples in (jnp.zeros(8000), jnp.asarray(sung[:8000])):
        assert bool(jnp.isfinite(slope(samples)).all())


@pytest.mark.parametrize("rate", [(0.0, 1.0), (-1.0, 1.0), (1.2, 0.8), (float("nan"), 1.0)])
def test_an_invalid_range_is_refused(rate):
    with pytest.raises(ValueError, match="rate must"):
        TimeStretch(rate=rate)
