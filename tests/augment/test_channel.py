"""Gain, reverberation, band-pass filter and background noise have the effect and the range of their fields."""

import numpy as np
import pytest
import soundfile

from aersut.augment import Background, BandLimit, Gain, Reverb
from aersut.errors import UserError

RATE = 16_000
VOICE = (0.2 * np.sin(2 * np.pi * 200 / RATE * np.arange(RATE)) * (np.arange(RATE) < 12_000)).astype(np.float32)


def decibels(ratio):
    return 20 * np.log10(ratio)


class TestGain:
    def test_covers_its_range(self, apply):
        changed = apply(Gain(db=(-12.0, 6.0), probability=1.0), VOICE, 60)
        gains = decibels(np.abs(changed).max(axis=1) / np.abs(VOICE).max())
        assert -12.1 < gains.min() < -10
        assert 4 < gains.max() < 6.1
        np.testing.assert_allclose(changed[0] / np.abs(changed[0]).max(), VOICE / np.abs(VOICE).max(), atol=1e-5)


class TestReverb:
    @pytest.mark.parametrize("seconds", [0.2, 0.5])
    def test_decays_by_60_db_in_the_reverberation_time(self, apply, seconds):
        click = np.zeros(RATE, np.float32)
        click[100] = 1
        reverb = Reverb(seconds=(seconds, seconds), direct_db=(0.0, 0.0), probability=1.0)
        reverberant = apply(reverb, click, sample_rate=RATE)
        tail = reverberant[101:]
        remaining = 10 * np.log10(np.cumsum(np.square(tail[::-1]))[::-1] / np.sum(np.square(tail)) + 1e-12)
        begin, end = np.argmax(remaining < -5), np.argmax(remaining < -35)
        assert (end - begin) / RATE * 2 == pytest.approx(seconds, rel=0.15)  # Schroeder's integral, twice 30 dB

    def test_keeps_the_direct_sound_and_has_the_direct_to_reverberant_ratio(self, apply):
        click = np.zeros(RATE, np.float32)
        click[100] = 1
        reverberant = apply(Reverb(direct_db=(6.0, 6.0), probability=1.0), click, sample_rate=RATE)
        assert reverberant[100] == pytest.approx(1, abs=1e-5)
        assert np.abs(reverberant[:100]).max() < 1e-5
        assert 10 * np.log10(1 / np.sum(np.square(reverberant[101:]))) == pytest.approx(6, abs=0.1)


class TestBandLimit:
    @pytest.mark.parametrize(
        ("hertz", "least", "most"),
        [(50, -70, -40), (300, -4, -2.5), (1000, -0.5, 0), (3400, -4, -2.5), (7500, -40, -20)],
    )
    def test_has_the_magnitude_response_of_butterworth_filters(self, apply, hertz, least, most):
        tone = np.sin(2 * np.pi * hertz / RATE * np.arange(2 * RATE)).astype(np.float32)
        telephone = BandLimit(low=(300.0, 300.0), high=(3400.0, 3400.0), probability=1.0)
        passed = apply(telephone, tone, sample_rate=RATE)[RATE // 2 : -RATE // 2]
        assert least <= decibels(np.std(passed) / np.std(tone)) <= most

    def test_has_zero_phase(self, apply):
        click = np.zeros(8000, np.float32)
        click[4000] = 1
        assert np.argmax(apply(BandLimit(probability=1.0), click, sample_rate=RATE)) == 4000

    def test_draws_its_edges(self, apply):
        hiss = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
        powers = np.var(apply(BandLimit(probability=1.0), hiss, 20, sample_rate=RATE), axis=1)
        assert powers.max() > 1.3 * powers.min()

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"low": (0.0, 100.0)}, "low must be above 0"),
            ({"low": (500.0, 4000.0)}, "high must be above 4000"),
            ({"order": 0}, "order must be at least 1"),
        ],
    )
    def test_refuses_an_empty_band(self, fields, message):
        with pytest.raises(ValueError, match=message):
            BandLimit(**fields)


class TestBackground:
    @pytest.fixture
    def folder(self, tmp_path):
        rng = np.random.default_rng(0)
        (tmp_path / "street").mkdir()
        soundfile.write(tmp_path / "street" / "a.wav", 0.1 * rng.standard_normal(RATE), RATE)
        soundfile.write(tmp_path / "b.flac", 0.2 * rng.standard_normal(30_000), 8_000)
        return tmp_path

    def test_is_added_at_an_snr_within_the_range(self, folder, apply):
        added = apply(Background(str(folder), snr_db=(8.0, 12.0), probability=1.0), VOICE, 30, RATE) - VOICE
        ratios = 10 * np.log10(np.mean(np.square(VOICE)) / np.mean(np.square(added), axis=1))
        assert ratios.min() > 7.9
        assert ratios.max() < 12.1
        assert len({tuple(np.round(one[:20], 6)) for one in added}) > 20  # from different positions

    def test_is_repeated_if_it_is_shorter_than_the_window(self, tmp_path, apply):
        soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(1000), RATE)
        added = apply(Background(str(tmp_path), probability=1.0), VOICE, sample_rate=RATE) - VOICE
        np.testing.assert_allclose(added[:1000] / np.std(added), added[3000:4000] / np.std(added), atol=1e-3)

    def test_changes_nothing_if_the_segment_is_silent(self, tmp_path, apply):
        silence = np.zeros(3 * RATE)
        silence[-1] = 0.5  # a silent file would be refused
        soundfile.write(tmp_path / "a.wav", silence, RATE)
        changed = apply(Background(str(tmp_path), probability=1.0), VOICE, 10, RATE)
        np.testing.assert_array_equal(changed, np.broadcast_to(VOICE, changed.shape))

    def test_a_changed_file_is_read_again(self, tmp_path, apply):
        peaks = []
        for hertz in (500, 3000):
            soundfile.write(tmp_path / "a.wav", 0.3 * np.sin(2 * np.pi * hertz / RATE * np.arange(2 * RATE)), RATE)
            added = apply(Background(str(tmp_path), probability=1.0), VOICE, sample_rate=RATE) - VOICE
            peaks.append(np.argmax(np.abs(np.fft.rfft(added))))
        assert peaks == [500, 3000]

    def test_its_fingerprint_depends_on_the_contents_of_the_files(self, folder):
        before = Background(str(folder)).fingerprint()
        assert before == Background(str(folder)).fingerprint()
        soundfile.write(folder / "c.wav", np.full(100, 0.1), RATE)
        assert Background(str(folder)).fingerprint() != before

    def test_without_recordings_is_refused(self, tmp_path, apply):
        with pytest.raises(UserError, match=r"augmenter background: no \.wav or \.flac under .*set its folder"):
            apply(Background(str(tmp_path / "nowhere")), VOICE)

    def test_reports_a_broken_recording(self, tmp_path, apply):
        (tmp_path / "a.wav").write_text("not audio")
        with pytest.raises(UserError, match=r"a\.wav cannot be decoded.*Remove it"):
            apply(Background(str(tmp_path)), VOICE)

    def test_of_a_missing_folder_ends_a_training_with_status_2(self, launch, tiny, tmp_path):
        ran = launch(
            f"--experiment={tiny}", f"--workdir={tmp_path / 'run'}", "--mode=train",
            "--experiment.augment=background", "--experiment.augment.0.folder=/nowhere",
        )  # fmt: skip
        assert ran.status == 2
        assert "augmenter background: no .wav or .flac under /nowhere" in ran.err
