"""Pitch shift changes the pitch and not the duration, as librosa does."""

import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from aersut.augment import PitchShift
from aersut.augment.pitch_shift import BLOCK, resampled
from aersut.data.audio import crop_or_pad, decode

RATE = 22_050


@pytest.mark.parametrize("semitones", [-12.0, -3.0, -1.0, 0.0, 0.5, 2.0, 3.0, 12.0])
def test_changes_the_pitch_and_keeps_the_duration(sung, apply, semitones, pitch, seconds):
    changed = apply(PitchShift(semitones=(semitones, semitones), probability=1.0), sung)
    rounding = 0.14 if semitones == -12 else 0.07
    assert abs(pitch(changed) - pitch(sung) - semitones) < rounding + 0.03
    assert seconds(changed) == pytest.approx(seconds(sung), abs=0.05)


@pytest.mark.parametrize("semitones", [-3.0, 3.0])
def test_of_real_speech_has_the_pitch_and_duration_of_librosa(real_data, apply, semitones, pitch, seconds):
    exact = 12 * np.log2(round(BLOCK * 2 ** (semitones / 12)) / BLOCK)
    for file in sorted(real_data.rglob("03-01-05-01-01-01-0[1-5].*"))[:3]:
        speech = crop_or_pad(decode(file, RATE, 40.0), 3 * RATE, "start")
        changed = apply(PitchShift(semitones=(semitones, semitones), probability=1.0), speech)
        theirs = librosa.effects.pitch_shift(speech, sr=RATE, n_steps=exact)
        assert abs(pitch(changed) - pitch(theirs)) < 0.10
        assert seconds(changed) == pytest.approx(seconds(theirs), abs=0.05)
        ours, other = (librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=RATE)) for y in (changed, theirs))
        assert np.median(np.abs(ours - other)) < 0.5  # dB


def test_shifts_cover_the_range(sung, apply, pitch):
    shifts = [pitch(one) - pitch(sung) for one in apply(PitchShift(probability=1.0), sung, 24)]
    assert -3.1 < min(shifts) < -1.5
    assert 1.5 < max(shifts) < 3.1


@pytest.mark.parametrize("step", [108, 128, 152])
def test_resampling_keeps_a_tone_and_its_level(step):
    times = np.arange(4 * RATE)
    tone = np.sin(2 * np.pi * 1000 / RATE * times).astype(np.float32)
    found = np.asarray(resampled(jnp.asarray(tone), jnp.int32(step), 152, RATE))
    expected = np.sin(2 * np.pi * 1000 / RATE * np.arange(RATE) * step / BLOCK)
    np.testing.assert_allclose(found[100:-100], expected[100:-100], rtol=0, atol=2e-3)


def test_resampling_has_no_aliasing():
    tone = np.sin(2 * np.pi * 10_800 / RATE * np.arange(4 * RATE)).astype(np.float32)
    found = np.asarray(
        resampled(jnp.asarray(tone), jnp.int32(192), 192, RATE)
    )  # 16,200 Hz, which would alias to 5,850 Hz
    assert np.abs(found[100:-100]).max() < 0.02


@pytest.mark.parametrize("length", [1, 127, 128, 5000])
def test_any_length(length, apply):
    samples = np.random.default_rng(0).uniform(-1, 1, length).astype(np.float32)
    assert apply(PitchShift(probability=1.0), samples).shape == (length,)


@pytest.mark.parametrize(
    ("semitones", "message"), [((3.0, -3.0), "must be .lowest, highest."), ((-13.0, 0.0), "between -12 and 12")]
)
def test_an_invalid_range_is_refused(semitones, message):
    with pytest.raises(ValueError, match=message):
        PitchShift(semitones=semitones)
