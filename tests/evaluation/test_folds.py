"""Cross-validation: runs of folds and seeds, their pooled results, and processes that fail."""

import csv
import inspect
import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import aersut
from aersut.corpora import Synthetic
from aersut.errors import UserError
from aersut.evaluation import fold_runs, folds
from aersut.evaluation.fold_runs import EvaluatedRun, train_and_evaluate
from aersut.evaluation.folds import cross_validate, seeds_table
from aersut.experiment import load_experiment
from aersut.labels import EMOTIONS
from aersut.paths import read_json
from aersut.progress import stage
from aersut.run_folder import Run, default_folder, open_run, start
from aersut.tree import to_tree
from tests.evaluation.made_predictions import random_predictions

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "tests" / "tiny.py")
SMALL = (("epochs", "1"), ("augmented_copies", "0"), ("augment", ""), ("data.test", "0.4"))
FLAGS = tuple(f"--experiment.{key}={value}" for key, value in SMALL)


def result_of(folder):
    return json.loads((folder / "metrics.json").read_text())


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A run of two folds that does not exist yet, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    experiment = load_experiment(TINY, SMALL)
    return Run(default_folder(experiment), experiment)


@pytest.fixture
def made(monkeypatch):
    """Made predictions in place of trainings; the list of runs that were asked for."""
    asked = []

    def fake(runs, workers, on_evaluated):
        asked.extend(runs)
        results = []
        for number, run in enumerate(runs):
            predictions = random_predictions(np.random.default_rng(number), clips=40)
            about = dict.fromkeys(("experiment", "protocol", "warning"), "made")
            about |= {"corpora": ["made"], "synthetic": True, "leaks": False, "speaker_independent": True, "notes": []}
            metrics = folds.write_predictions(run.evaluation.parent, {**about, "epoch": 1}, predictions)
            results.append(EvaluatedRun(run.folder, metrics, predictions))
        return results

    monkeypatch.setattr(folds, "train_and_evaluate", fake)
    monkeypatch.setattr(folds, "prepare", lambda run: None)
    return asked


def test_each_seed_and_fold_is_an_ordinary_run(named, made):
    cross_validate(named, seeds=(1, 2))
    assert [(run.experiment.seed, run.experiment.data.fold) for run in made] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    for run in made:
        assert run.folder == default_folder(run.experiment)
        assert open_run(run.folder).experiment == run.experiment
    assert not named.folder.exists(), "its seed was not asked for"


def test_seeds_are_pooled_and_averaged(named, made):
    validated = cross_validate(named, seeds=(1, 2, 3))
    scores = []
    for seed, evaluation in validated.seeds.items():
        assert evaluation.result["clips"] == 80
        assert read_json(evaluation.folder / "metrics.json")["uar"] == evaluation.result["uar"]
        assert [row["fold"] for row in evaluation.result["folds"]] == [0, 1]
        scores.append(evaluation.result["uar"])
        [row] = [row for row in validated.result["seeds"] if row["seed"] == seed]
        assert row["uar"] == evaluation.result["uar"]
    assert len({evaluation.folder for evaluation in validated.seeds.values()}) == 3
    result = json.loads((validated.folder / "metrics.json").read_text())
    assert result == validated.result
    assert result["mean"]["uar"] == pytest.approx(np.mean(scores))
    assert result["standard_deviation"]["uar"] == pytest.approx(np.std(scores, ddof=1))
    lines = seeds_table(result).splitlines()
    assert f"{np.mean(scores):.3f}" in lines[-2]
    assert f"{np.std(scores, ddof=1):.3f}" in lines[-1]


def test_a_seed_has_the_folder_that_it_has_alone(named, made):
    together = cross_validate(named, seeds=(0, 1)).seeds[0]
    alone = cross_validate(named)
    assert alone.result is None
    assert alone.seeds[0].folder == together.folder
    some = cross_validate(named, folds=(1,)).seeds[0]
    assert some.folder != together.folder
    assert [row["fold"] for row in some.result["folds"]] == [1]


