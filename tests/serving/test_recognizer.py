"""`Recognizer`: the same predictions from checkpoints, exported files and evaluation."""

import io
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import aersut
from aersut.errors import UserError
from aersut.run_folder import Run
from aersut.serving.recognizer import Recognizer, load
from aersut.tflite.file import TFLiteFile


def assert_as_evaluated(recognizer: Recognizer, rows: list[dict[str, str]], tolerance: float) -> None:
    for row in rows:
        prediction = recognizer(row["path"])
        for emotion, value in prediction.probabilities.items():
            assert abs(value - float(row[emotion])) <= tolerance
        if tolerance < 1e-4:
            assert prediction.emotion == row["predicted"]


def test_is_described_by_its_emotions_and_window():
    described = "<Recognizer model_int8.tflite: neutral, calm, happy, .*, surprise; window of 3 s at 16,000 Hz>"
    assert re.fullmatch(described, repr(load("micro_speech")))


class Location:
    """A path of another library, such as universal_pathlib."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


class UnconvertedTensor:
    """A tensor of torch, which is not installed here, whose gradients are recorded."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


class TestOneClip:
    @pytest.mark.parametrize(
        ("file", "tolerance"),
        [
            ("model_float32.tflite", 1e-5),
            ("waveform_float32.tflite", 1e-5),
            ("model_float16.tflite", 1e-2),
            ("model_dynamic.tflite", 0.1),
            ("model_int8.tflite", 0.1),
        ],
    )
    def test_is_classified_by_a_file_as_in_evaluation(self, bundle, evaluated, file, tolerance):
        recognizer = aersut.load(bundle / file)
        assert recognizer.name == file
        assert_as_evaluated(recognizer, evaluated, tolerance)

    def test_is_classified_by_a_run_folder_as_in_evaluation(self, finished: Run, evaluated):
        assert_as_evaluated(aersut.load(finished.folder), evaluated, 1e-5)

    def test_may_be_an_array_of_any_format(self, recognizer: Recognizer, speech):
        expected = recognizer(speech)
        samples, rate = soundfile.read(speech, dtype="int16")
        floats = samples / 32768
        forms = (floats, floats.astype(">f4"), samples.astype(">i2"), np.stack([floats, floats], axis=1))
        for array in (samples, floats.astype(np.float32), *forms):
            assert recognizer(array, rate) == expected
        assert expected.confidence == max(expected.probabilities.values())
        assert expected.confidence == expected.probabilities[expected.emotion or ""]
        assert sum(expected.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert tuple(expected.probabilities) == recognizer.labels

    def test_may_be_a_file_bytes_a_pair_or_a_dictionary_of_datasets(self, recognizer: Recognizer, speech):
        expected = recognizer(speech)
        samples, rate = soundfile.read(speech, dtype="float32")
        content = speech.read_bytes()
        with speech.open("rb") as file:
            forms = [
                Location(speech),
                *(str(speech), content, io.BytesIO(content), file, (samples, rate), (samples.tolist(), rate)),
                *(
                    bytearray(content),
                    memoryview(content),
                    (rate, samples),
                    (np.int64(rate), samples.tolist()),
                ),  # gradio, scipy
                {"path": str(speech), "array": samples, "sampling_rate": rate},  # datasets.Audio(decode=True)
                {"path": "clip.wav", "bytes": content},  # datasets.Audio(decode=False)
                {"path": str(speech), "bytes": None},
            ]
            for form in forms:
                assert recognizer(form) == expected
            assert recognizer(file) == expected, "a file is read from its start"
            assert recognizer(forms) == recognizer(iter(forms)) == [expected] * len(forms)
            assert recognizer([samples, samples], rate) == [expected] * 2
            over_time = list(recognizer.over_time(speech))
            for form in forms:
                found = list(recognizer.over_time(form))
                assert [one.as_json() for one in found] == [one.as_json() for one in over_time]
        assert recognizer([]) == []

    @pytest.mark.parametrize(
        ("clip", "message"),
        [
            ([0.1, 0.2], "clip 1: a clip is a number.*Pass the samples of one as a NumPy array"),
            ({"path": None, "bytes": None}, r"a clip is a dictionary without audio \(path, bytes\): expected"),
            ({"audio": np.ones(9), "rate": 1}, r"a clip is a dictionary without audio \(audio, rate\): expected"),
            ({"array": np.ones(9), "sampling_rate": None}, "pass sample_rate"),
            (io.StringIO("text"), "a clip is StringIO"),
            (np.ones((2, 3, 4)), r"3 dimensions, shape \(2, 3, 4\)"),
            (np.ones((2, 16_000)), r"the shape \(2, 16000\), with more channels than samples.*Transpose"),
            (np.ones((1, 16_000), np.int16), r"the shape \(1, 16000\).*expected \[samples\] or \[samples, channels\]"),
            (UnconvertedTensor(), "cannot be converted to a NumPy array: .* requires grad"),
            (np.array("clip.wav"), "0 dimensions"),
            (([[0.1, 0.2], [0.3]], 16_000), "lists of different lengths"),
            (b"no audio", "the recording cannot be decoded"),
            (("clip.wav", 8_000), "sample_rate is 8000, but the clip is a file, which states its own: omit it"),
        ],
    )
    def test_of_another_form_is_refused(self, recognizer: Recognizer, clip, message):
        with pytest.raises(UserError, match=message):
            recognizer(clip, None if isinstance(clip, dict | bytes) else 16_000)

    def test_may_be_an_audio_decoder_of_datasets(self, recognizer: Recognizer, speech):
        """Its interface: torchcodec, which needs torch, is not installed here."""

        class AudioDecoder:
            def __init__(self, samples, rate):
                self._decoded = SimpleNamespace(data=samples.T, sample_rate=rate)  # data: channels × samples

            def __getitem__(self, key):
                raise AssertionError("an iteration would start here")

            def get_all_samples(self):
                return self._decoded

        decoder = AudioDecoder(*soundfile.read(speech, dtype="float32", always_2d=True))
        expected = recognizer(speech)
        assert recognizer(decoder) == expected
        assert recognizer([decoder, decoder]) == [expected] * 2
        assert list(recognizer.over_time(decoder)) == list(recognizer.over_time(speech))
        samples, rate = soundfile.read(speech, dtype="float32")
        stereo = np.stack([samples, np.zeros_like(samples)], axis=1)
        assert recognizer(AudioDecoder(stereo, rate)) == recognizer(stereo, rate)

    def test_may_be_several_in_an_array_or_a_series(self, recognizer: Recognizer, speech):
        expected = recognizer(speech)
        paths = [str(speech)] * 2
        samples, rate = soundfile.read(speech)
        files = [
            *(pandas.Series(paths), pandas.Series(paths, dtype=object), tuple(paths)),
            *(np.array(paths), np.array(paths, dtype=object), np.array([speech, speech])),
        ]
        for found in (*map(recognizer, files), recognizer(pandas.Series([samples, samples[:-1]]), rate)):
            assert (len(found), found[0]) == (2, expected)
        assert recognizer(pandas.Series(samples), rate) == expected

    @pytest.mark.parametrize("kind", [int, float, np.int64, np.float32, np.array])
    def test_has_a_sample_rate_of_any_type_of_number(self, recognizer: Recognizer, speech, kind):
        samples, rate = soundfile.read(speech)
        expected = recognizer(speech)
        given = kind(rate)
        assert recognizer(samples, given) == recognizer({"array": samples, "sampling_rate": given}) == expected
        if kind is not np.array:
            assert recognizer((samples, given)) == expected
        assert list(recognizer.over_time(samples, given)) == list(recognizer.over_time(speech))
        stream = recognizer.stream(given)
        assert stream.push(samples) + stream.finish() == list(recognizer.over_time(speech))

    @pytest.mark.parametrize(
        ("rate", "message"),
        [
            *((0, "0 Hz is out of range"), (-16_000, "-16000 Hz is out of range"), (10**9, "out of range")),
            *(("16000", "rate is '16000': expected a whole number, in Hz"), (0.5, "0.5: expected"), (True, "True")),
            *((float("nan"), "nan: expected"), (float("inf"), "inf: expected"), (None, "pass sample_rate in Hz")),
        ],
    )
    def test_of_a_wrong_sample_rate_is_refused(self, recognizer: Recognizer, rate, message):
        samples = 0.1 * np.random.default_rng(0).standard_normal(16_000)
        for form in ((samples, rate), {"array": samples, "sampling_rate": rate}):
            for call in (recognizer, lambda form: list(recognizer.over_time(form))):
                with pytest.raises(UserError, match=message):
                    call(form)
        if rate is not None:
            with pytest.raises(UserError, match=message):
                recognizer.stream(rate)

    def test_as_floats_in_the_scale_of_16_bits_is_refused(self, recognizer: Recognizer, speech):
        samples, rate = soundfile.read(speech, dtype="int16")
        for call in (recognizer, lambda *form: list(recognizer.over_time(*form))):
            with pytest.raises(UserError, match=r"samples reach \d+: expected floats in \[-1, 1\].*Divide.*by 32768"):
                call(samples.astype(np.float32), rate)

    def test_in_a_file_that_cannot_be_rewound_is_refused(self, recognizer: Recognizer, speech, tmp_path):
        closed = speech.open("rb")
        closed.close()
        reader, writer = os.pipe()
        with (tmp_path / "new.wav").open("wb") as written, os.fdopen(reader, "rb") as pipe, os.fdopen(writer, "wb"):
            for file, message in ((closed, "closed file"), (written, "read"), (pipe, "seek")):
                for call in (recognizer, lambda form: list(recognizer.over_time(form))):
                    with pytest.raises(UserError, match=f"cannot be read from its start: .*{message}.*Expected one"):
                        call(file)

    def test_among_several_is_an_error_with_its_number(self, recognizer: Recognizer, speech, tmp_path):
        with pytest.raises(UserError, match=r"^clip 2: the recording is silent"):
            recognizer([speech, (np.zeros(16_000), 16_000)])
        with pytest.raises(UserError, match=r"^clip 1: .*gone\.wav cannot be read"):
            recognizer([tmp_path / "gone.wav", speech])

    def test_that_cannot_be_used_is_an_error_with_its_name(self, recognizer: Recognizer, tmp_path):
        (tmp_path / "a.wav").write_text("not audio")
        with pytest.raises(UserError, match=r"a\.wav cannot be decoded"):
            recognizer(tmp_path / "a.wav")
        soundfile.write(tmp_path / "b.wav", np.full(20, 0.5), 16_000)
        with pytest.raises(UserError, match=r"b\.wav is too short: 20 samples at 16,000 Hz.*one frame needs 512"):
            recognizer(tmp_path / "b.wav")
        for samples, message in (
            (np.zeros(16_000), "the recording is silent"),
            (np.full(16_000, np.nan), "NaN"),
            (np.zeros(0), "contains no samples"),
            (np.ones(16_000, np.int64), "int64: expected int16, or floats"),
        ):
            with pytest.raises(UserError, match=message):
                recognizer(samples, 16_000)
        with pytest.raises(UserError, match="pass sample_rate"):
            recognizer(np.ones(16_000))


def speech_like(seconds, rate=16_000, level=0.3):
    """Noise in syllables."""
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).uniform(-1, 1, len(times))
    return (level * noise * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * times))).astype(np.float32)


