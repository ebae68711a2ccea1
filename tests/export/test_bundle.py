"""The bundle of a run is complete or not written, and each file describes itself."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aersut
from aersut.bundle_record import RECORD, record_bundle
from aersut.config import Data, Experiment, Init
from aersut.contracts import SkippedTargetError, Target
from aersut.corpora import Ravdess, Synthetic
from aersut.encoders import Moonshine
from aersut.errors import UserError
from aersut.evaluation.result_files import EMULATION
from aersut.experiment import load_experiment
from aersut.export import bundle as module
from aersut.export import model_card
from aersut.export.context import Context, ExportOptions
from aersut.export.metadata import FIELDS
from aersut.export.targets import classifier
from aersut.models import Ensemble
from aersut.registry import TARGETS
from aersut.run import prepare
from aersut.run_folder import RUNS, Run, default_folder, open_run
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTModel
from aersut.training.initial_weights import Origin, write_origin
from aersut.training.trained import load_trained
from aersut.tree import validated
from tests.evaluation.made_predictions import predictions_of


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A finished run of its own."""
    shutil.copytree(finished.folder, tmp_path / "run")
    return open_run(tmp_path / "run")


def result(run: Run) -> dict[str, dict[str, dict[str, object]]]:
    return json.loads((run.export / "export.json").read_text())


MODELS = [f"model_{name}.tflite" for name in ("float32", "float16", "dynamic", "int8", "int16x8")]


def test_a_bundle_that_the_user_changed_is_not_replaced(run: Run):
    (run.export / "labels.txt").write_text("mine")
    with pytest.raises(UserError, match=r"since the export: labels\.txt"):
        module.export(run)
    assert (run.export / "labels.txt").read_text() == "mine"


def test_the_bundle_holds_every_format_labels_and_a_card(finished: Run):
    names = {path.name for path in finished.export.iterdir()}
    assert {*MODELS, "labels.txt", "model_card.md", "export.json"} <= names
    assert (finished.export / "labels.txt").read_text().splitlines() == list(finished.experiment.data.emotions)
    text = (finished.export / "model_card.md").read_text()
    assert "SYNTHETIC" in text
    assert all(name in text for name in MODELS)
    assert "distillation" not in text
    assert "| file | LiteRT Interpreter | LiteRT CompiledModel | LiteRT.js (browser) | TensorFlow Lite Micro |" in text
    assert "| model_int8.tflite | yes | yes | – | yes |" in text
    temperature = load_trained(finished).temperature
    assert f"The logits are divided by {temperature:.3g}, a temperature fitted on the validation set." in text
    evaluated = json.loads(finished.evaluation.read_text())
    assert f"ECE) is {evaluated['ece']:.3f}" in text
    for row in evaluated["rejection"]:
        assert f"| {row['min_confidence']} | {row['fraction']:.0%} |" in text
    for name, emotion in evaluated["classes"].items():
        assert f"| {name} | {emotion['clips']} | {emotion['precision']:.3f} | {emotion['recall']:.3f} |" in text
    assert "| recall, " not in text  # of one corpus
    for name, group in evaluated["groups"]["sex"].items():
        assert (
            f"| sex | {name} | {group['speakers']} | {group['clips']} | {group['emotions']} | {group['uar']:.3f} |"
            in text
        )
    assert "| speaker |" not in text


def test_the_model_card_has_the_recall_by_corpus():
    certain = {0: [1, 0], 1: [0, 1]}
    made = predictions_of([0, 1, 1, 0, 0], [certain[p] for p in (0, 1, 0, 1, 1)], emotions=("sad", "happy"))
    clips = tuple(replace(clip, corpus=corpus) for clip, corpus in zip(made.clips, "aaabb", strict=True))
    assert model_card._emotions(replace(made, clips=clips))[5:] == [
        "| emotion | clips | precision | recall | recall, a | recall, b |",
        "|---|---|---|---|---|---|",
        "| sad | 3 | 0.500 | 0.333 | 1.000 | 0.000 |",
        "| happy | 2 | 0.333 | 0.500 | 0.500 | – |",
    ]


