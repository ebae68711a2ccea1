"""The bundle of a run: whole or not at all, and every file with what it needs to be used."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aersut.config import Experiment
from aersut.errors import UserError
from aersut.export import card, classifier
from aersut.export import export as module
from aersut.export.context import FIELDS, Context, Options
from aersut.export.flatbuffer import describe, metadata
from aersut.export.verify import run_litert, stored
from aersut.models import Ensemble
from aersut.run import Run, open_run, prepare
from aersut.training.trained import load


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A finished run of its own."""
    shutil.copytree(finished.folder, tmp_path / "run")
    return open_run(tmp_path / "run")


def result(run: Run) -> dict[str, dict[str, dict[str, object]]]:
    return json.loads((run.export / "export.json").read_text())


MODELS = [f"model_{name}.tflite" for name in ("float32", "float16", "dynamic", "int8", "int16x8")]


def test_the_bundle_holds_every_format_labels_and_a_card(finished: Run):
    names = {path.name for path in finished.export.iterdir()}
    assert {*MODELS, "labels.txt", "model_card.md", "export.json"} <= names
    assert (finished.export / "labels.txt").read_text().splitlines() == list(finished.experiment.data.emotions)
    text = (finished.export / "model_card.md").read_text()
    assert "SYNTHETIC" in text
    assert all(name in text for name in MODELS)
    assert "It learned what" not in text


def test_the_card_says_of_whom_a_network_learned():
    assert card._teacher(Experiment(teacher=Ensemble())) == [
        "- It learned what another network, `ensemble`, says of the training clips; that one learned their labels."
    ]


def test_export_json_says_of_each_file_what_was_measured(finished: Run):
    files = result(finished)["files"]
    for name in MODELS:
        assert set(FIELDS) <= set(files[name])
        assert files[name]["bytes"] == (finished.export / name).stat().st_size
    assert files["model_float32.tflite"]["difference"] <= 1e-4
    assert files["model_float32.tflite"]["same"] == 1.0
    assert 1_000 < files["model_int8.tflite"]["arena"] < 50_000
    assert files["model_int8.tflite"]["micro"]["same"] > 0.7
    assert files["model_dynamic.tflite"]["arena"] is None
    assert files["model_int8.tflite"]["operators"]["CONV_2D"] == 2


def test_each_file_says_by_itself_how_to_use_it(finished: Run):
    trained, prepared = load(finished), prepare(finished)
    items = prepared.split.items("test")
    for name in MODELS:
        file = (finished.export / name).read_bytes()
        about, inside = metadata(file, name), describe(file)
        assert about["kind"] == "classifier"
        assert about["labels"] == list(finished.experiment.data.emotions)
        assert (about["sample_rate"], about["per_utterance"], about["synthetic"]) == (16_000, False, True)
        assert about["epoch"] == trained.epoch
        assert about["measured"]["clips"] == len(items)
        assert about["input"]["scale"] == inside.inputs[0].scale
        features = prepared.features(items[:3])
        scaled = (features - about["scaling"]["mean"]) / about["scaling"]["deviation"]
        expected = np.asarray(trained.frontend.scaled(features))
        np.testing.assert_allclose(scaled, expected, atol=1e-5)
        if about["input"]["dtype"] == "int8":
            by_hand = np.round(expected / about["input"]["scale"]) + about["input"]["zero_point"]
            assert np.array_equal(stored(expected, inside.inputs[0]), np.clip(by_hand, -128, 127))
        np.testing.assert_allclose(run_litert(file, expected).sum(1), 1, atol=0.05)


def test_calibration_is_listed(finished: Run):
    prepared = prepare(finished)
    training = {str(prepared.collection.clips[clip].path) for clip, _ in prepared.split.items("train")}
    listed = result(finished)["calibration"]
    assert set(listed) <= training
    assert len(set(listed)) == len(listed) >= 2 * len(finished.experiment.data.emotions)


def test_the_table_has_a_row_per_file(finished: Run):
    rows = module.table(result(finished)).splitlines()
    assert [row.split()[0] for row in rows[1:6]] == MODELS
    for heading in ("size", "arena", "latency", "WA", "UAR", "same as JAX"):
        assert heading in rows[0]
    assert {len(row) for row in rows[:6]} == {len(rows[0])}


def _untouched(folder: Path) -> Callable[[], bool]:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    return lambda: {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_export_that_fails_leaves_the_old_bundle(run: Run, monkeypatch: pytest.MonkeyPatch):
    def fails(context: Context) -> dict[str, bytes]:
        raise UserError("no")

    monkeypatch.setattr(module, "PRODUCERS", (lambda context: {"new.tflite": b""}, fails))
    untouched = _untouched(run.export)
    with pytest.raises(UserError, match="no"):
        module.export(run)
    assert untouched()
    assert [path.name for path in run.folder.iterdir() if path.name.startswith(".export")] == []


def test_a_new_bundle_replaces_the_old_one_whole(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PRODUCERS", (lambda context: {"new.tflite": b"x"},))
    module.export(run)
    assert {path.name for path in run.export.iterdir()} == {"new.tflite", "export.json"}


def test_a_float32_file_that_errs_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch):
    shifted = lambda base, number_format, clips: (  # noqa: E731
        quantize(base, number_format, clips) if number_format != "float32" else quantize(base, "dynamic", clips)
    )
    quantize = classifier.quantize
    monkeypatch.setattr(classifier, "quantize", shifted)
    untouched = _untouched(run.export)
    with pytest.raises(UserError, match="float32 file in LiteRT differs from JAX"):
        module.export(run)
    assert untouched()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: shutil.rmtree(run.checkpoints), "no checkpoint yet"),
        (
            lambda run: [path.write_bytes(b"{}") for path in run.checkpoints.rglob("*") if path.is_file()],
            "checkpoint",
        ),
    ],
)
def test_a_run_without_a_checkpoint_that_can_be_read(run: Run, launch, spoil: Callable[[Run], object], message: str):
    spoil(run)
    untouched = _untouched(run.export)
    outcome = launch("--mode=export", f"--workdir={run.folder}")
    assert (outcome.status, outcome.err.count("error:")) == (2, 1)
    assert message in outcome.err
    assert untouched()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--export.calibration=3", "3 clips are too few to calibrate 8 emotions"),
        ("--export.calibration=many", "--export.calibration: .*integer"),
        ("--export.max_uar_loss=7", "max_uar_loss must be from 0 to 1"),
        ("--export.callibration=9", "Did you mean 'calibration'"),
    ],
)
def test_wrong_options_are_named(finished: Run, launch, option: str, message: str):
    outcome = launch("--mode=export", f"--workdir={finished.folder}", option)
    assert outcome.status == 2
    assert __import__("re").search(message, outcome.err)


def test_options_check_themselves():
    with pytest.raises(ValueError, match="calibration"):
        Options(calibration=0)