class TestWarnings:
    def test_are_empty_for_clean_speech(self, recognizer: Recognizer, speech):
        assert recognizer(speech).warning == ""
        assert {one.warning for one in recognizer.over_time(speech)} == {""}

    def test_are_about_the_sample_rate(self, recognizer: Recognizer):
        clip = speech_like(2.0, 8_000), 8_000
        stream = recognizer.stream(8_000)
        for one in (recognizer(clip), *recognizer.over_time(clip), *stream.push(clip[0]), *stream.finish()):
            assert one.warning.startswith("is sampled at 8,000 Hz and has no content above 4,000 Hz")
            assert one.as_json()["warning"] == one.warning

    def test_are_about_clipping(self, recognizer: Recognizer):
        clip = np.clip(speech_like(2.0, level=1.5), -1, 1), 16_000
        for one in (recognizer(clip), *recognizer.over_time(clip)):
            assert one.warning == "is clipped: 0.1% or more of its samples are at full scale"

    def test_forget_clipping_that_the_user_has_ended(self, recognizer: Recognizer):
        stream = recognizer.stream(16_000, hop=1.0)
        loud, good = np.clip(speech_like(2.0, level=1.5), -1, 1), speech_like(2.0)
        assert "is clipped" in stream.push(loud)[-1].warning
        for _ in range(60):
            warnings = {one.warning for one in stream.push(good)}
        assert warnings == {""}
        assert "is clipped" in stream.push(loud)[-1].warning

    def test_are_about_the_file(self, recognizer: Recognizer, speech):
        content = bytearray(speech.read_bytes())
        content[4:8] = (len(content) + 100).to_bytes(4, "little")
        for one in (recognizer(bytes(content)), *recognizer.over_time(bytes(content))):
            assert one.warning == "has a wrong size in its header; its samples are complete"

    def test_are_about_channels_that_cancel_each_other(self, recognizer: Recognizer, speech):
        samples, rate = soundfile.read(speech, dtype="float32")
        both = np.stack([samples, -samples], axis=1)
        expected = recognizer(samples, rate)
        found = recognizer(both, rate)
        assert found.probabilities == expected.probabilities
        assert found.warning.startswith("has channels of opposite phase")
        assert [one.emotion for one in recognizer.over_time(both, rate)] == [
            one.emotion for one in recognizer.over_time(samples, rate)
        ]

    def test_are_about_a_recording_that_is_too_quiet(self, recognizer: Recognizer):
        quiet = speech_like(12.0, level=1e-3)
        *others, last = recognizer.over_time(quiet, 16_000)
        assert {one.emotion for one in (*others, last)} == {None}
        level = "is below the voice activity detection (VAD) threshold: its loudest window has -6"
        assert last.warning.startswith(level)
        assert "lower --vad_threshold" in last.warning
        found = recognizer(quiet[:64_000], 16_000)
        assert found.emotion, "a call classifies it"
        assert found.warning.startswith(level)
        live = recognizer.stream(16_000).push(quiet)
        assert [bool(one.warning) for one in live] == [number == 19 for number in range(len(live))]
        assert not any(one.warning for one in recognizer.over_time(quiet, 16_000, vad_threshold=-80))

    def test_are_about_the_part_that_is_not_classified(self, recognizer: Recognizer):
        silence = np.zeros(16_000, np.float32)
        window = recognizer.framing.seconds
        [short, long] = recognizer([np.concatenate([silence, speech_like(n * window)]) for n in (1.5, 2.5)], 16_000)
        for one in (short, long):
            assert one.start == pytest.approx(1.0, abs=0.1), "silence is trimmed"
            assert one.end == pytest.approx(one.start + window)
        assert short.warning == ""
        assert long.warning.startswith(f"is longer than the window: only {long.start:.1f} to {long.end:.1f} s are")


