"""Evaluation of a run by its checkpoint or an exported model, on one fold or on all."""

import csv
import json

import numpy as np
import pytest

from aersut.run import prepare
from tests.evaluation.files import change, dense_file, waveform_file


def result_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def predictions(folder):
    return list(csv.DictReader((folder / "predictions.csv").read_text().splitlines()))


class TestAFinishedRun:
    def test_has_metrics_predictions_and_plots(self, finished):
        result = result_of(finished.evaluation.parent)
        names = {"uar", "wa", "macro_f1", "weighted_f1", "kappa", "roc_auc", "ece"}
        assert result["intervals"] == dict.fromkeys(names)
        assert (result["model"], result["speakers"]) == ("checkpoint", 2)
        [note] = result["notes"]
        assert note.startswith("too few speakers for intervals: 2")
        assert set(result["groups"]) == {"corpus", "sex", "speaker"} | (result["groups"].keys() & {"intensity"})
        rows = predictions(finished.evaluation.parent)
        wrong = [row for row in rows if row["emotion"] != row["predicted"]]
        assert len(result["misclassifications"]) == min(20, len(wrong)) > 0
        assert {row["path"] for row in result["misclassifications"]} <= {row["path"] for row in wrong}
        names = ["confusion", "classes", "reliability", "embedding-emotions", "embedding-speakers", "example-sad"]
        for name in names:
            assert (finished.folder / f"evaluation/plots/{name}.png").read_bytes().startswith(b"\x89PNG")
            assert "<svg" in (finished.folder / f"evaluation/plots/{name}.svg").read_text()


class TestAFile:
    def test_is_evaluated_like_the_checkpoint(self, launch, own_run):
        file = own_run.export / "model_float32.tflite"
        ran = launch("--mode=evaluate", f"--workdir={own_run.folder}", f"--model={file}")
        assert ran.status == 0, ran.err
        assert "warning" not in ran.err.lower()
        own, files = result_of(own_run.evaluation.parent), result_of(own_run.evaluation.parent / "model_float32")
        assert files["model"] == str(file)
        for key in own.keys() - {
            "model",
            "model_sha256",
            "misclassifications",
            "reliability",
            "ece",
            "roc_auc",
            "intervals",
            "classes",
        }:
            assert files[key] == own[key], key
        assert files["roc_auc"] == pytest.approx(own["roc_auc"], abs=0.01)
        assert launch("--mode=report", f"--workdir={own_run.folder}").status == 0
        assert "Other evaluations" in own_run.report.read_text()

    @pytest.mark.parametrize("name", ["model_int8", "waveform_float32"])
    def test_of_integers_or_samples_has_the_metrics_of_the_export(self, launch, own_run, name):
        file = own_run.export / f"{name}.tflite"
        assert launch("--mode=evaluate", f"--workdir={own_run.folder}", f"--model={file}").status == 0
        measured = json.loads((own_run.export / "export.json").read_text())["files"][file.name]
        result = result_of(own_run.evaluation.parent / name)
        assert result["uar"] == pytest.approx(measured["uar"])
        assert result["wa"] == pytest.approx(measured["wa"])

    def test_that_takes_samples_gets_the_windows(self, launch, own_run, tmp_path):
        prepared = prepare(own_run)
        clips = prepared.split.examples("test")[:, 0]
        peaks = [np.abs(prepared.collection.window(clip)).max() / 32768 for clip in clips.tolist()]
        file = tmp_path / "waveform.tflite"
        file.write_bytes(waveform_file(own_run.experiment.framing.samples, 8))
        assert launch("--mode=evaluate", f"--workdir={own_run.folder}", f"--model={file}").status == 0
        rows = predictions(own_run.evaluation.parent / "waveform")
        assert [row["predicted"] == "calm" for row in rows] == [peak > 0.2 for peak in peaks]

    @pytest.mark.parametrize("shape", [(9, 13), (47, 12)])
    def test_of_another_run_is_refused(self, launch, own_run, tmp_path, shape):
        file = tmp_path / "other.tflite"
        file.write_bytes(dense_file(np.ones((shape[1], 8), np.float32), shape[0], None, quantized=False))
        ran = launch("--mode=evaluate", f"--workdir={own_run.folder}", f"--model={file}")
        assert ran.status == 2
        assert f"takes {list(shape)}; expected the run's features [47, 13]" in ran.err

    def test_of_other_classes_is_refused(self, launch, own_run, tmp_path):
        file = tmp_path / "other.tflite"
        file.write_bytes(dense_file(np.ones((13, 5), np.float32), 47, None, quantized=False))
        ran = launch("--mode=evaluate", f"--workdir={own_run.folder}", f"--model={file}")
        assert (ran.status, "probabilities of 8 classes" in ran.err) == (2, True)

    def test_that_states_another_run_is_refused(self, launch, own_run, tmp_path):
        """Such as that of another fold, which may have been trained on the test speakers."""
        change(own_run.config, seed=7)
        file = own_run.export / "model_float32.tflite"
        ran = launch("--mode=evaluate", f"--workdir={own_run.folder}", f"--model={file}")
        assert ran.status == 2
        assert "was exported from another run" in ran.err
        assert "may have seen the test speakers" in ran.err

    def test_of_a_run_that_moved_with_its_clips_is_evaluated(self, launch, own_run, tmp_path):
        file = own_run.export / "model_float32.tflite"
        root = f"--experiment.data.root={tmp_path}"
        ran = launch("--mode=evaluate", f"--workdir={own_run.folder}", root, f"--model={file}")
        assert ran.status == 0, ran.err

    def test_with_its_classes_in_another_order_is_refused(self, launch, own_run):
        split = json.loads(own_run.split.read_text())
        change(own_run.split, emotions=split["emotions"][::-1])
        file = own_run.export / "model_float32.tflite"
        ran = launch("--mode=evaluate", f"--workdir={own_run.folder}", f"--model={file}")
        assert ran.status == 2
        assert "has the classes neutral, calm, happy, sad, angry, fear, disgust, surprise; the run has" in ran.err

    def test_that_is_not_there_is_refused(self, launch, own_run):
        ran = launch("--mode=evaluate", f"--workdir={own_run.folder}", "--model=nowhere.tflite")
        assert (ran.status, "nowhere.tflite cannot be read" in ran.err) == (2, True)

    def test_has_no_feature_importance(self, launch, own_run):
        file = own_run.export / "model_float32.tflite"
        ran = launch("--mode=evaluate", f"--workdir={own_run.folder}", f"--model={file}", "--importance")
        assert (ran.status, "omit --model" in ran.err) == (2, True)
