"""One clip: every kind of sound file is read alike, damage is told, and windows are as long as they should be."""

import io
import os

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from aersut.data import audio
from aersut.data.audio import ClipError, Recording, decode, fit, parse, read, resample, to_int16, trim


def tone(seconds=0.25, sample_rate=16_000, frequency=440.0, amplitude=0.5):
    """A sine."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return (amplitude * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def written(path, samples=None, sample_rate=16_000, **options):
    """Write a sound file and return its path."""
    soundfile.write(path, tone() if samples is None else samples, sample_rate, **options)
    return path


def with_a_tag(wav):
    """A WAV file's bytes with a chunk of odd length before the sound."""
    longer = wav[:36] + b"LIST\5\0\0\0INFOa\0" + wav[36:]
    return longer[:4] + (len(longer) - 8).to_bytes(4, "little") + longer[8:]


def assert_is_libsndfiles(wav):
    """A WAV file's bytes are read as libsndfile reads them, or refused: by it, or since they are too few."""
    try:
        recording, reason = parse(wav), ""
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
        assert reason.startswith("is cut short") or reason == unseekable or not len(expected)


def refused(path):
    """The reason for which a file cannot be used."""
    with pytest.raises(ClipError) as caught:
        read(path)
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
        recording = read(written(tmp_path / f"a{suffix}", subtype=subtype))
        assert recording.samples.dtype == np.float32
        assert recording.sample_rate == 16_000
        assert recording.seconds == 0.25
        np.testing.assert_allclose(recording.samples, tone(), atol=tolerance, rtol=0)

    @pytest.mark.parametrize("tag", ["", "LIST"])
    @pytest.mark.parametrize("channels", [1, 2])
    def test_of_16_bits_is_libsndfiles_whatever_is_wrong_with_the_header(self, channels, tag):
        file = io.BytesIO()
        samples = np.random.default_rng(0).uniform(-1, 1, (20, channels))
        soundfile.write(file, samples, 16_000, format="WAV", subtype="PCM_16")
        content = bytearray(file.getvalue() if not tag else with_a_tag(file.getvalue()))
        sound = content.index(b"data") + 8
        for place in set(range(sound)) - set(range(36, 36 + len(tag))):  # libsndfile cannot pass by unknown odd chunks
            for value in range(256):
                changed = bytes([*content[:place], value, *content[place + 1 :]])
                assert_is_libsndfiles(changed)

    @pytest.mark.parametrize("length", [0, 1, 6, 2**31, 2**32 - 1])
    @pytest.mark.parametrize("size", [0, 8, 36, 2**31, 2**32 - 1])
    def test_of_16_bits_is_libsndfiles_where_its_writer_has_died(self, tmp_path, size, length):
        content = bytearray(written(tmp_path / "a.wav", subtype="PCM_16").read_bytes())
        content[4:8] = size.to_bytes(4, "little")
        content[40:44] = length.to_bytes(4, "little")
        assert_is_libsndfiles(bytes(content))

    def test_of_16_bits_has_no_more_channels_than_libsndfile_takes(self, tmp_path):
        content = bytearray(written(tmp_path / "a.wav", np.full(4000, 0.5), subtype="PCM_16").read_bytes())
        content[22:24] = (2000).to_bytes(2, "little")
        assert_is_libsndfiles(bytes(content))

    def test_of_16_bits_goes_without_libsndfile(self, tmp_path, monkeypatch):
        """Of which the tests before this one know nothing."""
        content = written(tmp_path / "a.wav", subtype="PCM_16").read_bytes()
        expected, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
        monkeypatch.setattr(audio, "soundfile", None)
        np.testing.assert_array_equal(parse(content).samples, expected)
        np.testing.assert_array_equal(parse(with_a_tag(content)).samples, expected)

    def test_averages_channels(self, tmp_path):
        both = np.stack([tone(), 0.5 * tone()], axis=1)
        recording = read(written(tmp_path / "a.wav", both, subtype="FLOAT"))
        np.testing.assert_allclose(recording.samples, 0.75 * tone(), atol=1e-7)

    def test_of_a_stereo_file_with_one_channel_twice_is_that_of_the_mono_file(self, tmp_path):
        mono = read(written(tmp_path / "mono.wav")).samples
        np.testing.assert_array_equal(read(written(tmp_path / "a.wav", np.stack([tone()] * 2, 1))).samples, mono)

    def test_works_in_a_folder_whose_name_is_no_utf_8(self, tmp_path):
        folder = tmp_path / os.fsdecode(b"caf\xe9")
        try:
            folder.mkdir()
        except OSError:
            pytest.skip("this file system takes no such name")
        (folder / "a.wav").write_bytes(written(tmp_path / "a.wav").read_bytes())
        np.testing.assert_array_equal(read(folder / "a.wav").samples, read(tmp_path / "a.wav").samples)

    def test_tells_the_share_of_samples_at_full_scale(self, tmp_path):
        samples = np.full(1000, 0.5, np.float32)
        samples[:100:2], samples[100:150] = 1, -1
        assert read(written(tmp_path / "a.wav", samples, subtype="PCM_16")).clipped == 0.1
        assert read(written(tmp_path / "b.wav")).clipped == 0