class TestStreams:
    def test_take_no_samples_after_their_end(self, recognizer: Recognizer):
        stream = recognizer.stream(16_000)
        stream.finish()
        for late in (lambda: stream.push(np.zeros(9, np.float32)), lambda: stream.push(np.zeros(0)), stream.finish):
            with pytest.raises(UserError, match="the stream has ended"):
                late()

    @pytest.mark.parametrize("rate", [16_000, 48_000])
    def test_average_channels_and_copy_their_blocks(self, recognizer: Recognizer, rate):
        samples = speech_like(3.0, rate)
        expected = list(recognizer.over_time(samples, rate))
        for form in (lambda block: block[:, None], lambda block: np.stack([block, block], axis=1)):
            stream, buffer, found = recognizer.stream(rate), np.zeros((512, 2), np.float32), []
            for begin in range(0, len(samples), 512):
                block = form(samples[begin : begin + 512])
                view = buffer[: len(block), : block.shape[1]]
                view[:] = block
                found += stream.push(view)
                buffer[:] = 0.5  # as a sound card does, which uses it for the next block
            found += stream.finish()
            assert [one.probabilities for one in found] == [one.probabilities for one in expected]

    @pytest.mark.parametrize(
        ("block", "message"),
        [
            *((np.ones(9, np.uint8), "uint8: expected int16"), (np.ones(9, bool), "bool"), ([0.1], "samples are list")),
            *((b"abcd", "samples are bytes"), (np.ones((2, 512)), "more channels than samples"), (None, "NoneType")),
            *((np.full(9, 3000.0), "samples reach 3000"), (np.full(9, np.nan), "NaN"), (np.ones((1, 1, 9)), "3 dim")),
        ],
    )
    def test_refuse_what_a_call_refuses(self, recognizer: Recognizer, block, message):
        with pytest.raises(UserError, match=message):
            recognizer.stream().push(block)

    def test_take_empty_blocks(self, recognizer: Recognizer):
        assert recognizer.stream().push(np.zeros((0, 2), np.float32)) == []


