"""Reading of audio files: all formats have the same samples, and damage is reported."""

import io

import numpy as np
import pytest
import soundfile

from aersut.data import audio
from aersut.data.audio import (
    ClipError,
    parse_recording,
    read_recording,
    read_utterance,
)
from tests.data.audio_files import folder_not_utf_8, tone, written


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
        folder = folder_not_utf_8(tmp_path)
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
