"""Decoding of a clip: all formats have the same samples, damage is reported, and windows have the right length."""

import io
import os

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from aersut.data import audio
from aersut.data.audio import (
    ClipError,
    Recording,
    cleaned,
    crop_or_pad,
    decode,
    parse_recording,
    read_recording,
    read_utterance,
    resample,
    to_int16,
    trim,
)


def tone(seconds=0.25, sample_rate=16_000, frequency=440.0, amplitude=0.5):
    """A sine."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return (amplitude * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def written(path, samples=None, sample_rate=16_000, **options):
    """Write an audio file and return its path."""
    soundfile.write(path, tone() if samples is None else samples, sample_rate, **options)
    return path


def with_a_tag(wav):
    """A WAV file's bytes with a chunk of odd length before the samples."""
    longer = wav[:36] + b"LIST\5\0\0\0INFOa\0" + wav[36:]
    return longer[:4] + (len(longer) - 8).to_bytes(4, "little") + longer[8:]


def assert_agrees_with_libsndfile(wav):
    """A WAV file is decoded as by libsndfile, or refused if libsndfile refuses it or it is truncated."""
    try:
        recording, reason = parse_recording(wav), ""
    except ClipError as error:
        recording, reason = None, str(error)
    try:
        expected, sample_rate = soundfile.read(io.BytesIO(wav), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        assert recording is None
        return
    if recording:
        assert recording.sample_rate == sample_rate
        np.testing.assert_allclose(recording.samples, expected.mean(axis=1), atol=1e-6, rtol=0)
    else:
        unseekable = "cannot be decoded: frames must be specified for non-seekable files"  # one of its rarest formats
        assert reason.startswith("is truncated") or reason == unseekable or not len(expected)


def refused(path):
    """The reason why a file cannot be used."""
    with pytest.raises(ClipError) as caught:
        read_recording(path)
    return str(caught.value)


class TestReading:
    @pytest.mark.parametrize(
        ("suffix", "subtype", "tolerance"),
        [
            (".wav", "PCM_U8", 1 / 100),
            (".wav", "PCM_16", 1 / 30_000),
            (".wav", "PCM_24", 1e-6),
            (".wav", "PCM_32", 1e-6),
            (".wav", "FLOAT", 0),
            (".wav", "DOUBLE", 0),
            (".flac", "PCM_16", 1 / 30_000),
            (".flac", "PCM_24", 1e-6),
        ],
    )
    def test_gives_the_same_samples_for_every_format(self, tmp_path, suffix, subtype, tolerance):
        recording = read_recording(written(tmp_path / f"a{suffix}", subtype=subtype))
        assert recording.samples.dtype == np.float32
        assert recording.sample_rate == 16_000
        assert recording.seconds == 0.25
        np.testing.assert_allclose(recording.samples, tone(), atol=tolerance, rtol=0)

    @pytest.mark.parametrize("tag", ["", "LIST"])
    @pytest.mark.parametrize("channels", [1, 2])
    def test_of_16_bits_agrees_with_libsndfile_for_every_faulty_header(self, channels, tag):
        file = io.BytesIO()
        samples = np.random.default_rng(0).uniform(-1, 1, (20, channels))
        soundfile.write(file, samples, 16_000, format="WAV", subtype="PCM_16")
        content = bytearray(file.getvalue() if not tag else with_a_tag(file.getvalue()))
        data = content.index(b"data") + 8
        for offset in set(range(data)) - set(
            range(36, 36 + len(tag))
        ):  # libsndfile cannot skip unknown chunks of odd length
            for value in range(256):
                changed = bytes([*content[:offset], value, *content[offset + 1 :]])
                assert_agrees_with_libsndfile(changed)

    @pytest.mark.parametrize("length", [0, 1, 6, 2**31, 2**32 - 1])
    @pytest.mark.parametrize("size", [0, 8, 36, 2**31, 2**32 - 1])
    def test_of_16_bits_agrees_with_libsndfile_for_an_unfinished_file(self, tmp_path, size, length):
        content = bytearray(written(tmp_path / "a.wav", subtype="PCM_16").read_bytes())
        content[4:8] = size.to_bytes(4, "little")
        content[40:44] = length.to_bytes(4, "little")
        assert_agrees_with_libsndfile(bytes(content))

    def test_of_16_bits_has_the_channel_limit_of_libsndfile(self, tmp_path):
        content = bytearray(written(tmp_path / "a.wav", np.full(4000, 0.5), subtype="PCM_16").read_bytes())
        content[22:24] = (2000).to_bytes(2, "little")
        assert_agrees_with_libsndfile(bytes(content))

    def test_of_16_bits_does_not_call_libsndfile(self, tmp_path, monkeypatch):
        """The fast path returns the samples without libsndfile; the tests above pass without it, too."""
        content = written(tmp_path / "a.wav", subtype="PCM_16").read_bytes()
        expected, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
        monkeypatch.setattr(audio, "soundfile", None)
        np.testing.assert_array_equal(parse_recording(content).samples, expected)
        np.testing.assert_array_equal(parse_recording(with_a_tag(content)).samples, expected)

    def test_averages_channels(self, tmp_path):
        both = np.stack([tone(), 0.5 * tone()], axis=1)
        recording = read_recording(written(tmp_path / "a.wav", both, subtype="FLOAT"))
        np.testing.assert_allclose(recording.samples, 0.75 * tone(), atol=1e-7)

    def test_of_a_stereo_file_with_equal_channels_equals_the_mono_file(self, tmp_path):
        mono = read_recording(written(tmp_path / "mono.wav")).samples
        np.testing.assert_array_equal(
            read_recording(written(tmp_path / "a.wav", np.stack([tone()] * 2, 1))).samples, mono
        )

    def test_works_in_a_folder_whose_name_is_not_utf_8(self, tmp_path):
        folder = tmp_path / os.fsdecode(b"caf\xe9")
        try:
            folder.mkdir()
        except OSError:
            pytest.skip("this file system takes no such name")
        (folder / "a.wav").write_bytes(written(tmp_path / "a.wav").read_bytes())
        np.testing.assert_array_equal(
            read_recording(folder / "a.wav").samples, read_recording(tmp_path / "a.wav").samples
        )

    def test_has_the_fraction_of_samples_at_full_scale(self, tmp_path):
        samples = np.full(1000, 0.5, np.float32)
        samples[:100:2], samples[100:150] = 1, -1
        assert read_recording(written(tmp_path / "a.wav", samples, subtype="PCM_16")).clipped == 0.1
        assert read_recording(written(tmp_path / "b.wav")).clipped == 0


class TestUnusableFiles:
    def test_text_with_suffix_wav(self, tmp_path):
        (tmp_path / "a.wav").write_text("This is text, despite its name.")
        assert refused(tmp_path / "a.wav") == "cannot be decoded: Format not recognised."

    def test_empty_file(self, tmp_path):
        (tmp_path / "a.wav").write_bytes(b"")
        assert refused(tmp_path / "a.wav").startswith("cannot be decoded: ")

    def test_missing_file(self, tmp_path):
        assert refused(tmp_path / "gone.wav") == "cannot be read: No such file or directory"

    def test_folder(self, tmp_path):
        (tmp_path / "a.wav").mkdir()
        assert refused(tmp_path / "a.wav") == "cannot be read: Is a directory"

    @pytest.mark.parametrize("fraction", [0.001, 0.1, 0.5, 0.99])
    def test_truncated_wav(self, tmp_path, fraction):
        content = written(tmp_path / "a.wav").read_bytes()
        kept = 44 + round(fraction * (len(content) - 44))
        (tmp_path / "a.wav").write_bytes(content[:kept])
        assert refused(tmp_path / "a.wav") == (f"is truncated: its header announces {len(content) - kept:,} more bytes")

    def test_wav_truncated_after_its_samples(self, tmp_path):
        content = written(tmp_path / "a.wav").read_bytes()
        (tmp_path / "a.wav").write_bytes(content[:4] + (len(content) + 12).to_bytes(4, "little") + content[8:])
        assert refused(tmp_path / "a.wav") == "is truncated: its header announces 20 more bytes"

    @pytest.mark.parametrize("size", [b"", b"\xff\xff\xff\xff"])
    @pytest.mark.parametrize("kept", [1, 11, 12, 22, 30, 43])
    def test_wav_with_truncated_header(self, tmp_path, kept, size):
        content = written(tmp_path / "a.wav").read_bytes()
        content = content[:4] + (size or content[4:8]) + content[8:]
        (tmp_path / "a.wav").write_bytes(content[:kept])
        assert refused(tmp_path / "a.wav").startswith(("cannot be decoded: ", "is truncated: ", "contains no samples"))

    @pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
    def test_truncated_flac(self, tmp_path, fraction):
        content = written(tmp_path / "a.flac").read_bytes()
        (tmp_path / "a.flac").write_bytes(content[: round(fraction * len(content))])
        assert refused(tmp_path / "a.flac").startswith("cannot be decoded: ")

    @pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
    def test_one_sample_that_is_not_finite(self, tmp_path, number):
        samples = tone()
        samples[1234] = number
        assert refused(written(tmp_path / "a.wav", samples, subtype="FLOAT")).startswith(
            "contains samples that are NaN"
        )

    def test_file_without_samples(self, tmp_path):
        assert refused(written(tmp_path / "a.wav", tone()[:0])) == "contains no samples"

    @pytest.mark.parametrize("samples", [np.zeros(4000), 2e-5 * tone(), np.stack([tone(), -tone()], 1)])
    def test_silence(self, tmp_path, samples):
        reason = refused(written(tmp_path / "a.wav", samples, subtype="FLOAT"))
        assert reason == "is silent: no sample reaches -80 dBFS"

    def test_very_quiet_speech_is_accepted(self, tmp_path):
        assert len(read_recording(written(tmp_path / "a.wav", 4e-4 * tone(), subtype="FLOAT")).samples) == 4000

    @pytest.mark.parametrize("size", [b"\xff\xff\xff\xff", b"\0\0\0\0"])
    def test_wav_without_file_size_is_accepted(self, tmp_path, size):
        content = bytearray(written(tmp_path / "a.wav").read_bytes())
        content[4:8] = size
        (tmp_path / "a.wav").write_bytes(bytes(content))
        assert len(read_recording(tmp_path / "a.wav").samples) == 4000

    def test_wav_without_file_size_and_data_size_is_accepted(self, tmp_path):
        content = written(tmp_path / "a.wav").read_bytes()
        (tmp_path / "a.wav").write_bytes(content[:4] + 4 * b"\xff" + content[8:40] + 4 * b"\xff" + content[44:])
        assert len(read_recording(tmp_path / "a.wav").samples) == 4000

    def test_wav_with_chunks_after_its_samples_is_accepted(self, tmp_path):
        path = written(tmp_path / "a.wav")
        path.write_bytes(path.read_bytes() + b"a tag that some program has put here")
        assert len(read_recording(path).samples) == 4000


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
    """Segments of noise at different levels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = st.sampled_from([0.0, 1e-5, 1e-3, 3e-3, 1e-2, 0.1, 0.5])
    stretches = draw(st.lists(st.tuples(levels, st.integers(1, 4000)), min_size=1, max_size=5))
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


def test_full_scale_is_the_maximum_of_a_16_bit_file():
    assert 32766 / 32768 >= audio.FULL_SCALE > 32765 / 32768


@pytest.mark.parametrize("size", [0, 0x7FFFF024, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_without_sizes_in_its_header_is_read(size, tmp_path):
    path = tmp_path / "piped.wav"
    soundfile.write(path, np.full(800, 0.5), 16_000)
    content = bytearray(path.read_bytes())
    content[4:8] = size.to_bytes(4, "little")
    path.write_bytes(content)
    assert len(read_recording(path).samples) == 800


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_an_utterance_is_read_whole_and_a_longer_file_is_not(suffix, tmp_path):
    path = written(tmp_path / f"clip{suffix}", tone(2.0))
    recording = read_utterance(path, 2.0)
    np.testing.assert_array_equal(recording.samples, read_recording(path).samples)
    assert read_utterance(path, 1.9) is None


def test_of_a_large_file_only_the_header_is_read(tmp_path, monkeypatch):
    path = written(tmp_path / "long.wav", tone(2.0))
    monkeypatch.setattr(audio, "UTTERANCE_BYTES", 1000)
    monkeypatch.setattr(audio, "file_bytes", lambda path: pytest.fail("the file was read"))
    assert read_utterance(path, 1.0) is None
    with pytest.raises(ClipError, match="cannot be read: No such file"):
        monkeypatch.undo()
        read_utterance(tmp_path / "missing.wav", 1.0)