class TestPickling:
    def test_of_a_recognizer_loads_its_file_again(self, recognizer: Recognizer, bundle, speech, monkeypatch, tmp_path):
        monkeypatch.chdir(bundle)
        board = aersut.load("frontend.tflite", min_confidence=0.3)
        content = pickle.dumps((recognizer, board))
        monkeypatch.chdir(tmp_path)
        for original, copy in zip((recognizer, board), pickle.loads(content), strict=True):
            assert copy(speech) == original(speech)


class TestMinConfidence:
    def test_makes_an_emotion_uncertain_and_keeps_its_probabilities(self, bundle, speech, dialogue):
        certain = aersut.load(bundle / "model_float32.tflite")
        expected = certain(speech)
        unsure = aersut.load(bundle / "model_float32.tflite", min_confidence=1.0)
        assert (unsure(speech).emotion, unsure(speech).confidence) == ("uncertain", expected.confidence)
        assert unsure(speech).probabilities == expected.probabilities
        assert aersut.load(bundle / "model_float32.tflite", expected.confidence)(speech).emotion == expected.emotion
        emotions = {one.emotion for one in unsure.over_time(dialogue, hop=0.25)}
        assert emotions == {"uncertain", None}, "silence remains silence"

    def test_out_of_range_is_refused(self, bundle):
        with pytest.raises(UserError, match="min_confidence is 2: expected 0 to 1"):
            aersut.load(bundle / "model_float32.tflite", 2)


