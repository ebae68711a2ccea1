"""Reading of audio files: all formats have the same samples, and damage is reported."""

import io
import subprocess

import numpy as np
import pytest
import soundfile

from aersut.data import audio, audio_files, ffmpeg
from aersut.data.audio import (
    ClipError,
    Downmix,
    parse_recording,
    read_blocks,
    read_header,
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
    if recording and len(expected):
        assert recording.sample_rate == sample_rate
        forms = (expected.mean(axis=1), *expected.T)  # one channel, where channels cancel each other
        assert any(np.allclose(recording.samples, one, atol=1e-6, rtol=0) for one in forms)
    elif recording:
        assert recording.note.startswith("was not closed by its recorder")
    else:
        assert reason.startswith("is truncated") or not len(expected)


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
    def test_of_16_bits_agrees_with_libsndfile_for_every_faulty_header(self, channels, tag, monkeypatch):
        monkeypatch.setattr(audio_files, "ffmpeg", lambda: None)  # which takes over encodings that libsndfile lacks
        file = io.BytesIO()
        samples = np.random.default_rng(0).uniform(-1, 1, (20, channels))
        soundfile.write(file, samples, 16_000, format="WAV", subtype="PCM_16")
        content = bytearray(file.getvalue() if not tag else with_a_tag(file.getvalue()))
        data = content.index(b"data") + 8
        for offset in set(range(data)) - set(
            range(36, 36 + len(tag))
        ):  # libsndfile cannot skip unknown chunks of odd length
            for value in {*range(0, 256, 8), 1, 2, 3, 127, 255}:
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
        monkeypatch.setattr(audio_files, "soundfile", None)
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
        assert refused(tmp_path / "a.wav") == "cannot be decoded: Format not recognised"

    def test_empty_file(self, tmp_path):
        (tmp_path / "a.wav").write_bytes(b"")
        assert refused(tmp_path / "a.wav") == "is empty"

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
        assert refused(tmp_path / "a.flac").startswith(("cannot be decoded: ", "is truncated or damaged"))

    @pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
    def test_one_sample_that_is_not_finite(self, tmp_path, number):
        samples = tone()
        samples[1234] = number
        assert refused(written(tmp_path / "a.wav", samples, subtype="FLOAT")).startswith(
            "contains samples that are NaN"
        )

    def test_file_without_samples(self, tmp_path):
        assert refused(written(tmp_path / "a.wav", tone()[:0])) == "contains no samples"

    @pytest.mark.parametrize("samples", [np.zeros(4000), 2e-5 * tone(), np.stack([2e-5 * tone(), -2e-5 * tone()], 1)])
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


def relabeled(path, riff=None, data=None):
    """The bytes of a WAV file with other sizes of the file and of its samples in its header."""
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    for position, value in ((4, riff), (at, data)):
        if value is not None:
            content[position : position + 4] = value.to_bytes(4, "little")
    return bytes(content)


class TestWrongSizes:
    @pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8"])
    @pytest.mark.parametrize("surplus", [1, 8, 36, 44, 10_000])
    def test_of_a_wav_file_are_noted_if_its_samples_are_complete(self, tmp_path, subtype, surplus):
        path = written(tmp_path / "a.wav", subtype=subtype)
        expected = read_recording(path)
        recording = parse_recording(relabeled(path, riff=path.stat().st_size - 8 + surplus))
        np.testing.assert_array_equal(recording.samples, expected.samples)
        assert (expected.note, recording.note) == ("", "has a wrong size in its header; its samples are complete")

    @pytest.mark.parametrize("surplus", [0, -8])
    def test_of_the_whole_file_in_place_of_its_samples_are_noted(self, tmp_path, surplus):
        path = written(tmp_path / "a.wav")
        recording = parse_recording(relabeled(path, data=path.stat().st_size + surplus))
        assert (len(recording.samples), recording.note[:22]) == (4000, "has a wrong size in it")

    @pytest.mark.parametrize("riff", [0, 36, None])
    @pytest.mark.parametrize(("subtype", "size"), [("PCM_16", 2), ("PCM_24", 3)])
    def test_of_a_recorder_that_did_not_close_the_file_are_noted(self, tmp_path, riff, subtype, size):
        path = written(tmp_path / "a.wav", subtype=subtype)
        content = relabeled(path, riff, 0)
        recording = parse_recording(content)
        np.testing.assert_array_equal(recording.samples, read_recording(path).samples)
        assert recording.note.startswith("was not closed by its recorder")
        blocks = list(read_blocks(io.BytesIO(content), seconds=0.1))
        np.testing.assert_array_equal(np.concatenate([one.samples for one in blocks]), recording.samples)
        assert blocks[-1].note == recording.note

    def test_of_no_samples_before_another_chunk_are_right(self, tmp_path):
        path = written(tmp_path / "a.wav", tone()[:0])
        content = path.read_bytes() + b"LIST" + (4).to_bytes(4, "little") + b"INFO"
        with pytest.raises(ClipError, match="contains no samples"):
            parse_recording(content)

    def test_of_a_stream_are_noted(self, tmp_path):
        recording = parse_recording(relabeled(written(tmp_path / "a.wav"), data=0xFFFFFFFF))
        assert (len(recording.samples), recording.note[:29]) == (4000, "has no length in its header, ")


def flac_from_a_pipe(path):
    """The bytes of a FLAC file whose header has no length: bits 21 to 56 after the sample rate."""
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    return bytes(content)


class TestCompressedFiles:
    def test_of_flac_without_a_length_are_read_to_their_end(self, tmp_path):
        path = written(tmp_path / "a.flac", tone(1.0))
        content = flac_from_a_pipe(path)
        expected = read_recording(path).samples
        np.testing.assert_array_equal(parse_recording(content).samples, expected)
        blocks = [one.samples for one in read_blocks(io.BytesIO(content), seconds=0.3)]
        np.testing.assert_array_equal(np.concatenate(blocks), expected)
        assert read_header(io.BytesIO(content)) == (16_000, 1.0)
        (tmp_path / "piped.flac").write_bytes(content)
        assert read_utterance(tmp_path / "piped.flac", 0.9) is None
        assert len(read_utterance(tmp_path / "piped.flac", 1.0).samples) == 16_000

    @pytest.mark.parametrize(
        ("format", "subtype"),
        [
            *(("WAV", "GSM610"), ("AIFF", "GSM610"), ("WAV", "G721_32"), ("AU", "G723_24"), ("AU", "G723_40")),
            *(("WAV", "NMS_ADPCM_16"), ("WAV", "NMS_ADPCM_32"), ("CAF", "ALAC_16"), ("WAV", "IMA_ADPCM")),
        ],
    )
    def test_without_positions_are_read(self, tmp_path, format, subtype):
        path = written(tmp_path / "clip", tone(0.5, 8_000), 8_000, format=format, subtype=subtype)
        recording = read_recording(path)
        assert len(recording.samples) == pytest.approx(4_000, abs=1000)
        assert np.corrcoef(recording.samples[:3000], tone(0.5, 8_000)[:3000])[0, 1] > 0.9
        blocks = [one.samples for one in read_blocks(path, seconds=0.1)]
        np.testing.assert_array_equal(np.concatenate(blocks), recording.samples)

    @pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".opus", ".aiff", ".au", ".w64", ".rf64", ".sph"])
    @pytest.mark.parametrize("kept", [0.6, 0.95])
    def test_that_are_truncated_are_refused(self, tmp_path, suffix, kept):
        format = {".opus": "OGG", ".sph": "NIST"}.get(suffix, suffix[1:].upper())
        subtype = {".opus": "OPUS", ".ogg": "VORBIS"}.get(suffix)
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, 32_000)
        path = written(tmp_path / f"a{suffix}", noise, format=format, subtype=subtype)
        assert len(read_recording(path).samples) == pytest.approx(32_000, abs=1200)
        assert read_recording(path).note == ""
        content = path.read_bytes()
        path.write_bytes(content[: round(kept * len(content))])
        assert refused(path).startswith("is truncated")
        with pytest.raises(ClipError, match="is truncated"):
            list(read_blocks(path))

    def test_of_floats_in_the_scale_of_16_bits_are_refused(self, tmp_path):
        path = written(tmp_path / "a.wav", 10_000 * tone(), subtype="FLOAT")
        assert refused(path).startswith("reaches 5,0")
        with pytest.raises(ClipError, match=r"full scale is 1\. Divide its samples"):
            list(read_blocks(path))


