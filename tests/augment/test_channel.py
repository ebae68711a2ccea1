"""Gain, reverberation, filter, interference and background noise have the effect and the range of their fields."""

import numpy as np
import pytest
import soundfile

from aersut.augment import Background, BandLimit, Gain, Interference, Reverb, Room, background
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


def energy(samples):
    return float(np.sum(np.square(samples, dtype=np.float64)))


class TestRoom:
    @pytest.fixture
    def folder(self, tmp_path):
        """Direct sound after 10 ms, and reflections of 0.5 and 0.1 of its amplitude 20 and 100 ms later."""
        response = np.zeros(RATE)
        response[160], response[160 + 320], response[160 + 1600] = 0.8, 0.4, 0.08
        soundfile.write(tmp_path / "hall.wav", response, RATE, subtype="FLOAT")
        return tmp_path

    def click(self):
        click = np.zeros(RATE, np.float32)
        click[1000] = 0.5
        return click

    def test_aligns_the_direct_sound_and_scales_the_late_part_to_the_clarity(self, folder, apply):
        reverberant = apply(Room(str(folder), clarity_db=(10.0, 10.0), probability=1.0), self.click(), sample_rate=RATE)
        direct, early, late = reverberant[[1000, 1320, 2600]]
        assert early / direct == pytest.approx(0.5, rel=1e-3)
        assert 10 * np.log10((direct**2 + early**2) / late**2) == pytest.approx(10, abs=0.01)
        others = np.delete(reverberant, [1000, 1320, 2600])
        assert np.abs(others).max() < 1e-5

    def test_keeps_the_power_of_the_window(self, folder, apply):
        changed = apply(Room(str(folder), probability=1.0), VOICE, 10, RATE)
        np.testing.assert_allclose(np.sum(np.square(changed), axis=1), energy(VOICE), rtol=1e-3)

    def test_draws_the_clarity_and_the_file(self, folder, apply):
        response = np.zeros(4000)
        response[0], response[400] = 0.5, -0.25
        soundfile.write(folder / "small.flac", response, RATE)
        changed = apply(Room(str(folder), clarity_db=(0.0, 20.0), probability=1.0), self.click(), 100, RATE)
        first = np.abs(changed[:, 1400]) > 1e-3  # of the file without a late part
        np.testing.assert_allclose(changed[first, 1400] / changed[first, 1000], -0.5, atol=1e-3)
        assert 30 < np.count_nonzero(first) < 70
        rest = changed[~first]
        clarity = 10 * np.log10(1.25 * rest[:, 1000] ** 2 / rest[:, 2600] ** 2)
        assert (0 <= clarity.min() < 3, 17 < clarity.max() <= 20.01) == (True, True)

    def test_resamples_an_impulse_response(self, tmp_path, apply):
        response = np.zeros(4000)
        response[[800, 1600]] = 0.8, 0.4
        soundfile.write(tmp_path / "hall.wav", response, 8_000, subtype="FLOAT")
        reverberant = apply(Room(str(tmp_path), probability=1.0), self.click(), sample_rate=RATE)
        assert np.abs(reverberant).argmax() == 1000
        assert 2000 + np.abs(reverberant[2000:]).argmax() == 2600  # 100 ms

    def test_its_fingerprint_depends_on_the_contents_of_the_files(self, folder):
        before = Room(str(folder)).fingerprint()
        assert before == Room(str(folder)).fingerprint()
        soundfile.write(folder / "c.wav", np.full(100, 0.1), RATE)
        assert Room(str(folder)).fingerprint() != before

    def test_a_folder_without_impulse_responses_or_with_a_broken_one_is_refused(self, tmp_path, apply):
        with pytest.raises(UserError, match=r"augmenter room: no \.wav or \.flac under .*set its folder"):
            apply(Room(str(tmp_path)), VOICE)
        (tmp_path / "a.wav").write_text("not audio")
        with pytest.raises(UserError, match=r"augmenter room: .*a\.wav cannot be decoded.*Remove it"):
            apply(Room(str(tmp_path)), VOICE)

    def test_measured_impulse_responses(self, real_data, apply):
        folder = real_data / "noise-rir" / "rir"
        if not folder.is_dir():
            pytest.skip("no measured impulse responses")
        changed = apply(Room(str(folder), probability=1.0), VOICE, 20, RATE)
        np.testing.assert_allclose(np.sum(np.square(changed), axis=1), energy(VOICE), rtol=1e-3)
        assert (np.std(changed[:, 12_000:], axis=1) > 0).all()  # a tail after the voice