class TestOverTime:
    def test_classifies_each_window_and_detects_silence(self, recognizer: Recognizer, dialogue):
        predictions = list(recognizer.over_time(dialogue, hop=0.25))
        starts = [one.start for one in predictions]
        assert starts == pytest.approx(np.arange(len(starts)) * 0.25)
        assert predictions[-1].end == pytest.approx(soundfile.info(dialogue).duration)
        assert {one.emotion is None for one in predictions} == {True, False}
        for one in predictions:
            assert one.emotion is not None or (one.confidence == 0 and not one.probabilities)
        assert all(one.emotion for one in recognizer.over_time(dialogue, hop=0.25, vad_threshold=None))

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.integers(1, 9_000), min_size=1, max_size=12), st.sampled_from([8_000, 16_000, 44_100]))
    def test_a_stream_equals_a_file_for_any_block_sizes(self, recognizer: Recognizer, dialogue, sizes, rate):
        samples = soundfile.read(dialogue, dtype="int16")[0][:40_000]
        offline = list(recognizer.over_time(samples, rate, hop=0.3, smoothing=1.0))
        stream = recognizer.stream(rate, hop=0.3, smoothing=1.0)
        live, begin = [], 0
        for size in sizes * len(samples):
            live += stream.push(samples[begin : begin + size])
            begin += size
            if begin >= len(samples):
                break
        assert live + stream.finish() == offline

    def test_a_window_of_a_stream_equals_a_clip_of_the_same_samples(self, recognizer: Recognizer, speech):
        samples, rate = soundfile.read(speech, dtype="int16")
        window = samples[: recognizer.framing.samples]
        [prediction] = recognizer.over_time(window, rate)
        for emotion, value in recognizer(window, rate).probabilities.items():
            assert prediction.probabilities[emotion] == pytest.approx(value, abs=1e-6)

    def test_a_level_above_full_scale_is_no_threshold(self, recognizer: Recognizer):
        with pytest.raises(UserError, match="vad_threshold is 5 dBFS: expected at most 0, or None"):
            recognizer.stream(vad_threshold=5)

    def test_smoothing_is_the_mean_of_recent_windows(self, recognizer: Recognizer, dialogue):
        plain = list(recognizer.over_time(dialogue, hop=0.25, vad_threshold=None))
        smooth = list(recognizer.over_time(dialogue, hop=0.25, vad_threshold=None, smoothing=0.5))
        for n in range(1, len(plain) - 1):
            for emotion in recognizer.labels:
                mean = (plain[n].probabilities[emotion] + plain[n - 1].probabilities[emotion]) / 2
                assert smooth[n].probabilities[emotion] == pytest.approx(mean, abs=1e-6)

    def test_steady_noise_is_not_speech(self, recognizer: Recognizer):
        noise = 0.1 * np.random.default_rng(0).standard_normal(48_000)
        assert [one.emotion for one in recognizer.over_time(noise, 16_000)] == [None] * 4

    @pytest.mark.parametrize("size", [160, 700, 9_000])
    def test_of_a_board_are_the_same_for_any_block_size(self, bundle, dialogue, size):
        board = load(bundle / "frontend.tflite", min_confidence=0.2)
        samples, rate = soundfile.read(dialogue, dtype="int16")
        stream = board.stream(rate)
        live = [one for begin in range(0, len(samples), size) for one in stream.push(samples[begin : begin + size])]
        assert live + stream.finish() == list(board.over_time(dialogue))
        assert {None, "uncertain"} < {one.emotion for one in live}
        hop = board.framing.hop_length / rate * (rate // board.framing.hop_length // 2)
        assert [one.start for one in live] == pytest.approx(hop * np.arange(len(live)))

    @pytest.mark.parametrize("frames", [None, 0.5, 1.4, 2.5])
    def test_of_a_board_average_three_windows(self, frames, bundle, dialogue):
        board = load(bundle / "frontend.tflite")
        hop = frames and frames * board.framing.hop_length / board.framing.sample_rate
        plain = list(board.over_time(dialogue, hop=hop, smoothing=0, vad_threshold=None))
        smooth = list(board.over_time(dialogue, hop=hop, vad_threshold=None))
        for n in range(2, len(plain)):
            mean = np.mean([list(one.probabilities.values()) for one in plain[n - 2 : n + 1]], axis=0)
            assert list(smooth[n].probabilities.values()) == pytest.approx(mean, abs=1e-6)

    def test_of_a_board_need_a_window(self, bundle, speech):
        board = load(bundle / "frontend.tflite")
        samples, rate = soundfile.read(speech, dtype="int16")
        with pytest.raises(UserError, match=r"does not fill one window of [\d.]+ s; classify it without --stream"):
            list(board.over_time(samples[:8_000], rate))
        assert sum(board(samples[:8_000], rate).probabilities.values()) == pytest.approx(1, abs=0.05)
        with pytest.raises(
            UserError, match="too short: 100 samples at 16,000 Hz, resampled to 100; one frame needs 512"
        ):
            board(samples[:100], 16_000)

    def test_reports_invalid_settings(self, recognizer: Recognizer):
        with pytest.raises(UserError, match="hop is 9 s"):
            recognizer.stream(hop=9)
        with pytest.raises(UserError, match="smoothing is -1"):
            recognizer.stream(smoothing=-1)
        with pytest.raises(UserError, match="3 Hz is out of range"):
            recognizer.stream(3)
        with pytest.raises(UserError, match="NaN"):
            recognizer.stream().push(np.full(10, np.inf))
        with pytest.raises(UserError, match="too short"):
            list(recognizer.over_time(np.ones(10), 16_000))
        for several in ([(np.ones(10), 16_000)], ["a.wav", "b.wav"], pandas.Series(["a.wav"])):
            with pytest.raises(UserError, match=r"one recording, got (list|Series): call it for each"):
                list(recognizer.over_time(several))


class TestLoading:
    def test_a_file_needs_neither_jax_nor_tensorflow(self, bundle: Path, speech):
        code = (
            "import sys, aersut\n"
            f"assert aersut.load({str(bundle / 'model_int8.tflite')!r})({str(speech)!r}).emotion\n"
            "print({name.split('.')[0] for name in sys.modules} & {'jax', 'tensorflow', 'pydantic', 'scipy', 'grain'})"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert (done.stdout.strip(), done.stderr) == ("set()", "")

    def test_reports_what_to_install_where_it_is_missing(self, bundle: Path, finished: Run, launch, monkeypatch):
        monkeypatch.setitem(sys.modules, "aersut.serving.jax_runner", None)
        monkeypatch.setitem(sys.modules, "aersut.serving.web", None)
        with pytest.raises(UserError, match=r"pip install 'aersut\[train\]', or load an exported"):
            load(finished.folder)
        outcome = launch("--mode=monitor", f"--model={bundle / 'model_float32.tflite'}", "--port=0")
        assert (outcome.status, "pip install 'aersut[monitor]'" in outcome.err) == (2, True)

    def test_reports_what_is_missing_or_not_a_model(self, bundle: Path, tmp_path):
        with pytest.raises(UserError, match="no such file or folder"):
            load(tmp_path / "nothing.tflite")
        with pytest.raises(UserError, match="a folder without config"):
            load(tmp_path)
        with pytest.raises(UserError, match="computes features, or reads the frames"):
            load(bundle / "features.tflite")
        content = (bundle / "model_float32.tflite").read_bytes()
        alone = tmp_path / "model_float32.tflite"
        alone.write_bytes(content)
        with pytest.raises(UserError, match=r"needs features\.tflite in the same folder"):
            load(alone)
        alone.write_bytes(content[: len(content) // 2])
        with pytest.raises(UserError, match="damaged"):
            load(alone)
        alone.write_text("hello, world")
        with pytest.raises(UserError, match=r"is not a \.tflite file"):
            load(alone)

    def test_refuses_the_features_of_another_run(self, bundle: Path, tmp_path):
        for name in ("features.tflite", "model_float32.tflite"):
            (tmp_path / name).write_bytes((bundle / name).read_bytes())
        features = tmp_path / "features.tflite"
        file = TFLiteFile.read(features)
        features.write_bytes(file.with_metadata({**file.metadata, "scaling": None}).content)
        with pytest.raises(UserError, match=r"different runs \('scaling' differs\)"):
            load(tmp_path / "model_float32.tflite")

    def test_refuses_a_file_without_metadata(self, bundle: Path, tmp_path):
        bare = tmp_path / "model_float32.tflite"
        bare.write_bytes(TFLiteFile.read(bundle / "model_float32.tflite").with_metadata(None).content)
        with pytest.raises(UserError, match="has no AERSUT metadata"):
            load(bare)