class TestRefused:
    def test_is_text_that_is_called_wav(self, tmp_path):
        (tmp_path / "a.wav").write_text("This is no sound, whatever its name says.")
        assert refused(tmp_path / "a.wav") == "cannot be decoded: Format not recognised."

    def test_is_a_file_of_zero_length(self, tmp_path):
        (tmp_path / "a.wav").write_bytes(b"")
        assert refused(tmp_path / "a.wav").startswith("cannot be decoded: ")

    def test_is_a_file_that_is_gone(self, tmp_path):
        assert refused(tmp_path / "gone.wav") == "cannot be read: No such file or directory"

    def test_is_a_folder(self, tmp_path):
        (tmp_path / "a.wav").mkdir()
        assert refused(tmp_path / "a.wav") == "cannot be read: Is a directory"

    @pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.99])
    def test_is_a_wav_that_is_cut_short(self, tmp_path, share):
        content = written(tmp_path / "a.wav").read_bytes()
        kept = 44 + round(share * (len(content) - 44))
        (tmp_path / "a.wav").write_bytes(content[:kept])
        assert refused(tmp_path / "a.wav") == (f"is cut short: its header promises {len(content) - kept:,} bytes more")

    def test_is_a_wav_that_is_cut_short_behind_its_sound(self, tmp_path):
        content = written(tmp_path / "a.wav").read_bytes()
        (tmp_path / "a.wav").write_bytes(content[:4] + (len(content) + 12).to_bytes(4, "little") + content[8:])
        assert refused(tmp_path / "a.wav") == "is cut short: its header promises 20 bytes more"

    @pytest.mark.parametrize("size", [b"", b"\xff\xff\xff\xff"])
    @pytest.mark.parametrize("kept", [1, 11, 12, 22, 30, 43])
    def test_is_a_wav_whose_header_is_cut_short(self, tmp_path, kept, size):
        content = written(tmp_path / "a.wav").read_bytes()
        content = content[:4] + (size or content[4:8]) + content[8:]
        (tmp_path / "a.wav").write_bytes(content[:kept])
        assert refused(tmp_path / "a.wav").startswith(("cannot be decoded: ", "is cut short: ", "holds no samples"))

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_is_a_flac_that_is_cut_short(self, tmp_path, share):
        content = written(tmp_path / "a.flac").read_bytes()
        (tmp_path / "a.flac").write_bytes(content[: round(share * len(content))])
        assert refused(tmp_path / "a.flac").startswith("cannot be decoded: ")

    @pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
    def test_is_one_sample_that_is_no_number(self, tmp_path, number):
        samples = tone()
        samples[1234] = number
        assert refused(written(tmp_path / "a.wav", samples, subtype="FLOAT")).startswith(
            "holds samples that are no num"
        )

    def test_is_a_file_without_samples(self, tmp_path):
        assert refused(written(tmp_path / "a.wav", tone()[:0])) == "holds no samples"

    @pytest.mark.parametrize("samples", [np.zeros(4000), 2e-5 * tone(), np.stack([tone(), -tone()], 1)])
    def test_is_silence(self, tmp_path, samples):
        reason = refused(written(tmp_path / "a.wav", samples, subtype="FLOAT"))
        assert reason == "is silent: no sample reaches -80 dB of full scale"

    def test_is_not_a_very_soft_voice(self, tmp_path):
        assert len(read(written(tmp_path / "a.wav", 4e-4 * tone(), subtype="FLOAT")).samples) == 4000

    @pytest.mark.parametrize("size", [b"\xff\xff\xff\xff", b"\0\0\0\0"])
    def test_is_not_a_wav_from_a_pipe_whose_writer_did_not_know_the_size(self, tmp_path, size):
        content = bytearray(written(tmp_path / "a.wav").read_bytes())
        content[4:8] = size
        (tmp_path / "a.wav").write_bytes(bytes(content))
        assert len(read(tmp_path / "a.wav").samples) == 4000

    def test_is_not_a_wav_whose_writer_did_not_know_the_length_of_the_sound_either(self, tmp_path):
        content = written(tmp_path / "a.wav").read_bytes()
        (tmp_path / "a.wav").write_bytes(content[:4] + 4 * b"\xff" + content[8:40] + 4 * b"\xff" + content[44:])
        assert len(read(tmp_path / "a.wav").samples) == 4000

    def test_is_not_a_wav_with_more_behind_its_sound(self, tmp_path):
        path = written(tmp_path / "a.wav")
        path.write_bytes(path.read_bytes() + b"a tag that some program has put here")
        assert len(read(path).samples) == 4000