def encoded(path, *options):
    """Two seconds of a tone, encoded by ffmpeg."""
    source = written(path.with_name("source.wav"), tone(2.0))
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", "-i", source, *options, path], check=True)
    return path


@pytest.mark.skipif(not ffmpeg.ffmpeg(), reason="ffmpeg is not installed")
class TestFilesOfPhonesAndBrowsers:
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            *(("clip.m4a", ()), ("clip.webm", ()), ("clip.aac", ()), ("clip.mp4", ()), ("clip.3gp", ("-c:a", "aac"))),
            *(("clip.wma", ()), ("clip.mka", ()), ("browser.wav", ("-f", "webm")), ("clip.mp3", ("-f", "adts"))),
            *(
                ("speex.ogg", ("-c:a", "libspeex")),
                ("mp3.wav", ("-c:a", "libmp3lame")),
                ("clip.caf", ("-c:a", "adpcm_ima_qt", "-ac", "1")),
            ),
        ],
    )
    def test_are_decoded_by_ffmpeg_whatever_their_names(self, tmp_path, name, options):
        path = encoded(tmp_path / name, *options)
        recording = read_recording(path)
        assert recording.seconds == pytest.approx(2.0, abs=0.15)
        assert np.abs(recording.samples).max() == pytest.approx(0.5, abs=0.15)
        assert recording.note == ""
        blocks = list(read_blocks(path, seconds=0.5))
        np.testing.assert_array_equal(np.concatenate([one.samples for one in blocks]), recording.samples)
        assert read_header(path) == (recording.sample_rate, pytest.approx(recording.seconds, abs=0.06))
        assert read_utterance(path, 1.0) is None

    def test_of_mp3_with_variable_bit_rate_have_their_length(self, tmp_path):
        speech = np.concatenate([np.random.default_rng(0).uniform(-0.5, 0.5, 48_000), np.zeros(48_000)])
        for name, samples in (("speech_first", speech), ("pause_first", speech[::-1])):
            source, path = written(tmp_path / f"{name}.wav", samples), tmp_path / f"{name}.mp3"
            command = ["ffmpeg", "-loglevel", "error", "-i", source, "-q:a", "5", "-write_xing", "0", path]
            subprocess.run(command, check=True)
            assert read_recording(path).seconds == pytest.approx(6.0, abs=0.15)
            content = path.read_bytes()
            path.write_bytes(content[: len(content) - 30])
            assert refused(path) == "is truncated: its last frame is incomplete"

    def test_that_are_damaged_have_a_note_or_are_refused(self, tmp_path):
        webm = encoded(tmp_path / "a.webm")
        webm.write_bytes(webm.read_bytes()[:-4000])
        assert read_recording(webm).note.startswith("may be damaged: ffmpeg reports: ")
        m4a = encoded(tmp_path / "a.m4a")
        m4a.write_bytes(m4a.read_bytes()[:4000])  # its index is at its end
        assert refused(m4a) == "cannot be decoded: ffmpeg reports: moov atom not found"

    def test_with_pictures_only_are_refused(self, tmp_path):
        path = tmp_path / "video.mp4"
        command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=d=0.1:s=32x32:r=10", path]
        subprocess.run(command, check=True)
        assert refused(path) == "cannot be decoded: ffmpeg reports: no audio"

    def test_name_the_program_where_it_is_missing(self, tmp_path, monkeypatch):
        path = encoded(tmp_path / "a.m4a")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert refused(path) == (
            "needs ffmpeg: its format is MPEG-4 (M4A, MP4, 3GP). Install ffmpeg, or convert the file elsewhere: ffmpeg "
            "-i FILE FILE.wav (WAV, FLAC, Ogg, MP3 and AIFF are read without it)."
        )

    @pytest.mark.parametrize("begin", ["noise", "silence"])
    def test_of_mp3_with_variable_bit_rate_need_the_program(self, tmp_path, monkeypatch, begin):
        monkeypatch.setattr(audio_files, "ffmpeg", lambda: None)
        parts = [np.random.default_rng(0).uniform(-0.5, 0.5, 64_000), np.zeros(64_000)]
        content = io.BytesIO()
        options = {"format": "MP3", "bitrate_mode": "VARIABLE", "compression_level": 0.5}
        soundfile.write(content, np.concatenate(parts[:: 1 if begin == "noise" else -1]), 16_000, **options)
        mp3 = content.getvalue()
        assert parse_recording(mp3).seconds == 8.0
        longer = mp3 + mp3[mp3.index(mp3[:2], mp3.index(b"Xing")) :]  # two files in one, by cat
        with pytest.raises(ClipError, match=r"it is an MP3 with a wrong Xing header, and of its 16\.\d s libsndfile"):
            parse_recording(longer)
        without = mp3[mp3.index(mp3[:2], mp3.index(b"Xing")) :]  # the frame of the Xing header has no samples
        with pytest.raises(ClipError, match=r"needs ffmpeg: it is an MP3 .* of its 8\.\d s libsndfile finds \d+\.\d s"):
            parse_recording(without)

    def test_cannot_name_other_files(self, tmp_path):
        """A playlist is text, which ffmpeg would follow to other files of the machine."""
        encoded(tmp_path / "secret.m4a")
        (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:2,\n{tmp_path / 'secret.m4a'}\n")
        assert refused(tmp_path / "list.m3u8") == "cannot be decoded: Format not recognised"


class TestChannels:
    def test_of_opposite_phase_do_not_cancel_each_other(self, tmp_path):
        for residue in (0.0, 0.02):
            both = np.stack([tone(), (residue - 1) * tone()], axis=1)
            path = written(tmp_path / "a.wav", both, subtype="FLOAT")
            recording = read_recording(path)
            np.testing.assert_array_equal(recording.samples, tone())
            assert recording.note == (
                "has channels of opposite phase, which cancel each other; the loudest one is used"
            )
            [block] = read_blocks(path)
            np.testing.assert_array_equal(block.samples, tone())
            assert block.note == recording.note

    def test_of_different_content_are_averaged(self):
        rng = np.random.default_rng(0)
        for samples in (0.1 * rng.standard_normal((4000, 2)), np.stack([tone(), 0 * tone()], axis=1)):
            downmix = Downmix()
            mono = downmix(samples.astype(np.float32))
            np.testing.assert_allclose(mono, samples.mean(axis=1), atol=1e-6)
            assert not downmix.cancelled
