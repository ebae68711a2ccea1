"""The objectives of a trial: UAR of the selected epoch, mean over folds, and size of the int8 file."""

import csv
import json

import pytest

from aersut.run_folder import open_run
from aersut.training import records
from tests.sweep.sweeps import study_of, sweep_command


def test_the_objective_is_the_mean_over_folds(launch, tiny, tmp_path):
    flags = ("--folds=0,2", "--experiment.epochs=1", "--pruner=median", "--trials=1")
    done = launch(*sweep_command(tiny, tmp_path, "--sweep.optimizer.learning_rate=1e-2,1e-3", *flags))
    assert done.status == 0, done.err
    (trial,) = study_of(tmp_path).trials
    runs = [open_run(tmp_path / run["folder"]) for run in trial.user_attrs["runs"]]
    assert [run.experiment.data.fold for run in runs] == [0, 2]
    clips = [json.loads(run.split.read_text())["clips"] for run in runs]
    first, second = ({clip["content"] for clip in of_run if "test" in clip["splits"]} for of_run in clips)
    assert first
    assert second
    assert not first & second
    assert trial.value == pytest.approx(sum(run["uar"] for run in trial.user_attrs["runs"]) / 2)
    assert list(trial.intermediate_values) == [1, 2]


def test_the_objective_is_of_the_epoch_that_is_exported(launch, tiny, tmp_path):
    flags = ("--sweep.optimizer.learning_rate=3e-2,1e-2", "--experiment.epochs=3", "--experiment.select=last")
    assert launch(*sweep_command(tiny, tmp_path, *flags)).status == 0
    for trial in study_of(tmp_path).trials:
        (run,) = trial.user_attrs["runs"]
        assert run["epoch"] == 3
        assert trial.value == records.read_records(tmp_path / run["folder"] / "metrics.jsonl")[-1]["validation_uar"]


@pytest.mark.slow  # TensorFlow converts each trial: only this compares the objective with the exported file
def test_a_smaller_network_is_on_the_pareto_front(launch, tiny, tmp_path):
    done = launch(
        "--mode=sweep", f"--experiment={tiny}", f"--workdir={tmp_path}", "--sweep.model.dense=8,64",
        "--objectives=uar,size", "--experiment.epochs=1", "--experiment.augmented_copies=0", "--experiment.augment=",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "2 of 2 trials ended" in done.out
    with (tmp_path / "trials.csv").open() as file:
        trials = {row["model.dense"]: row for row in csv.DictReader(file)}
    for row in trials.values():
        exported = tmp_path / row["folders"] / "export" / "model_int8.tflite"
        assert float(row["size"]) == exported.stat().st_size
    assert float(trials["8"]["size"]) < float(trials["64"]["size"])
    starred = [line.split()[0] for line in done.out.splitlines() if " * " in line and line[0].isdigit()]
    assert trials["8"]["trial"] in starred, "no trial is smaller"
    assert (tmp_path / "pareto.png").exists()
    assert (tmp_path / "pareto.svg").exists()