class TestResampling:
    @pytest.mark.parametrize("origin", [8_000, 24_414, 44_100, 48_000, 96_000])
    @pytest.mark.parametrize("target", [16_000, 22_050])
    def test_is_librosas_with_soxr_at_high_quality(self, tmp_path, origin, target):
        rng = np.random.default_rng(0)
        path = written(tmp_path / "a.wav", 0.1 * rng.standard_normal(origin // 4), origin, subtype="FLOAT")
        expected = librosa.resample(soundfile.read(path, dtype="float32")[0], orig_sr=origin, target_sr=target)
        decoded = decode(path, target)
        assert decoded.dtype == np.float32
        assert abs(len(decoded) - 0.25 * target) <= 1
        np.testing.assert_allclose(decoded[: len(expected)], expected[: len(decoded)], atol=1e-6)

    def test_keeps_a_tone_and_cuts_what_the_new_rate_cannot_hold(self, tmp_path):
        both = tone(1, 96_000, 1000) + tone(1, 96_000, 20_000)
        heard = decode(written(tmp_path / "a.wav", both / 2, 96_000, subtype="FLOAT"), 16_000)
        middle = slice(2000, 14_000)
        np.testing.assert_allclose(heard[middle], (tone(1, 16_000, 1000) / 2)[middle], atol=1e-4)

    def test_of_a_clip_too_short_for_a_sample_is_refused(self):
        with pytest.raises(ClipError, match="is too short: 1 samples, of which none is left at 16000 Hz"):
            resample(Recording(np.full(1, 0.5, np.float32), 48_000), 16_000)

    def test_to_the_rate_that_it_has_changes_nothing(self, tmp_path):
        recording = read(written(tmp_path / "a.wav"))
        np.testing.assert_array_equal(resample(recording, 16_000), recording.samples)


@st.composite
def utterances(draw):
    """Noise of different loudness, one stretch after the other."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = st.sampled_from([0.0, 1e-5, 1e-3, 3e-3, 1e-2, 0.1, 0.5])
    stretches = draw(st.lists(st.tuples(levels, st.integers(1, 4000)), min_size=1, max_size=5))
    return np.concatenate([level * rng.uniform(-1, 1, length) for level, length in stretches]).astype(np.float32)


class TestTrimming:
    @settings(deadline=None, max_examples=60)
    @given(utterances(), st.sampled_from([10.0, 25.0, 40.0, 60.0]))
    def test_is_librosas(self, samples, top_db):
        kept = trim(Recording(samples, 22_050), top_db).samples
        np.testing.assert_array_equal(kept, librosa.effects.trim(samples, top_db=top_db)[0])

    @pytest.mark.parametrize(("sample_rate", "hop"), [(8_000, 186), (16_000, 372), (48_000, 1115), (96_000, 2229)])
    def test_is_librosas_with_frames_as_long_in_seconds(self, sample_rate, hop):
        rng = np.random.default_rng(0)
        levels = np.repeat([1e-4, 0.5, 1e-3, 0.2, 1e-4], sample_rate // 3)
        samples = (levels * rng.uniform(-1, 1, len(levels))).astype(np.float32)
        expected = librosa.effects.trim(samples, top_db=40, frame_length=4 * hop, hop_length=hop)[0]
        assert len(expected) < len(samples)
        np.testing.assert_array_equal(trim(Recording(samples, sample_rate), 40).samples, expected)

    def test_cuts_silence_at_both_ends_and_none_within(self):
        silence = np.zeros(16_000, np.float32)
        samples = np.concatenate([silence, tone(0.5), silence, tone(0.5), silence])
        kept = trim(Recording(samples, 16_000), 40).samples
        assert 32_000 <= len(kept) <= 32_000 + 2 * 4 * 372  # to the frame
        assert np.abs(kept).sum() == pytest.approx(np.abs(samples).sum())

    def test_cuts_a_clip_and_its_copy_at_another_rate_at_the_same_frames(self, tmp_path):
        rng = np.random.default_rng(0)
        samples = np.pad(0.3 * rng.standard_normal(30_000), 20_000)
        high = written(tmp_path / "high.wav", librosa.resample(samples, orig_sr=16_000, target_sr=48_000), 48_000)
        low = written(tmp_path / "low.wav", samples, 16_000)
        assert (
            abs(len(decode(high, 16_000, 40)) - len(decode(low, 16_000, 40))) <= 40
        )  # a hop is a whole number of samples

    @pytest.mark.parametrize("length", [1, 511, 2048, 5000])
    def test_keeps_silence_whole(self, length):
        assert len(trim(Recording(np.zeros(length, np.float32), 22_050), 40).samples) == length


class TestFitting:
    @settings(deadline=None)
    @given(st.integers(0, 50), st.integers(1, 50), st.sampled_from(["start", "center", "random"]), st.integers(0, 9))
    def test_gives_the_window_its_length_and_keeps_neighbours_together(self, size, length, where, seed):
        samples = np.arange(1, size + 1, dtype=np.int16)
        window = fit(samples, length, where, np.random.default_rng(seed))
        assert window.shape == (length,)
        assert window.dtype == np.int16
        heard = window[window > 0]
        assert len(heard) == min(size, length)
        assert (np.diff(heard) == 1).all()
        assert (np.diff(np.flatnonzero(window)) == 1).all()

    def test_keeps_the_start_or_the_centre(self):
        samples = np.arange(1, 8)
        assert fit(samples, 3, "start").tolist() == [1, 2, 3]
        assert fit(samples, 3, "center").tolist() == [3, 4, 5]
        assert fit(samples[:3], 7, "start").tolist() == [1, 2, 3, 0, 0, 0, 0]
        assert fit(samples[:3], 7, "center").tolist() == [0, 0, 1, 2, 3, 0, 0]

    def test_at_random_is_anywhere_and_the_centre_in_evaluation(self):
        samples, rng = np.arange(1, 8), np.random.default_rng(0)
        assert {fit(samples, 3, "random", rng)[0] for _ in range(200)} == {1, 2, 3, 4, 5}
        assert {int(np.argmax(fit(samples[:3], 7, "random", rng) == 1)) for _ in range(200)} == {0, 1, 2, 3, 4}
        assert fit(samples, 3, "random").tolist() == fit(samples, 3, "center").tolist()

    def test_at_random_is_the_same_for_the_same_generator(self):
        windows = [fit(np.arange(1000), 10, "random", np.random.default_rng(7)).tolist() for _ in range(2)]
        assert windows[0] == windows[1]


class TestSixteenBits:
    @settings(deadline=None)
    @given(st.lists(st.integers(-32768, 32767), min_size=1))
    def test_bring_every_16_bit_sample_back(self, samples):
        exact = np.array(samples, np.int16)
        np.testing.assert_array_equal(to_int16(exact.astype(np.float32) / 32768), exact)

    def test_hold_what_resampling_has_pushed_over_full_scale(self):
        assert to_int16(np.array([1.0, 1.5, -1.0, -1.5], np.float32)).tolist() == [32767, 32767, -32768, -32768]

    @settings(deadline=None)
    @given(st.floats(-1, 0.9375, width=32, allow_subnormal=False))
    def test_are_off_by_half_a_step_at_most(self, sample):
        assert abs(to_int16(np.array([sample], np.float32))[0] / 32768 - sample) <= 0.5 / 32768 + 1e-9


def test_full_scale_is_what_a_16_bit_file_can_reach():
    assert 32766 / 32768 >= audio.FULL_SCALE > 32765 / 32768


@pytest.mark.parametrize("size", [0, 0x7FFFF024, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_whose_header_knows_no_size_is_read(size, tmp_path):
    path = tmp_path / "piped.wav"
    soundfile.write(path, np.full(800, 0.5), 16_000)
    content = bytearray(path.read_bytes())
    content[4:8] = size.to_bytes(4, "little")
    path.write_bytes(content)
    assert len(read(path).samples) == 800
