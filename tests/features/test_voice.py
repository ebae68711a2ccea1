"""f0 and voicing of signals with known pitch, eGeMAPS against openSMILE, and the validation of both."""

import sys

import jax.numpy as jnp
import numpy as np
import opensmile
import pytest

from aersut import matrices
from aersut.contracts import Framing
from aersut.features import F0, EGeMAPS, LogMel, Signal, SpectralCentroid, SpectralFlatness

FRAMING = Framing(sample_rate=16_000, seconds=1.0, frame_length=1024, hop_length=256)


def harmonics(hertz, seconds=1.0):
    """A voiced signal without noise: ten harmonics."""
    times = np.arange(round(16_000 * seconds)) / 16_000
    return 0.2 * sum(np.sin(2 * np.pi * hertz * k * times) / k for k in range(1, 11)).astype(np.float32)


@pytest.mark.parametrize("hertz", [80.0, 123.4, 220.0, 441.0])
def test_f0_of_harmonics_is_their_pitch_and_they_are_voiced(hertz):
    rows = np.asarray(F0()(Signal(jnp.asarray(harmonics(hertz)), FRAMING)))[3:-3]
    assert np.abs(12 * np.log2(rows[:, 0] / hertz)).max() < 0.1  # ten cents
    # librosa's difference function tapers with the lag, so a periodic frame is below 1 too
    assert rows[:, 1].min() > 0.7


def test_noise_has_low_voicing_and_silence_has_none():
    hiss = np.random.default_rng(0).uniform(-0.3, 0.3, 16_000).astype(np.float32)
    assert np.asarray(F0()(Signal(jnp.asarray(hiss), FRAMING)))[:, 1].mean() < 0.35
    silent = np.asarray(F0()(Signal(jnp.zeros(16_000), FRAMING)))
    assert (silent[:, 1] == 0).all()
    assert np.isfinite(silent).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: F0(fmin=0.0), "fmin must be above 0 and fmax above fmin, got 0.0"),
        (lambda: F0(fmin=300.0, fmax=200.0), "fmin must be above 0 and fmax above fmin"),
        (lambda: F0(threshold=1.5), "threshold must be between 0 and 1, got 1.5"),
        (lambda: F0(fmax=9_000.0).check(FRAMING), "fmax 9000.0 is above the Nyquist frequency, 8000 Hz"),
        (lambda: F0(fmin=10.0).check(FRAMING), "a frame of 1024 samples is shorter than a period of fmin, 10.0 Hz"),
        (lambda: EGeMAPS().check(Framing(16_000, 0.05, 512, 160)), "egemaps needs windows of 0.1 s or more"),
        (lambda: LogMel(top_db=0.0), "top_db must be above 0, or none, got 0.0"),
    ],
)
def test_values_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("rate", [16_000, 22_050])  # openSMILE's rows are 160 and 221 samples apart
@pytest.mark.parametrize(
    ("change", "descriptors"),
    [
        ("loudness", ["Loudness_sma3"]),
        ("pitch", ["F0semitoneFrom27.5Hz_sma3nz"]),
        ("noise", ["HNRdBACF_sma3nz"]),
        ("tilt", ["alphaRatio_sma3", "logRelF0-H1-A3_sma3nz", "F3amplitudeLogRelF0_sma3nz"]),
    ],
)
def test_egemaps_changes_in_the_frame_whose_center_is_where_the_sound_changes(change, descriptors, rate):
    seconds, at = 10.0, 8.5
    times = np.arange(round(seconds * rate)) / rate
    after = times >= at
    phase = 2 * np.pi * np.cumsum(np.where(after & (change == "pitch"), 180.0, 130.0)) / rate
    rising = after & (change == "tilt")
    voice = sum(np.sin(k * phase + k) * np.where(rising & (k > 15), 0.2, 1 / k) for k in range(1, 40))
    voice *= np.where(after & (change == "loudness"), 3, 1)
    noise = np.random.default_rng(0).standard_normal(len(times)) * np.where(after & (change == "noise"), 0.2, 0.001)
    framing = Framing(rate, seconds, 1024, rate // 200)
    rows = EGeMAPS()(Signal((0.03 * (voice + noise)).astype(np.float32), framing))
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
    centers = framing.hop_length * np.arange(framing.frames) / rate
    assert rows.shape == (framing.frames, 25)
    for name in descriptors:
        column = rows[:, smile.feature_names.index(name)]
        before = np.median(column[(centers > at - 0.6) & (centers < at - 0.2)])
        changed = np.median(column[(centers > at + 0.2) & (centers < at + 0.6)])
        near = np.flatnonzero(np.abs(centers - at) < 0.1)
        found = centers[near[(column[near] - before) / (changed - before) > 0.5][0]]
        assert abs(found - at) < 0.009, f"{name} changes at {found:.3f} s"  # half a row, half a frame, smoothing


def test_egemaps_has_the_values_of_opensmile():
    voice = harmonics(150.0)
    rows = EGeMAPS()(Signal(voice, FRAMING))
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
    table = smile.process_signal(voice, 16_000)
    loudness, pitch, jitter = (
        list(table.columns).index(name)
        for name in ("Loudness_sma3", "F0semitoneFrom27.5Hz_sma3nz", "jitterLocal_sma3nz")
    )
    for frame in (0, 10, 30):
        for column, center in ((loudness, 10), (pitch, 30), (jitter, 0)):
            row = max(0, min(round((frame * 16 - center) / 10), len(table) - 1))
            np.testing.assert_allclose(rows[frame, column], table.to_numpy(np.float32)[row, column], rtol=1e-5)
    assert np.abs(rows[10:50, pitch] - 12 * np.log2(150 / 27.5)).max() < 0.2


def test_the_error_for_missing_opensmile_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(ValueError, match=r"pip install 'aersut\[opensmile\]'"):
        EGeMAPS().check(FRAMING)


def test_spectral_flatness_and_centroid_of_a_tone_and_of_noise():
    tone = 0.3 * np.sin(2 * np.pi * 1000 / 16_000 * np.arange(16_000)).astype(np.float32)
    hiss = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    flat = [float(jnp.mean(SpectralFlatness()(Signal(jnp.asarray(x), FRAMING))[4:-4])) for x in (tone, hiss)]
    assert flat[0] < 0.01
    assert 0.4 < flat[1] < 0.7
    middle = np.asarray(SpectralCentroid()(Signal(jnp.asarray(tone), FRAMING)))[4:-4]
    np.testing.assert_allclose(middle, 1000, atol=5)


def test_empty_mel_bands_raise_a_warning_as_in_librosa():
    with pytest.warns(UserWarning, match=r"\d+ of 128 mel bands are empty.*62\.5 Hz: use fewer bands or a longer fr"):
        matrices.mel_filters(16_000, 256, 128, 0.0, None)
