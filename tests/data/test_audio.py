"""Preparation of clips: resampling, DC offset, trimming, windows and 16 bits."""

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from aersut.data.audio import (
    ClipError,
    Recording,
    cleaned,
    crop_or_pad,
    decode,
    read_recording,
    resample,
    to_int16,
    trim,
)
from tests.data.audio_files import tone, written


class TestResampling:
    @pytest.mark.parametrize("origin", [8_000, 24_414, 44_100, 48_000, 96_000])
    @pytest.mark.parametrize("target", [16_000, 22_050])
    def test_equals_librosa_with_soxr_at_high_quality(self, tmp_path, origin, target):
        rng = np.random.default_rng(0)
        path = written(tmp_path / "a.wav", 0.1 * rng.standard_normal(origin // 4), origin, subtype="FLOAT")
        samples = soundfile.read(path, dtype="float32")[0]
        expected = librosa.resample(samples - samples.mean(), orig_sr=origin, target_sr=target)
        decoded = decode(path, target)
        assert decoded.dtype == np.float32
        assert abs(len(decoded) - 0.25 * target) <= 1
        np.testing.assert_allclose(decoded[: len(expected)], expected[: len(decoded)], atol=1e-6)

    def test_keeps_a_tone_and_removes_frequencies_above_the_new_nyquist_frequency(self, tmp_path):
        both = tone(1, 96_000, 1000) + tone(1, 96_000, 20_000)
        decoded = decode(written(tmp_path / "a.wav", both / 2, 96_000, subtype="FLOAT"), 16_000)
        middle = slice(2000, 14_000)
        np.testing.assert_allclose(decoded[middle], (tone(1, 16_000, 1000) / 2)[middle], atol=1e-4)

    def test_of_a_clip_too_short_for_one_sample_is_refused(self):
        with pytest.raises(ClipError, match="is too short: 1 samples, of which none remains at 16000 Hz"):
            resample(Recording(np.full(1, 0.5, np.float32), 48_000), 16_000)

    def test_to_the_same_rate_changes_nothing(self, tmp_path):
        recording = read_recording(written(tmp_path / "a.wav"))
        np.testing.assert_array_equal(resample(recording, 16_000), recording.samples)


@st.composite
def utterances(draw):
    """Segments of noise at different levels, too long for a click."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = st.sampled_from([0.0, 1e-5, 1e-3, 3e-3, 1e-2, 0.1, 0.5])
    stretches = draw(st.lists(st.tuples(levels, st.integers(4000, 8000)), min_size=1, max_size=5))
    return np.concatenate([level * rng.uniform(-1, 1, length) for level, length in stretches]).astype(np.float32)


class TestDCOffset:
    @pytest.mark.parametrize("offset", [0.01, -0.2])
    def test_is_removed_before_silence_is_trimmed(self, offset):
        silence = np.zeros(16_000, np.float32)
        samples = np.concatenate([silence, tone(0.5), silence]).astype(np.float32)
        without = cleaned(Recording(samples, 16_000), 40).samples
        found = cleaned(Recording(samples + np.float32(offset), 16_000), 40).samples
        assert len(without) < len(samples)
        np.testing.assert_allclose(found, without, atol=1e-6)

    def test_of_less_than_a_step_leaves_the_samples_as_they_are(self):
        samples = tone(0.1) + np.float32(0.9 / 32768)
        assert cleaned(Recording(samples, 16_000), None).samples is samples

    def test_of_a_clip_in_the_store_is_removed(self, tmp_path):
        wave = 0.1 * np.sin(np.arange(16_000) / 10)
        soundfile.write(tmp_path / "plain.wav", wave, 16_000)
        soundfile.write(tmp_path / "offset.wav", wave + 0.01, 16_000)
        plain, shifted = (decode(tmp_path / name, 16_000, 40) for name in ("plain.wav", "offset.wav"))
        np.testing.assert_allclose(plain, shifted, atol=2 / 32768)


class TestTrimming:
    @settings(deadline=None, max_examples=60)
    @given(utterances(), st.sampled_from([10.0, 25.0, 40.0, 60.0]))
    def test_equals_librosa(self, samples, top_db):
        kept = trim(Recording(samples, 22_050), top_db).samples
        np.testing.assert_array_equal(kept, librosa.effects.trim(samples, top_db=top_db)[0])

    def test_keeps_a_short_sound_at_the_end(self):
        sound = 0.1 * np.random.default_rng(0).uniform(-1, 1, 4_000)  # 0.18 s
        samples = np.concatenate([np.zeros(6_700), sound]).astype(np.float32)
        kept = trim(Recording(samples, 22_050), 10).samples
        np.testing.assert_array_equal(kept, librosa.effects.trim(samples, top_db=10)[0])

    @pytest.mark.parametrize(("sample_rate", "hop"), [(8_000, 186), (16_000, 372), (48_000, 1115), (96_000, 2229)])
    def test_equals_librosa_with_frames_of_equal_duration(self, sample_rate, hop):
        rng = np.random.default_rng(0)
        levels = np.repeat([1e-4, 0.5, 1e-3, 0.2, 1e-4], sample_rate // 3)
        samples = (levels * rng.uniform(-1, 1, len(levels))).astype(np.float32)
        expected = librosa.effects.trim(samples, top_db=40, frame_length=4 * hop, hop_length=hop)[0]
        assert len(expected) < len(samples)
        np.testing.assert_array_equal(trim(Recording(samples, sample_rate), 40).samples, expected)

    def test_removes_leading_and_trailing_silence_only(self):
        silence = np.zeros(16_000, np.float32)
        samples = np.concatenate([silence, tone(0.5), silence, tone(0.5), silence])
        kept = trim(Recording(samples, 16_000), 40).samples
        assert 32_000 <= len(kept) <= 32_000 + 2 * 4 * 372  # to the frame
        assert np.abs(kept).sum() == pytest.approx(np.abs(samples).sum())

    def test_cuts_a_clip_and_its_resampled_copy_at_the_same_frames(self, tmp_path):
        rng = np.random.default_rng(0)
        samples = np.pad(0.3 * rng.standard_normal(30_000), 20_000)
        high = written(tmp_path / "high.wav", librosa.resample(samples, orig_sr=16_000, target_sr=48_000), 48_000)
        low = written(tmp_path / "low.wav", samples, 16_000)
        assert (
            abs(len(decode(high, 16_000, 40)) - len(decode(low, 16_000, 40))) <= 40
        )  # a hop is a whole number of samples

    @pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
    @pytest.mark.parametrize("seconds", [0.001, 0.02, 0.1])
    def test_of_quiet_speech_ignores_a_click(self, rate, seconds):
        rng = np.random.default_rng(0)
        speech = 0.004 * rng.uniform(-1, 1, rate)
        silence = 1e-5 * rng.uniform(-1, 1, rate // 2)
        expected = trim(Recording(np.concatenate([silence, speech, silence]).astype(np.float32), rate), 40)
        click = rng.uniform(-1, 1, round(seconds * rate)) * min(1, 0.04 / seconds)
        before = np.concatenate([silence, click, silence, speech, silence]).astype(np.float32)
        kept = trim(Recording(before, rate), 40)
        assert kept.start == pytest.approx(1 + seconds, abs=0.1)
        assert kept.seconds == pytest.approx(expected.seconds, abs=0.1)
        behind = trim(Recording(before[::-1], rate), 40)
        assert behind.start == pytest.approx(0.5, abs=0.1)
        assert behind.seconds == pytest.approx(expected.seconds, abs=0.1)

    def test_has_the_position_of_its_first_sample(self):
        silence = np.zeros(16_000, np.float32)
        kept = trim(Recording(np.concatenate([silence, tone(1.0)]), 16_000, start=2.0), 40)
        assert kept.start == 2 + (32_000 - len(kept.samples)) / 16_000

    @pytest.mark.parametrize("length", [1, 511, 2048, 5000])
    def test_keeps_a_silent_clip_whole(self, length):
        assert len(trim(Recording(np.zeros(length, np.float32), 22_050), 40).samples) == length


class TestCropOrPad:
    @settings(deadline=None)
    @given(st.integers(0, 50), st.integers(1, 50), st.sampled_from(["start", "center", "random"]), st.integers(0, 9))
    def test_gives_the_window_its_length_and_keeps_samples_in_order(self, size, length, where, seed):
        samples = np.arange(1, size + 1, dtype=np.int16)
        window = crop_or_pad(samples, length, where, np.random.default_rng(seed))
        assert window.shape == (length,)
        assert window.dtype == np.int16
        kept = window[window > 0]
        assert len(kept) == min(size, length)
        assert (np.diff(kept) == 1).all()
        assert (np.diff(np.flatnonzero(window)) == 1).all()

    def test_keeps_the_start_or_the_centre(self):
        samples = np.arange(1, 8)
        assert crop_or_pad(samples, 3, "start").tolist() == [1, 2, 3]
        assert crop_or_pad(samples, 3, "center").tolist() == [3, 4, 5]
        assert crop_or_pad(samples[:3], 7, "start").tolist() == [1, 2, 3, 0, 0, 0, 0]
        assert crop_or_pad(samples[:3], 7, "center").tolist() == [0, 0, 1, 2, 3, 0, 0]

    def test_at_random_is_anywhere_and_the_centre_in_evaluation(self):
        samples, rng = np.arange(1, 8), np.random.default_rng(0)
        assert {crop_or_pad(samples, 3, "random", rng)[0] for _ in range(200)} == {1, 2, 3, 4, 5}
        assert {int(np.argmax(crop_or_pad(samples[:3], 7, "random", rng) == 1)) for _ in range(200)} == {0, 1, 2, 3, 4}
        assert crop_or_pad(samples, 3, "random").tolist() == crop_or_pad(samples, 3, "center").tolist()

    def test_at_random_is_the_same_for_the_same_generator(self):
        windows = [crop_or_pad(np.arange(1000), 10, "random", np.random.default_rng(7)).tolist() for _ in range(2)]
        assert windows[0] == windows[1]


class TestSixteenBits:
    @settings(deadline=None)
    @given(st.lists(st.integers(-32768, 32767), min_size=1))
    def test_reproduce_every_16_bit_sample(self, samples):
        exact = np.array(samples, np.int16)
        np.testing.assert_array_equal(to_int16(exact.astype(np.float32) / 32768), exact)

    def test_clip_overshoot_of_the_resampler(self):
        assert to_int16(np.array([1.0, 1.5, -1.0, -1.5], np.float32)).tolist() == [32767, 32767, -32768, -32768]

    @settings(deadline=None)
    @given(st.floats(-1, 0.9375, width=32, allow_subnormal=False))
    def test_have_an_error_of_half_a_step_at_most(self, sample):
        assert abs(to_int16(np.array([sample], np.float32))[0] / 32768 - sample) <= 0.5 / 32768 + 1e-9