def test_the_model_card_states_licences_and_encoders(tmp_path):
    both, one = (
        Run(tmp_path, Experiment(data=Data(corpora))) for corpora in ((Synthetic(), Ravdess()), (Synthetic(),))
    )
    assert model_card.described_corpora(both) == ["synthetic", "ravdess (CC BY-NC-SA 4.0)"]
    assert len(model_card._licences(both)) == 1
    assert model_card._licences(one) == []
    [line] = model_card._encoders(Experiment(encoders=(Moonshine(),), teacher=Ensemble()))
    assert line.startswith(
        "- Soft labels: 50% of the teacher's labels are predictions from the embeddings of a pretrained"
    )
    assert Moonshine.provenance in line
    assert model_card._encoders(Experiment()) == []


def test_the_model_card_states_the_initial_weights(tmp_path):
    run = Run(tmp_path, Experiment(data=Data((Synthetic(),)), init=Init("micro_speech", "head", "0")))
    origin = Origin("micro_speech", "0", {"ravdess": "CC BY-NC-SA 4.0", "synthetic": ""}, {})
    write_origin(run, origin)
    assert model_card.described_corpora(run) == ["ravdess (CC BY-NC-SA 4.0)", "synthetic"]
    assert len(model_card._licences(run)) == 1, "the licence of the initial weights"
    assert model_card._initial(run.experiment, origin) == [
        "- Fine-tuning: initial weights of `micro_speech`, trained on ravdess (CC BY-NC-SA 4.0), synthetic; only the "
        "head was trainable."
    ]


def test_the_model_card_names_the_teacher():
    assert model_card._teacher(Experiment(teacher=Ensemble())) == [
        "- Knowledge distillation: trained on soft targets of a teacher, `ensemble`, which was trained on labels."
    ]


def test_export_json_has_the_measurements_of_each_file(finished: Run):
    files = result(finished)["files"]
    for name in MODELS:
        assert set(FIELDS) <= set(files[name])
        assert files[name]["bytes"] == (finished.export / name).stat().st_size
    assert files["model_float32.tflite"]["difference"] <= 1e-4
    assert files["model_float32.tflite"]["agreement"] == 1.0
    assert 1_000 < files["model_int8.tflite"]["arena"] < 50_000
    assert files["model_int8.tflite"]["micro"]["agreement"] > 0.7
    assert files["model_dynamic.tflite"]["arena"] is None
    assert files["model_int8.tflite"]["operators"]["CONV_2D"] == 2
    litert = ["interpreter", "compiled_model"]
    assert files["model_float32.tflite"]["runtimes"] == [*litert, "litertjs", "tflm"]
    assert files["model_int8.tflite"]["runtimes"] == [*litert, "tflm"]
    assert files["features.tflite"]["runtimes"] == [*litert, "litertjs"]
    assert files["waveform_int8.tflite"]["runtimes"] == litert


def test_the_metadata_of_each_file_describes_its_use(finished: Run):
    trained, prepared = load_trained(finished), prepare(finished)
    examples = prepared.split.examples("test")
    for name in MODELS:
        file = TFLiteFile.read(finished.export / name)
        about = file.metadata
        assert about["kind"] == "classifier"
        assert about["corpora"] == {"synthetic": ""}
        assert about["runtimes"] == result(finished)["files"][name]["runtimes"]
        assert about["labels"] == list(finished.experiment.data.emotions)
        assert (about["sample_rate"], about["per_utterance"], about["synthetic"]) == (16_000, False, True)
        assert about["epoch"] == trained.epoch
        assert about["run"] == default_folder(load_experiment(str(finished.config))).relative_to(RUNS).as_posix()
        assert about["measured"]["clips"] == len(examples)
        assert about["input"]["scale"] == file.inputs[0].scale
        features = prepared.features(examples[:3])
        scaled = (features - about["scaling"]["mean"]) / about["scaling"]["deviation"]
        expected = np.asarray(trained.frontend.scaled(features))
        np.testing.assert_allclose(scaled, expected, atol=1e-5)
        if about["input"]["dtype"] == "int8":
            by_hand = np.round(expected / about["input"]["scale"]) + about["input"]["zero_point"]
            assert np.array_equal(file.inputs[0].quantize(expected), np.clip(by_hand, -128, 127))
        np.testing.assert_allclose(LiteRTModel(file)(expected).sum(1), 1, atol=0.05)


