"""Evaluation of the firmware's stream: frames, ring buffer and windows are those of the device."""

import json
from pathlib import Path

import numpy as np
import pytest

from aersut.contracts import Framing
from aersut.errors import UserError
from aersut.evaluation.evaluate import EvaluationOptions, evaluate
from aersut.evaluation.streamed import StreamedModel, frames_of, without_offset
from aersut.export.streaming import cut
from aersut.run import Run
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import run_tflm


@pytest.mark.parametrize("center", [False, True])
def test_frames_of_a_window_are_those_of_the_export(center: bool):
    framing = Framing(sample_rate=1_000, seconds=0.1, frame_length=16, hop_length=10, center=center)
    samples = np.arange(1, 101, dtype=np.int16)
    np.testing.assert_array_equal(frames_of(samples, framing)[: framing.frames], cut(samples, framing))
    np.testing.assert_array_equal(frames_of(samples[:30], framing), cut(np.pad(samples[:30], (0, 70)), framing))


def test_the_probabilities_are_the_mean_over_windows_every_half_second(finished: Run):
    bundle, framing = finished.export, finished.experiment.framing
    rng = np.random.default_rng(0)
    stride = framing.sample_rate // framing.hop_length // 2
    samples = 0.1 * rng.standard_normal(framing.samples + 2 * stride * framing.hop_length)
    model = StreamedModel(bundle / "frontend.tflite", framing, len(finished.experiment.data.emotions))
    found = model([samples])[0]

    frontend, classifier = (TFLiteFile.read(bundle / name) for name in ("frontend.tflite", "model_int8.tflite"))
    stored = without_offset(np.rint(samples * 32768).astype(np.int16))
    rows = run_tflm(frontend, frames_of(stored, framing)).outputs
    windows = np.stack([rows[begin : begin + framing.frames] for begin in (0, stride, 2 * stride)])
    expected = classifier.outputs[0].dequantize(run_tflm(classifier, windows).outputs)
    np.testing.assert_allclose(found, expected.mean(axis=0), atol=0.03)  # LiteRT rounds int8 otherwise
    assert np.abs(expected[0] - expected.mean(axis=0)).max() > 0


def test_the_offset_of_a_microphone_is_removed_from_the_first_sample_on():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1_000, 48_000).astype(np.int16)
    found = without_offset((noise + 3_000).astype(np.int16)).astype(float)
    assert abs(found[:8_000].mean() - noise[:8_000].mean()) < 1_500  # the first sample is the first estimate
    assert abs(found[-8_000:].mean() - noise[-8_000:].mean()) < 50
    assert np.abs(np.diff(found) - np.diff(noise.astype(float))).max() < 3


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


def test_files_of_another_framing_are_refused(finished: Run):
    other = Framing(sample_rate=16_000, seconds=1.0, frame_length=400, hop_length=160)
    with pytest.raises(UserError, match="do not fit this run"):
        StreamedModel(finished.export / "frontend.tflite", other, 8)