def test_a_fold_that_does_not_exist_is_refused(named, made):
    with pytest.raises(UserError, match="--folds=2: protocol 'speaker' has folds 0 to 1"):
        cross_validate(named, folds=(0, 2))
    assert not made


def _die_in_fold_1(evaluation):
    """Called in the process of a run."""
    if read_json(evaluation.folder.parent / "config.json")["data"]["fold"] == 1 and not Path("repaired").exists():
        os._exit(9)


@pytest.mark.slow  # two processes, twice
def test_a_process_that_dies_is_reported_and_the_rest_resumes(named, capfd):
    experiments = [load_experiment(named.experiment, [("data.fold", str(fold))]) for fold in (0, 1)]
    runs = [start(experiment, default_folder(experiment)) for experiment in experiments]
    with pytest.raises(UserError, match=f"run {runs[1].folder}: its process died.* the same command resumes"):
        train_and_evaluate(runs, 2, _die_in_fold_1)
    assert (runs[0].folder / "evaluation/metrics.json").exists(), "the other process finishes its run"
    Path("repaired").touch()
    before = runs[0].records.read_text()
    results = train_and_evaluate(runs, 2, _die_in_fold_1)
    assert [one.folder for one in results] == [run.folder for run in runs]
    assert runs[0].records.read_text() == before
    assert "epoch 1/1" in (runs[0].folder / "log.txt").read_text()
    assert "epoch 1/1" not in capfd.readouterr().out, "the terminal has one line per run"


def test_an_error_of_a_run_stops_the_others(named, monkeypatch):
    """The first of three runs cannot be trained; the process of the second one finishes it."""
    runs = [Run(Path(str(number)), named.experiment) for number in range(3)]

    class Connection:
        def __init__(self, answers):
            self.answers = answers

        def send(self, job):
            self.job = job

        def recv(self):
            return self.answers.pop(0)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    with stage("training", len(runs)) as shown:
        jobs = fold_runs._Jobs(runs, shown)
        jobs.pass_to(Connection(["the loss became nan"]))
        assert jobs.failures == ["run 0: the loss became nan"]
        jobs.pass_to(Connection([]))
    assert not jobs.done, "no further run is begun"


def test_a_log_that_cannot_be_written_is_the_error_of_its_run(named):
    (named.folder / "log.txt").mkdir(parents=True)
    answer = fold_runs._served(named.folder, to_tree(named.experiment), lambda evaluation: None)
    assert answer == "log.txt there cannot be written: Is a directory."


