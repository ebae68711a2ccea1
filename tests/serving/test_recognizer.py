"""One class hears with checkpoints and files alike, and as evaluation does."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import aersut
from aersut.errors import UserError
from aersut.export.flatbuffer import metadata, with_metadata
from aersut.run import Run
from aersut.serving.recognizer import Recognizer, load


def assert_as_evaluated(recognizer: Recognizer, rows: list[dict[str, str]], tolerance: float) -> None:
    for row in rows:
        prediction = recognizer(row["path"])
        for emotion, value in prediction.probabilities.items():
            assert abs(value - float(row[emotion])) <= tolerance
        if tolerance < 1e-4:
            assert prediction.emotion == row["predicted"]


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
    def test_is_judged_by_a_file_as_by_evaluation(self, bundle, judged, file, tolerance):
        recognizer = aersut.load(bundle / file)
        assert recognizer.name == file
        assert_as_evaluated(recognizer, judged, tolerance)

    def test_is_judged_by_a_run_folder_as_by_evaluation(self, finished: Run, judged):
        assert_as_evaluated(aersut.load(finished.folder), judged, 1e-5)

    def test_comes_as_samples_of_any_kind_too(self, recognizer: Recognizer, voice):
        wanted = recognizer(voice)
        samples, rate = soundfile.read(voice, dtype="int16")
        floats = samples / 32768
        for same in (samples, floats, floats.astype(np.float32), np.stack([floats, floats], axis=1)):
            assert recognizer(same, rate) == wanted
        assert wanted.confidence == max(wanted.probabilities.values()) == wanted.probabilities[wanted.emotion or ""]
        assert sum(wanted.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert tuple(wanted.probabilities) == recognizer.labels

    def test_that_is_none_is_refused_by_its_name(self, recognizer: Recognizer, tmp_path):
        (tmp_path / "a.wav").write_text("no sound")
        with pytest.raises(UserError, match=r"a\.wav cannot be decoded"):
            recognizer(tmp_path / "a.wav")
        soundfile.write(tmp_path / "b.wav", np.full(20, 0.5), 16_000)
        with pytest.raises(UserError, match=r"b\.wav is too short: 20 samples at 16,000 Hz.*one frame takes 512"):
            recognizer(tmp_path / "b.wav")
        for samples, said in (
            (np.zeros(16_000), "the recording is silent"),
            (np.full(16_000, np.nan), "no numbers"),
            (np.zeros(0), "holds no samples"),
            (np.ones(16_000, np.int64), "int64: expected int16, or floats"),
        ):
            with pytest.raises(UserError, match=said):
                recognizer(samples, 16_000)
        with pytest.raises(UserError, match="give sample_rate"):
            recognizer(np.ones(16_000))


class TestOverTime:
    def test_follows_windows_and_takes_silence_for_silence(self, recognizer: Recognizer, talk):
        predictions = list(recognizer.over_time(talk, hop=0.25))
        starts = [one.start for one in predictions]
        assert starts == pytest.approx(np.arange(len(starts)) * 0.25)
        assert predictions[-1].end == pytest.approx(soundfile.info(talk).duration)
        assert {one.emotion is None for one in predictions} == {True, False}
        for one in predictions:
            assert one.emotion is not None or (one.confidence == 0 and not one.probabilities)
        assert all(one.emotion for one in recognizer.over_time(talk, hop=0.25, gate=None))

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.integers(1, 9_000), min_size=1, max_size=12), st.sampled_from([8_000, 16_000, 44_100]))
    def test_a_stream_gives_what_a_file_gives_however_it_is_cut(self, recognizer: Recognizer, talk, sizes, rate):
        samples = soundfile.read(talk, dtype="int16")[0][:40_000]
        offline = list(recognizer.over_time(samples, rate, hop=0.3, smoothing=1.0))
        stream = recognizer.stream(rate, hop=0.3, smoothing=1.0)
        live, begin = [], 0
        for size in sizes * len(samples):
            live += stream.push(samples[begin : begin + size])
            begin += size
            if begin >= len(samples):
                break
        assert live + stream.finish() == offline

    def test_a_window_of_a_stream_is_judged_as_a_clip_of_these_samples(self, recognizer: Recognizer, voice):
        samples, rate = soundfile.read(voice, dtype="int16")
        window = samples[: recognizer.framing.samples]
        [prediction] = recognizer.over_time(window, rate)
        for emotion, value in recognizer(window, rate).probabilities.items():
            assert prediction.probabilities[emotion] == pytest.approx(value, abs=1e-6)

    def test_smoothing_is_the_mean_of_the_windows_of_late(self, recognizer: Recognizer, talk):
        plain = list(recognizer.over_time(talk, hop=0.25, gate=None))
        smooth = list(recognizer.over_time(talk, hop=0.25, gate=None, smoothing=0.5))
        for n in range(1, len(plain) - 1):
            for emotion in recognizer.labels:
                mean = (plain[n].probabilities[emotion] + plain[n - 1].probabilities[emotion]) / 2
                assert smooth[n].probabilities[emotion] == pytest.approx(mean, abs=1e-6)

    def test_noise_without_ups_and_downs_is_no_voice(self, recognizer: Recognizer):
        noise = 0.1 * np.random.default_rng(0).standard_normal(48_000)
        assert [one.emotion for one in recognizer.over_time(noise, 16_000)] == [None] * 4

    def test_says_what_cannot_be_followed(self, recognizer: Recognizer):
        with pytest.raises(UserError, match="hop is 9 s"):
            recognizer.stream(hop=9)
        with pytest.raises(UserError, match="smoothing is -1"):
            recognizer.stream(smoothing=-1)
        with pytest.raises(UserError, match="3 Hz is none of sound"):
            recognizer.stream(3)
        with pytest.raises(UserError, match="no numbers"):
            recognizer.stream().push(np.full(10, np.inf))
        with pytest.raises(UserError, match="too short"):
            list(recognizer.over_time(np.ones(10), 16_000))


class TestLoading:
    def test_a_file_takes_neither_jax_nor_tensorflow(self, bundle: Path, voice):
        code = (
            "import sys, aersut\n"
            f"assert aersut.load({str(bundle / 'model_int8.tflite')!r})({str(voice)!r}).emotion\n"
            "print({name.split('.')[0] for name in sys.modules} & {'jax', 'tensorflow', 'pydantic', 'scipy', 'grain'})"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert (done.stdout.strip(), done.stderr) == ("set()", "")

    def test_says_what_to_install_where_a_device_lacks_it(self, bundle: Path, finished: Run, launch, monkeypatch):
        monkeypatch.setitem(sys.modules, "aersut.serving.checkpoint", None)
        monkeypatch.setitem(sys.modules, "aersut.serving.web", None)
        with pytest.raises(UserError, match=r"pip install 'aersut\[train\]', or name an exported"):
            load(finished.folder)
        outcome = launch("--mode=monitor", f"--model={bundle / 'model_float32.tflite'}", "--port=0")
        assert (outcome.status, "pip install 'aersut[monitor]'" in outcome.err) == (2, True)

    def test_names_what_is_missing_or_is_no_model(self, bundle: Path, tmp_path):
        with pytest.raises(UserError, match="no such file or run folder"):
            load(tmp_path / "nothing.tflite")
        with pytest.raises(UserError, match="a folder, but that of no run"):
            load(tmp_path)
        with pytest.raises(UserError, match="computes features"):
            load(bundle / "features.tflite")
        content = (bundle / "model_float32.tflite").read_bytes()
        alone = tmp_path / "model_float32.tflite"
        alone.write_bytes(content)
        with pytest.raises(UserError, match=r"no features\.tflite beside it"):
            load(alone)
        alone.write_bytes(content[: len(content) // 2])
        with pytest.raises(UserError, match="damaged"):
            load(alone)
        alone.write_text("hello, world")
        with pytest.raises(UserError, match=r"is no \.tflite file"):
            load(alone)

    def test_refuses_the_features_of_another_run(self, bundle: Path, tmp_path):
        for name in ("features.tflite", "model_float32.tflite"):
            (tmp_path / name).write_bytes((bundle / name).read_bytes())
        features = tmp_path / "features.tflite"
        tree = metadata(features.read_bytes())
        features.write_bytes(with_metadata(features.read_bytes(), {**tree, "scaling": None}))
        with pytest.raises(UserError, match="different runs: their scaling differ"):
            load(tmp_path / "model_float32.tflite")

    def test_refuses_a_file_that_does_not_say_what_it_is(self, bundle: Path, tmp_path):
        bare = tmp_path / "model_float32.tflite"
        bare.write_bytes(with_metadata((bundle / "model_float32.tflite").read_bytes(), None))
        with pytest.raises(UserError, match="does not say what it is"):
            load(bare)
