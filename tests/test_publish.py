"""Adding a finished run to a zoo."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from absl.testing import flagsaver

from aersut import cli
from aersut.bundle_files import CARD
from aersut.publish import _portable
from aersut.run_folder import Run
from aersut.serving.recognizer import load
from aersut.zoo.__main__ import main
from aersut.zoo.catalog import C_LIBRARY, INDEX, LICENCE, METRICS, ZOO, find, names, read
from tests.evaluation.files import change


@pytest.fixture(scope="module")
def evaluated(finished: Run, tmp_path_factory) -> Path:
    """The tiny run, with the int8 file evaluated under stress conditions; for reading only."""
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    shutil.copytree(finished.folder, folder)
    model = f"--model={folder / 'export' / 'model_int8.tflite'}"
    with flagsaver.flagsaver():
        command = ["launch.py", "--mode=evaluate", f"--workdir={folder}", model, "--stress"]
        assert cli._run(cli._parse(command)) == 0
    return folder


@pytest.fixture
def run(evaluated: Path, tmp_path) -> Path:
    """A copy of the run, which a test may change."""
    shutil.copytree(evaluated, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def zoo(tmp_path) -> Path:
    """The folder of an empty zoo."""
    return tmp_path / "zoo"


def test_a_run_becomes_a_model_with_index_card_and_licence(evaluated, zoo, capsys):
    assert main(["add", str(evaluated), "--name=mine"], zoo) == 0
    assert str(zoo / "mine") in capsys.readouterr().out
    model = read("mine", zoo)
    exported = json.loads((evaluated / "export" / "export.json").read_text())
    result = json.loads((evaluated / "evaluation" / "model_int8" / "metrics.json").read_text())
    assert (names(zoo), model.run, model.epoch) == (["mine"], exported["run"], exported["epoch"])
    assert (model.uar, model.stress_mean) == (result["uar"], result["stress"]["mean"])
    assert model.uar_by_corpus == {"synthetic": pytest.approx(result["uar"])}
    assert model.uar_interval == result["intervals"]["uar"]
    assert model.uar_interval_by_corpus == {"synthetic": result["groups"]["corpus"]["synthetic"]["uar_interval"]}
    metrics = json.loads((zoo / "mine" / METRICS).read_text())
    without = {key: value for key, value in result.items() if key not in ("misclassifications", "model")}
    assert metrics == {**without, "model": "model_int8.tflite"}
    assert str(evaluated.parent) not in json.dumps(metrics)
    assert (model.bytes, model.arena) == tuple(
        exported["files"]["model_int8.tflite"][key] for key in ("bytes", "arena")
    )
    split = json.loads((evaluated / "split.json").read_text())
    test_speakers = {clip["speaker"] for clip in split["clips"] if clip["splits"][0] == "test"}
    assert set(model.test_speakers["synthetic"]) == test_speakers
    assert set(model.seen_speakers["synthetic"]) == {clip["speaker"] for clip in split["clips"]} - test_speakers
    with zipfile.ZipFile(zoo / "mine" / C_LIBRARY) as archive:
        assert archive.read("src/aersut.h") == (evaluated / "export" / "c" / "src" / "aersut.h").read_bytes()
    card = (zoo / "mine" / CARD).read_text()
    assert card.index("## In the model zoo") < card.index("## Input and output")
    assert f"- Test speakers of synthetic: {', '.join(model.test_speakers['synthetic'])}." in card
    exported_card = (evaluated / "export" / CARD).read_text()
    assert card.endswith(exported_card[exported_card.index("\n## Calibration") :])
    assert ("## Robustness" in exported_card, card.count("## Robustness")) == (False, 1)
    assert f"- Stress mean of model_int8.tflite: **{model.stress_mean:.3f}**" in card
    assert "| white noise 10 dB SNR | " in card
    assert "synthetic speech" in (zoo / "mine" / LICENCE).read_text()
    assert set(model.files) == {path.name for path in (zoo / "mine").iterdir()} - {INDEX}


def test_the_model_predicts_as_the_export_does(evaluated, zoo, capsys):
    main(["add", str(evaluated), "--name=mine"], zoo)
    clip = json.loads((evaluated / "split.json").read_text())["clips"][0]["path"]
    expected = load(evaluated / "export" / "model_int8.tflite")(clip)
    assert load(find("mine", zoo))(clip) == expected
    assert "SYNTHETIC" in capsys.readouterr().err


def test_a_model_of_the_same_name_is_replaced_as_a_whole(evaluated, zoo):
    main(["add", str(evaluated), "--name=mine"], zoo)
    (zoo / "mine" / "obsolete.tflite").touch()
    change(zoo / "mine" / INDEX, uar=0.0)
    shutil.copytree(zoo / "mine", zoo / ".mine.interrupted")  # what a killed command leaves
    assert main(["add", str(evaluated), "--name=mine"], zoo) == 0
    assert not (zoo / "mine" / "obsolete.tflite").exists()
    assert (names(zoo), read("mine", zoo).uar > 0) == (["mine"], True)


def test_the_command_has_no_folder_of_this_machine():
    benchmark = ["/a/benchmarks/recipes.py", "--speech", "/b", "--stress", "/c/noise,/c/rir", "--folds", "0"]
    assert _portable(benchmark) == ("python benchmarks/recipes.py --speech FOLDER --stress FOLDER --folds 0")
    installed = ["/usr/bin/aersut", "--experiment=tiny_speech", "--experiment.data.root=/d"]
    assert _portable(installed) == "python launch.py --experiment=tiny_speech --experiment.data.root=FOLDER"


def leaking(run: Path) -> None:
    change(run / "split.json", leaks=True)


def speaker_dependent(run: Path) -> None:
    change(run / "split.json", speaker_independent=False)


def interrupted(run: Path) -> None:
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(lines[:-1]))


def not_exported(run: Path) -> None:
    shutil.rmtree(run / "export")


def incompletely_exported(run: Path) -> None:
    (run / "export" / "model_float32.tflite").unlink()


def mixed(run: Path) -> None:
    shutil.copy(ZOO / "micro_speech" / "features.tflite", run / "export" / "features.tflite")


def with_notes(run: Path) -> None:
    (run / "export" / "c" / "notes.txt").write_text("mine")


def not_evaluated(run: Path) -> None:
    shutil.rmtree(run / "evaluation" / "model_int8")


def without_stress(run: Path) -> None:
    change(run / "evaluation" / "model_int8" / "metrics.json", stress=None)


def evaluated_before_another_export(run: Path) -> None:
    change(run / "evaluation" / "model_int8" / "metrics.json", model_sha256="0" * 64)


def of_unknown_licence(run: Path) -> None:
    tree = json.loads((run / "config.json").read_text())
    tree["data"]["corpora"] = [{"name": "tess"}]
    (run / "config.json").write_text(json.dumps(tree))


def fine_tuned(run: Path) -> None:
    change(run / "config.json", init={"model": "micro_speech", "trainable": "all", "digest": "0" * 64})


def not_a_run(run: Path) -> None:
    (run / "config.json").unlink()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (leaking, "protocol 'speaker' leaks"),
        (speaker_dependent, "is speaker-dependent"),
        (interrupted, "is not trained to its end: 2 of 3 epochs. Finish it with --mode=train"),
        (not_exported, "is not exported. Export it again with --mode=export"),
        (incompletely_exported, "model_float32.tflite cannot be read"),
        (mixed, "features.tflite is not of this run"),
        (with_notes, "since the export: c/notes.txt"),
        (not_evaluated, "Evaluate it: --mode=evaluate"),
        (without_stress, "with a stress mean. Evaluate it: --mode=evaluate"),
        (evaluated_before_another_export, "has no results of the exported model_int8.tflite"),
        (of_unknown_licence, "trained on tess (licence: CC BY-NC-ND 4.0) cannot be added"),
        (fine_tuned, "is fine-tuned from micro_speech and cannot be added"),
        (not_a_run, "is not a run folder"),
    ],
)
def test_an_unsuitable_run_is_refused_and_nothing_is_written(fault, message, run, zoo, capsys):
    fault(run)
    assert main(["add", str(run), "--name=mine"], zoo) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert (printed.out, printed.err.count("\n"), zoo.exists()) == ("", 1, False)


def test_a_name_that_cannot_be_a_folder_is_refused(evaluated, zoo, capsys):
    assert main(["add", str(evaluated), "--name=../mine"], zoo) == 2
    assert "'../mine' cannot name a model" in capsys.readouterr().err
    assert not zoo.exists()