def test_calibration_is_listed(finished: Run):
    prepared = prepare(finished)
    training = {str(prepared.collection.clips[clip].path) for clip, _ in prepared.split.examples("train")}
    listed = result(finished)["calibration"]
    assert set(listed) <= training
    assert len(set(listed)) == len(listed) >= 2 * len(finished.experiment.data.emotions)


def test_the_table_has_a_row_per_file(finished: Run):
    rows = module.export_table(result(finished)).splitlines()
    assert [row.split()[0] for row in rows[1:6]] == MODELS
    for heading in ("size", "arena", "latency", "WA", "UAR", "agreement with JAX"):
        assert heading in rows[0]
    assert {len(row) for row in rows[:6]} == {len(rows[0])}


def _untouched(folder: Path) -> Callable[[], bool]:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    return lambda: {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def register(monkeypatch: pytest.MonkeyPatch, **targets: Callable[[Context], Mapping[str, bytes]]) -> None:
    """Replace all targets by these, each of which runs after the next one."""
    monkeypatch.setattr(TARGETS, "_plugins", {})
    for name, later in zip(targets, [*list(targets)[1:], None], strict=True):

        @TARGETS.register(name)
        @dataclass(frozen=True)
        class Example(Target):
            """A third-party target."""

            after = (later,) if later else ()
            function = staticmethod(targets[name])

            def files(self, context: Context) -> Mapping[str, bytes]:
                return self.function(context)


def test_a_third_party_target_adds_its_files_after_the_targets_that_it_needs(run: Run, monkeypatch: pytest.MonkeyPatch):
    second = lambda context: {"second.bin": context.files["first.bin"] + b"2"}  # noqa: E731
    register(monkeypatch, second=second, first=lambda context: {"first.bin": b"1"})
    (run.export / EMULATION).write_text("{}")  # measured with the files that are replaced
    record_bundle(run.export)
    module.export(run)
    assert {path.name for path in run.export.iterdir()} == {
        *("first.bin", "second.bin", "labels.txt", "model_card.md", "export.json", RECORD)
    }
    assert (run.export / "second.bin").read_bytes() == b"12"


def test_a_target_that_cannot_be_built_becomes_a_note(run: Run, monkeypatch: pytest.MonkeyPatch):
    def skip(context: Context) -> Mapping[str, bytes]:
        raise SkippedTargetError("x.bin is omitted: there is no compiler")

    register(monkeypatch, skip=skip)
    assert module.export(run)["notes"] == ["x.bin is omitted: there is no compiler"]


def test_a_target_whose_file_was_omitted_becomes_a_note(run: Run, monkeypatch: pytest.MonkeyPatch):
    register(monkeypatch, needy=lambda context: {"copy.bin": context.model("features.tflite").content})
    assert module.export(run)["notes"] == ["features.tflite, which another target needs, is not in the bundle."]


@pytest.mark.parametrize("name", ["first.bin", "labels.txt", "export.json"])
def test_a_name_that_is_taken_is_an_error(name: str, run: Run, monkeypatch: pytest.MonkeyPatch):
    register(monkeypatch, second=lambda context: {name: b"2"}, first=lambda context: {"first.bin": b"1"})
    with pytest.raises(UserError, match=f"target 'second': the name {name} is taken"):
        module.export(run)


@pytest.mark.parametrize(("after", "message"), [("one", "each other.*: one"), ("two", "unknown target 'two'")])
def test_targets_that_cannot_be_ordered_are_an_error(after: str, message: str, monkeypatch: pytest.MonkeyPatch):
    register(monkeypatch, one=dict)
    monkeypatch.setattr(TARGETS["one"], "after", (after,))
    with pytest.raises(UserError, match=message):
        module.ordered_targets()


def test_built_in_targets_follow_those_that_they_need():
    names = [TARGETS.name_of(target) for target in module.ordered_targets()]
    assert names == ["classifier", "ethos_u", "firmware", "waveform", "web"]
    assert [TARGETS.name_of(target) for target in module.ordered_targets(("firmware",))] == ["classifier", "firmware"]


def test_named_targets_are_exported_with_those_that_they_need(run: Run, monkeypatch: pytest.MonkeyPatch):
    names = [TARGETS.name_of(target) for target in module.ordered_targets(("web", "ethos_u"))]
    assert names == ["classifier", "ethos_u", "waveform", "web"]
    with pytest.raises(UserError, match=r"unknown target 'wep'\. Did you mean 'web'"):
        module.ordered_targets(("wep",))
    register(monkeypatch, one=lambda context: {"one.bin": b""}, two=lambda context: {"two.bin": b""})
    result = module.export(run, ExportOptions(targets=("two",)))
    assert (run.export / "two.bin").exists()
    assert not (run.export / "one.bin").exists()
    assert result["notes"] == ["Targets of this export: two."]


@pytest.mark.parametrize(("option", "target"), [("web", "web"), ("stream", "firmware"), ("waveform", "waveform")])
def test_an_option_that_needs_an_omitted_target_is_refused(option: str, target: str, run: Run):
    untouched = _untouched(run.export)
    with pytest.raises(UserError, match=f"--export.{option}=true needs the target '{target}'"):
        module.export(run, ExportOptions(targets=("classifier",), **{option: True}))
    assert untouched()


def test_the_command_separates_the_names_of_targets(launch: Callable[..., Any], run: Run):
    done = launch("--mode=export", f"--workdir={run.folder}", "--export.targets=ethos_u, wep")
    assert done.status == 2
    assert "unknown target 'wep'" in done.err
    with pytest.raises(UserError, match="unknown target 'wep'"):
        aersut.export(run, targets="ethos_u, wep")


def test_an_export_that_fails_keeps_the_old_bundle(run: Run, monkeypatch: pytest.MonkeyPatch):
    def fail(context: Context) -> Mapping[str, bytes]:
        raise UserError("no")

    register(monkeypatch, fail=fail, first=lambda context: {"new.tflite": b""})
    untouched = _untouched(run.export)
    with pytest.raises(UserError, match="no"):
        module.export(run)
    assert untouched()
    assert [path.name for path in run.folder.iterdir() if path.name.startswith(".export")] == []


def test_a_float32_file_that_differs_from_jax_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch):
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
    ("damage", "message"),
    [
        (lambda run: shutil.rmtree(run.checkpoints), "no checkpoint yet"),
        (
            lambda run: [path.write_bytes(b"{}") for path in run.checkpoints.rglob("*") if path.is_file()],
            "checkpoint",
        ),
    ],
)
def test_a_run_without_a_checkpoint_that_can_be_read(run: Run, launch, damage: Callable[[Run], object], message: str):
    damage(run)
    untouched = _untouched(run.export)
    outcome = launch("--mode=export", f"--workdir={run.folder}")
    assert (outcome.status, outcome.err.count("error:")) == (2, 1)
    assert message in outcome.err
    assert untouched()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--export.calibration=3", "3 clips are too few to calibrate int8 for 8 emotions"),
        ("--export.calibration=many", "--export.calibration: .*integer"),
        ("--export.max_uar_loss=7", "max_uar_loss must be from 0 to 1"),
        ("--export.callibration=9", "Did you mean 'calibration'"),
        ("--export.litertjs=folder", "litertjs is used by web=true only; set web=true, or omit litertjs"),
    ],
)
def test_wrong_options_are_named(finished: Run, launch, option: str, message: str):
    outcome = launch("--mode=export", f"--workdir={finished.folder}", option)
    assert outcome.status == 2
    assert __import__("re").search(message, outcome.err)


def test_options_check_themselves():
    with pytest.raises(ValueError, match="calibration"):
        ExportOptions(calibration=0)


@pytest.mark.parametrize("folder", ["packages", Path("packages")])
def test_the_folder_of_litertjs_is_text_or_a_path(folder: str | Path):
    assert validated(ExportOptions, {"web": True, "litertjs": folder}, "--export").litertjs == folder
