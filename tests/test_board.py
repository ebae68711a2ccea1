"""The stream of a board in Python, in an evaluation and by itself. test_stream.py of the C library compares the two."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aersut.board import BoardModel, BoardStream, frames_of
from aersut.contracts import Framing
from aersut.corpora.synthetic import render
from aersut.data.audio import to_float, to_int16
from aersut.errors import UserError
from aersut.evaluation.evaluate import EvaluationOptions, evaluate
from aersut.evaluation.predictor import open_exported
from aersut.run_folder import Run
from aersut.serving.predict import PredictOptions
from aersut.serving.recognizer import BoardRecognizer
from aersut.serving.served_models import load_served_models
from aersut.serving.session import Session
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import run_tflm
from aersut.training.trained import load_trained
from tests.export.files import cut
from tests.integer_offset import without_offset


@pytest.fixture(scope="module")
def board(finished: Run) -> BoardModel:
    return BoardModel(finished.export / "frontend.tflite")


@pytest.mark.parametrize("center", [False, True])
def test_frames_of_a_window_are_those_of_the_export(center: bool):
    framing = Framing(sample_rate=1_000, seconds=0.1, frame_length=16, hop_length=10, center=center)
    samples = np.arange(1, 101, dtype=np.int16)
    np.testing.assert_array_equal(frames_of(samples, framing)[: framing.frames], cut(samples, framing))
    np.testing.assert_array_equal(frames_of(samples[:30], framing), cut(np.pad(samples[:30], (0, 70)), framing))


def test_frames_may_be_further_apart_than_they_are_long():
    framing = Framing(sample_rate=1_000, seconds=0.1, frame_length=8, hop_length=20, center=False)
    frames = frames_of(np.arange(1, 101, dtype=np.int16), framing)
    np.testing.assert_array_equal(frames[:, 1], 1 + 20 * np.arange(5))


def test_windows_begin_every_half_second_whatever_the_blocks(board: BoardModel):
    framing, rng = board.framing, np.random.default_rng(0)
    stride = framing.sample_rate // framing.hop_length // 2
    samples = rng.integers(-900, 900, framing.samples + 2 * stride * framing.hop_length).astype(np.int16)
    whole = BoardStream(board).push(samples)
    assert [window.begin for window in whole] == [0, stride, 2 * stride]
    stream = BoardStream(board)
    blocks = np.split(samples, np.sort(rng.integers(0, len(samples), 50)))
    for found, like in zip([one for block in blocks for one in stream.push(block)], whole, strict=True):
        assert found.begin == like.begin
        np.testing.assert_array_equal(found.frames, like.frames)
        np.testing.assert_array_equal(found.powers, like.powers)


def test_a_window_has_the_features_of_samples_without_their_running_mean(board: BoardModel, finished: Run):
    samples = (np.random.default_rng(0).normal(0, 900, board.framing.samples) + 3_000).astype(np.int16)
    [window] = BoardStream(board).push(samples)
    inputs = frames_of(without_offset(samples), board.framing)[: board.framing.frames]
    frontend = TFLiteFile.read(finished.export / "frontend.tflite")
    np.testing.assert_array_equal(window.frames, run_tflm(frontend, inputs).outputs.reshape(window.frames.shape))
    np.testing.assert_allclose(window.powers, inputs[:, 1:].astype(np.float64).var(axis=1), rtol=1e-6)


def test_silence_before_speech_is_moved_behind_it(board: BoardModel):
    rng, framing = np.random.default_rng(0), board.framing
    frames = rng.integers(-128, 127, (framing.frames, len(board.silent)), dtype=np.int8)
    powers = np.full(framing.frames, 1e6, np.float32)
    powers[:5], powers[-3:] = 99, 0  # 40 dB below the loudest frame are 100
    [window] = BoardStream(board).push(np.zeros(framing.samples, np.int16))
    placed = np.concatenate([frames[5:-3], np.tile(board.silent, (8, 1))])
    found = board.classify(replace(window, frames=frames, powers=powers))
    like = board.classify(replace(window, frames=placed, powers=np.ones_like(powers)))
    np.testing.assert_array_equal(found, like)
    assert np.any(found != board.classify(replace(window, frames=frames, powers=np.ones_like(powers))))


@pytest.mark.parametrize("click", [slice(2, 3), slice(2, 5), slice(-5, -3)])
def test_a_click_is_no_speech(board: BoardModel, click: slice):
    rng, framing = np.random.default_rng(0), board.framing
    frames = rng.integers(-128, 127, (framing.frames, len(board.silent)), dtype=np.int8)
    powers = np.full(framing.frames, 1e6, np.float32)
    powers[:8] = powers[-8:] = 99
    [window] = BoardStream(board).push(np.zeros(framing.samples, np.int16))
    expected = board.classify(replace(window, frames=frames, powers=powers))
    powers[click] = 1e9  # frames of speech would be 10 dB below the silence that is removed
    np.testing.assert_array_equal(board.classify(replace(window, frames=frames, powers=powers)), expected)


def test_a_recording_has_the_mean_probabilities_of_its_windows(board: BoardModel, finished: Run):
    framing = board.framing
    samples = np.random.default_rng(0).normal(0, 3_000, 2 * framing.samples).astype(np.int16)
    samples[: framing.samples] //= 9
    windows = BoardStream(board).push(samples)
    probabilities = [board.classify(window) for window in windows]
    classifier = TFLiteFile.read(finished.export / "model_int8.tflite")  # noise has no silence that is removed
    outputs = run_tflm(classifier, np.stack([window.frames for window in windows])).outputs
    np.testing.assert_array_equal(probabilities, classifier.outputs[0].dequantize(outputs))
    np.testing.assert_allclose(board.recording(samples), np.mean(probabilities, axis=0), atol=1e-6)
    assert np.ptp(probabilities, axis=0).max() > 0
    lite = BoardModel(finished.export / "frontend.tflite", micro=False)
    np.testing.assert_allclose(lite.recording(samples), board.recording(samples), atol=0.03)  # other int8 kernels


def test_zeros_follow_a_recording_that_is_shorter_than_a_window(board: BoardModel):
    short = np.random.default_rng(0).normal(0, 3_000, board.framing.samples // 2).astype(np.int16)
    filled = np.pad(short, (0, board.framing.samples - len(short)))
    np.testing.assert_array_equal(board.recording(short), board.recording(filled))
    assert BoardStream(board).push(short) == []


def test_frontend_tflite_is_evaluated_as_a_stream(finished: Run):
    evaluation = evaluate(finished, EvaluationOptions(finished.export / "frontend.tflite"))
    assert evaluation.folder == finished.evaluation.parent / "frontend"
    result = json.loads((evaluation.folder / "metrics.json").read_text())
    assert result["clips"] == json.loads(finished.evaluation.read_text())["clips"]
    np.testing.assert_allclose(evaluation.predictions.probabilities.sum(axis=1), 1, atol=0.05)


def test_a_frontend_without_its_classifier_is_refused(finished: Run, tmp_path: Path):
    alone = tmp_path / "frontend.tflite"
    alone.write_bytes((finished.export / "frontend.tflite").read_bytes())
    with pytest.raises(UserError, match=r"has no ring_int8\.tflite or model_int8\.tflite beside it"):
        evaluate(finished, EvaluationOptions(alone))
    for name in ("frontend.tflite", "model_int8.tflite"):
        (tmp_path / name).write_bytes(TFLiteFile.read(finished.export / "model_int8.tflite").with_metadata({}).content)
    with pytest.raises(UserError, match=r"frontend\.tflite is not the frontend\.tflite of an export"):
        BoardModel(alone)


def test_files_of_different_runs_are_refused(finished: Run, tmp_path: Path):
    frontend = TFLiteFile.read(finished.export / "frontend.tflite")
    tree = frontend.metadata
    tree["framing"]["seconds"] = 1.0
    (tmp_path / "frontend.tflite").write_bytes(frontend.with_metadata(tree).content)
    classifier = "model_int8.tflite"
    (tmp_path / classifier).write_bytes((finished.export / classifier).read_bytes())
    with pytest.raises(UserError, match="are of different runs"):
        BoardModel(tmp_path / "frontend.tflite")


def test_a_frontend_of_another_run_is_refused(finished: Run):
    frontend = load_trained(finished).frontend
    other = replace(frontend, framing=replace(frontend.framing, seconds=1.0))
    with pytest.raises(UserError, match="does not fit this run"):
        open_exported(finished.export / "frontend.tflite", other)


def test_the_monitor_predicts_as_a_board(finished: Run):
    samples = np.concatenate([to_int16(render(1, emotion, 0)) for emotion in ("sad", "angry", "happy")])
    [recognizer] = [
        one
        for name, one in load_served_models(finished.export / "frontend.tflite").recognizers.items()
        if name == "frontend.tflite"
    ]
    assert isinstance(recognizer, BoardRecognizer)
    expected = recognizer.stream(16_000).push(samples)
    assert len(expected) > 2
    session = Session(recognizer, 16_000, PredictOptions())
    blocks = np.array_split(to_float(samples), 40)
    messages = [message for block in blocks for message in session.push(block) if "prediction" in message]
    assert [message["prediction"]["probabilities"] for message in messages] == [
        pytest.approx(dict(one.probabilities), abs=1e-6) for one in expected
    ]