class TestInterference:
    def test_hum_has_its_level_and_harmonics_and_half_of_it_60_hz(self, apply):
        hum = Interference(offset=0.0, hum_db=(-40.0, -40.0), probability=1.0)
        added = apply(hum, np.zeros(RATE, np.float32), 100, RATE)
        np.testing.assert_allclose(10 * np.log10(np.mean(np.square(added), axis=1)), -40, atol=0.01)
        amplitudes = np.abs(np.fft.rfft(added)) / (RATE / 2)  # 1 Hz per bin
        loudest = amplitudes.argmax(axis=1)
        assert set(loudest) == {50, 60}
        assert 30 < np.count_nonzero(loudest == 50) < 70
        for one, first in zip(amplitudes[:5], loudest[:5], strict=True):
            np.testing.assert_allclose(one[first * np.arange(1, 7)] / one[first], 1 / np.arange(1, 7), rtol=1e-2)
            assert one[first * 7] < 1e-5

    def test_offset_covers_both_directions(self, apply):
        steady = Interference(offset=0.1, hum_db=(-120.0, -120.0), probability=1.0)
        offsets = np.mean(apply(steady, VOICE, 200, RATE) - VOICE, axis=1)
        assert -0.1 <= offsets.min() < -0.09
        assert 0.09 < offsets.max() <= 0.1

    @pytest.mark.parametrize("sample_rate", [8_000, 11_025, 22_050])
    def test_hum_is_continuous_at_any_rate(self, apply, sample_rate):
        hum = Interference(offset=0.0, hum_db=(-10.0, -10.0), probability=1.0)
        added = apply(hum, np.zeros(3 * sample_rate, np.float32), 4, sample_rate)
        steepest = np.abs(np.diff(added, axis=1)).max()
        assert steepest < 0.45 * 2 * np.pi * 60 * 6 / sample_rate * 2  # no jump where the period repeats
        np.testing.assert_allclose(added[:, :sample_rate], added[:, sample_rate : 2 * sample_rate], atol=1e-6)

    def test_has_no_harmonics_above_half_the_sample_rate(self, apply):
        hum = Interference(offset=0.0, hum_db=(-20.0, -20.0), probability=1.0)
        power = np.abs(np.fft.rfft(apply(hum, np.zeros(250, np.float32), 8, 250))) ** 2  # 1 Hz per bin
        for one in power:
            first = one.argmax()
            assert first in (50, 60)
            assert np.delete(one, [first, 2 * first]).max() < 1e-6 * one.max()

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"offset": 1.0}, "offset must be 0 or more and below 1"),
            ({"hum_db": (-20.0, -40.0)}, "hum_db must be .lowest, highest."),
        ],
    )
    def test_refuses_invalid_fields(self, fields, message):
        with pytest.raises(ValueError, match=message):
            Interference(**fields)


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

    def test_every_recording_is_used_of_more_than_fits(self, tmp_path, apply, monkeypatch):
        monkeypatch.setattr(background, "MAX_SECONDS", 4)
        for name, hertz in (("a", 500), ("b", 3000)):
            tone = 0.3 * np.sin(2 * np.pi * hertz / RATE * np.arange(10 * RATE))
            soundfile.write(tmp_path / f"{name}.wav", tone, RATE)
        changed = apply(Background(str(tmp_path), probability=1.0), VOICE, 20, sample_rate=RATE)
        strongest = np.argmax(np.abs(np.fft.rfft(np.asarray(changed) - VOICE)), axis=-1) * RATE / len(VOICE)
        assert {500, 3000} <= set(strongest.round())

    def test_of_a_large_folder_files_at_even_distances_are_used(self, tmp_path):
        for index in range(200):
            soundfile.write(tmp_path / f"{index:03}.wav", np.full(100, 0.1), RATE)
        names = [file.stem for file in Background(str(tmp_path)).recordings()]
        assert (len(names), names[0], names[-1]) == (64, "000", "199")
        before = Background(str(tmp_path)).fingerprint()
        soundfile.write(tmp_path / f"{names[30]}.wav", np.full(200, 0.1), RATE)
        assert Background(str(tmp_path)).fingerprint() != before

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

    def test_reports_a_broken_link(self, tmp_path, apply):
        (tmp_path / "a.wav").symlink_to(tmp_path / "nowhere")
        for use in (lambda: apply(Background(str(tmp_path)), VOICE), Background(str(tmp_path)).fingerprint):
            with pytest.raises(UserError, match=r"augmenter background: .*a\.wav cannot be read.*Remove it"):
                use()

    def test_of_a_missing_folder_ends_a_training_with_status_2(self, launch, tiny, tmp_path):
        ran = launch(
            f"--experiment={tiny}", f"--workdir={tmp_path / 'run'}", "--mode=train",
            "--experiment.augment=background", "--experiment.augment.0.folder=/nowhere",
        )  # fmt: skip
        assert ran.status == 2
        assert "augmenter background: no .wav or .flac under /nowhere" in ran.err