class TestFolds:
    @pytest.mark.plots
    @pytest.mark.slow  # two trainings and their evaluations
    def test_are_trained_if_missing_evaluated_and_pooled(self, launch, tiny, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        arguments = ("--mode=evaluate", f"--experiment={tiny}", "--folds=all", "--experiment.epochs=1")
        arguments += ("--experiment.data.test=0.4", "--workers=1")  # two folds of 4 speakers each
        assert launch("--mode=train", arguments[1], *arguments[3:-1]).status == 0
        [first] = tmp_path.glob("runs/tiny/*/metrics.jsonl")
        before = first.read_text()
        ran = launch(*arguments)
        assert ran.status == 0, ran.err
        runs = [open_run(config.parent) for config in tmp_path.glob("runs/tiny/*/config.json")]
        assert {run.experiment.data.fold for run in runs} == {0, 1}
        [folder] = tmp_path.glob("runs/tiny/folds-*")
        pooled, single = result_of(folder), [result_of(run.evaluation.parent) for run in runs]
        assert pooled["clips"] == sum(result["clips"] for result in single) == 64
        assert pooled["speakers"] == 8
        np.testing.assert_array_equal(pooled["confusion"], np.sum([one["confusion"] for one in single], axis=0))
        uars = [result["uar"] for result in single]
        assert pooled["mean"]["uar"] == pytest.approx(np.mean(uars))
        assert pooled["standard_deviation"]["uar"] == pytest.approx(np.std(uars, ddof=1))
        assert "standard deviation" in ran.out
        assert (folder / "plots/confusion.svg").exists()
        assert f"report {folder.relative_to(tmp_path) / 'report.html'}" in ran.out
        assert first.read_text() == before  # a trained fold is not trained again
        experiment = aersut.load_experiment(tiny, epochs=1, **{"data.test": 0.4})
        again = aersut.evaluate(experiment, folds="all", workers=1)
        assert (again.folder, again.mean, again.seeds[0].folder.name) == (None, pooled["mean"], folder.name)
        assert repr(again) in ran.out
        assert len(again.seeds[0].predictions) == 64
        one = aersut.evaluate(experiment, folds=np.array([1]), workers=1)
        assert one.seeds[0].metrics["folds"][0]["folder"] == pooled["folds"][1]["folder"]
        assert one.standard_deviation["uar"] is None
        assert one.mean["uar"] == next(row["uar"] for row in pooled["folds"] if row["fold"] == 1)

    def test_are_kept_in_a_new_workdir_with_a_report_of_the_pool(self, made, launch, tiny, tmp_path):
        ran = launch("--mode=evaluate", f"--experiment={tiny}", "--folds=0,1", f"--workdir={tmp_path / 'x'}")
        assert ran.status == 0, ran.err
        assert [run.folder.parent for run in made] == [tmp_path / "x"] * 2
        [report] = tmp_path.glob("x/folds-*/report.html")
        text = report.read_text()
        assert "made: cross-validation" in text
        assert all(str(run.folder) in text for run in made)
        assert "Checkpoints of 2 folds." in text
        assert {path.parent for path in tmp_path.rglob("config.json")} == {run.folder for run in made}

    def test_of_a_run_folder_are_beside_it(self, made, launch, tiny, tmp_path):
        run = start(load_experiment(tiny), tmp_path / "x" / "run")
        assert launch("--mode=evaluate", f"--workdir={run.folder}", "--folds=0,1").status == 0
        assert [run.folder.parent for run in made] == [tmp_path / "x"] * 2
        assert made[0].folder == run.folder

    def test_need_a_protocol_with_several(self, launch, tiny, tmp_path):
        speakers = ("train_speakers=1,2,3,4,5,6", "validation_speakers=7,8", "test_speakers=9,10")
        ran = launch(
            "--mode=evaluate", f"--experiment={tiny}", "--folds=all", f"--workdir={tmp_path / 'run'}",
            "--experiment.data.protocol=given", *(f"--experiment.data.{rule}" for rule in speakers),
        )  # fmt: skip
        assert (ran.status, "'given' has one fold" in ran.err) == (2, True)

    def test_take_no_other_option(self, launch, finished):
        ran = launch("--mode=evaluate", f"--workdir={finished.folder}", "--folds=all", "--importance")
        assert (ran.status, "omit the other options" in ran.err) == (2, True)

    def test_are_given_once(self, launch, tiny):
        ran = launch("--mode=evaluate", f"--experiment={tiny}", "--folds=0,1,0")
        assert (ran.status, "--folds=0,1,0: a value is given twice" in ran.err) == (2, True)
        ran = launch("--mode=evaluate", f"--experiment={tiny}", "--seeds=a")
        assert (ran.status, "--seeds=a: expected integers" in ran.err) == (2, True)

    def test_are_what_workers_are_for(self, launch, finished):
        ran = launch("--mode=evaluate", f"--workdir={finished.folder}", "--workers=2")
        assert (ran.status, "add --folds=all or --seeds=0,1,2" in ran.err) == (2, True)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"folds": "all", "stress": True}, "omit the other options"),
            ({"folds": "1,2"}, "--folds=1,2: expected all, or integers such as 0,2"),
            ({"seeds": [1, 1]}, "--seeds=1,1: a value is given twice"),
            ({"workers": 2}, "add --folds=all"),
            ({"folds": 3}, "--folds=3: expected all, or integers such as 0,2"),
            ({"folds": []}, "--folds is empty"),
            ({"seeds": 1}, "--seeds=1: expected integers such as 0,2"),
            ({"folds": [0, 1], "workers": 0}, "workers is 0: expected at least 1"),
        ],
    )
    def test_of_python_are_checked_likewise(self, options, message, finished):
        with pytest.raises(UserError, match=message):
            aersut.evaluate(finished, **options)

    @pytest.mark.slow  # two real processes
    def test_are_trained_by_several_processes_with_equal_results(self, tmp_path):
        command = [sys.executable, str(ROOT / "launch.py"), "--mode=evaluate", f"--experiment={TINY}", *FLAGS]
        command += ["--folds=all"]
        outcomes = []
        for name, cores in (("one", "--workers=1"), ("two", "--workers=2")):
            (tmp_path / name).mkdir()
            done = subprocess.run([*command, cores], cwd=tmp_path / name, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr
            [table] = tmp_path.glob(f"{name}/runs/tiny/folds-*/predictions.csv")
            outcomes.append(list(csv.DictReader(table.read_text().splitlines())))
        assert done.stdout.count("UAR 0.") == 3  # of both folds, and of all their clips
        assert "epoch 1/1" not in done.stdout
        assert len(list(tmp_path.glob("two/runs/tiny/*/log.txt"))) == 2
        for one, two in zip(*outcomes, strict=True):
            *about, one_probabilities = about_and_probabilities(one)
            *other, two_probabilities = about_and_probabilities(two)
            assert about == other
            np.testing.assert_allclose(one_probabilities, two_probabilities, atol=0.02)  # threads change the rounding


def about_and_probabilities(row):
    """Path, corpus, speaker and emotion of a row of predictions.csv, and the probabilities."""
    path, corpus, speaker, emotion, _, *probabilities = row.values()
    return path, corpus, speaker, emotion, [float(one) for one in probabilities]


def test_what_it_calls_by_default_can_be_sent_to_other_processes():
    default = inspect.signature(cross_validate).parameters["on_evaluated"].default
    assert pickle.loads(pickle.dumps(default)) is default


def test_folds_whose_training_sets_have_other_labels_are_refused_before_the_training(tmp_path, made):
    Synthetic(speakers=4, repetitions=1).write(tmp_path / "input", "ravdess")
    for path in (tmp_path / "input").rglob("03-01-02-*.wav"):  # calm
        if not path.stem.endswith("-01"):  # only one speaker is calm, whom one fold tests
            path.unlink()
    fields = [("data.corpora", "ravdess"), ("data.root", str(tmp_path / "input"))]
    experiment = load_experiment(TINY, [*SMALL, *fields, ("data.protocol", "leave_one_speaker_out")])
    run = Run(tmp_path / "run", experiment)
    with pytest.raises(UserError, match=r"folds have different labels, so they cannot be pooled: fold \d: neutral, "):
        cross_validate(run)
    assert not made
    eight = replace(experiment, data=replace(experiment.data, emotions=EMOTIONS))
    assert len(cross_validate(Run(tmp_path / "run", eight)).seeds) == 1


def test_a_fold_without_a_test_speaker_is_refused_before_the_training(tmp_path, made):
    Synthetic(speakers=3, repetitions=1).write(tmp_path / "input", "ravdess")
    fields = [("data.corpora", "ravdess"), ("data.root", str(tmp_path / "input")), ("data.test", "0.2")]
    experiment = load_experiment(TINY, [*SMALL, *fields, ("data.protocol", "speaker"), ("data.emotions", "calm,happy")])
    with pytest.raises(UserError, match="leaves the test set empty"):
        cross_validate(Run(tmp_path / "run", experiment))
    assert not made
