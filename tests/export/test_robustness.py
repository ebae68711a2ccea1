"""The stress evaluation of the int8 classifier: in export.json, in the model card and in the printed table."""

import json
import shutil
from dataclasses import dataclass, replace

import pytest

from aersut.bundle_files import CLASSIFIER
from aersut.contracts import Target
from aersut.errors import UserError
from aersut.evaluation.evaluate import EvaluationOptions, evaluate
from aersut.evaluation.stress_table import stress_table
from aersut.export import bundle
from aersut.export.context import ExportOptions
from aersut.export.model_card import robustness
from aersut.export.robustness import wants_stress
from aersut.registry import TARGETS
from aersut.run_folder import Run, open_run
from aersut.stress import STANDARD
from aersut.tflite.file import TFLiteFile
from tests.evaluation.made_stress import made_stress


@pytest.fixture
def run(finished: Run, tmp_path) -> Run:
    """A finished run of its own."""
    shutil.copytree(finished.folder, tmp_path / "run")
    return open_run(tmp_path / "run")


def replace_targets(monkeypatch, files):
    """One target in place of all, which returns finished files."""
    monkeypatch.setattr(TARGETS, "_plugins", {})

    @TARGETS.register("finished")
    @dataclass(frozen=True)
    class Finished(Target):
        """Files of an earlier export."""

        def files(self, context):
            return files


def test_an_export_states_the_robustness_of_its_int8_file(run: Run, finished: Run, monkeypatch):
    file = finished.export / CLASSIFIER
    replace_targets(monkeypatch, {CLASSIFIER: TFLiteFile.read(file)})
    result = bundle.export(run, ExportOptions(stress=True))
    stress = json.loads((run.export / "export.json").read_text())["stress"][CLASSIFIER]
    assert [one["title"] for one in stress["conditions"]] == [condition.title for condition in STANDARD]
    assert (stress["set"], stress["of"]) == ("aersut-1", 28)
    assert stress["clean"] == pytest.approx(evaluate(run, EvaluationOptions(file)).result["uar"])
    card = (run.export / "model_card.md").read_text()
    assert f"Stress mean of {CLASSIFIER}: **{stress['mean']:.3f}**" in card
    assert all(f"| {condition.title} |" in card for condition in STANDARD)
    assert f"{CLASSIFIER} under stress conditions: stress mean {stress['mean']:.3f}" in bundle.export_table(result)


def test_the_model_card_has_a_row_for_each_condition():
    lines = robustness({CLASSIFIER: made_stress()})
    assert lines[1] == "## Robustness"
    assert "| band 300 to 3400 Hz | 0.350 | 25.0 | 21.0 to 29.0 | 0.100 |" in lines
    assert "| Opus 8 kbit/s | skipped: this libsndfile has no Opus | | | |" in lines
    assert robustness({}) == []


def test_results_of_an_earlier_version_have_no_calibration_error():
    stress = made_stress()
    del stress["ece_mean"], stress["ece_clean"]
    for row in stress["conditions"]:
        del row["ece"]
    assert "| band 300 to 3400 Hz | 0.350 | 25.0 | 21.0 to 29.0 | – |" in robustness({CLASSIFIER: stress})
    assert "ECE 0" not in stress_table(stress)
    assert "mean ECE 0.100, 0.050 without a condition" in stress_table(made_stress())


def test_without_the_int8_file_there_is_a_note(run: Run, monkeypatch):
    replace_targets(monkeypatch, {"x.bin": b"x"})
    result = bundle.export(run, ExportOptions(stress=True))
    assert result["stress"] == {}
    assert result["notes"] == [f"no stress evaluation: {CLASSIFIER}, which another target needs, is not in the bundle."]
    assert "## Robustness" not in (run.export / "model_card.md").read_text()


def test_the_default_follows_the_evaluation_of_the_run(run: Run):
    assert not wants_stress(run, ExportOptions())
    evaluation = json.loads(run.evaluation.read_text())
    run.evaluation.write_text(json.dumps(evaluation | {"stress": made_stress()}))
    assert wants_stress(run, ExportOptions())
    assert not wants_stress(run, ExportOptions(stress=False))
    run.evaluation.unlink()
    assert not wants_stress(run, ExportOptions())
    assert wants_stress(run, ExportOptions(stress=True))


def test_augmented_copies_as_test_set_are_refused(run: Run):
    data = replace(run.experiment.data, protocol="paper")
    paper = replace(run, experiment=replace(run.experiment, data=data))
    with pytest.raises(UserError, match="protocol 'paper' tests on augmented copies"):
        bundle.export(paper, ExportOptions(stress=True))
