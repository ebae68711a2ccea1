"""`import aersut`: the functions, their results, and the same runs as the command line."""

import ast
import csv
import dataclasses
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import pandas
import pytest

import aersut
from aersut.corpora import Synthetic
from aersut.labels import EMOTIONS
from aersut.models import CNN
from aersut.report.plots import style
from aersut.results import ConfusionMatrix, SweepResult
from aersut.run_folder import Run
from aersut.stress import Gain
from aersut.sweep import plan, results
from aersut.training import records
from tests.evaluation.made_stress import made_stress
from tests.sweep.sweeps import sweep_command

ROOT = Path(__file__).parents[1]


class TestTheImport:
    def test_imports_nothing_else(self):
        code = "import sys, aersut; print({name.split('.')[0] for name in sys.modules} & {'jax', 'numpy', 'pydantic'},"
        code += " [name for name in sys.modules if name.startswith('aersut.')], {*aersut.__all__} - {*dir(aersut)})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        assert done.stdout.strip() == "set() [] set()"

    def test_offers_functions_that_packages_of_the_same_name_do_not_replace(self):
        from aersut.export import context
        from aersut.report.page import write_page

        for name in aersut.__all__:
            assert callable(getattr(aersut, name)), name
            assert (getattr(aersut, name).__doc__ or "").strip()
        assert all(map(callable, (context.ExportOptions, write_page))), "the packages are found all the same"

    def test_can_be_pickled_with_the_globals_of_a_script(self):
        cloudpickle = pytest.importorskip("cloudpickle")
        assert cloudpickle.loads(cloudpickle.dumps(aersut)) is aersut

    def test_declares_every_name_for_type_checkers(self):
        tree = ast.parse(Path(aersut.__file__).read_text())
        [checked] = [node for node in tree.body if isinstance(node, ast.If)]
        declared = {alias.asname for statement in checked.body for alias in statement.names}
        assert declared == set(aersut.__all__)

    def test_of_an_unknown_name_is_an_attribute_error(self):
        assert not hasattr(aersut, "trian")

    def test_without_the_libraries_of_training_says_at_their_use_what_to_install(self):
        code = (
            "import inspect, sys; sys.modules['pydantic'] = None\nimport aersut; from aersut import Experiment, train\n"
        )
        code += "assert all(hasattr(aersut, name) for name in aersut.__all__) and len(inspect.getmembers(aersut)) > 9\n"
        code += "assert not isinstance(3, Experiment)\n"
        code += "for use in (lambda: train('quickstart'), lambda: Experiment(epochs=3)):\n"
        code += "    try: use()\n    except aersut.UserError as error: print(error)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        says = "needs pydantic, which is not installed: pip install 'aersut[train]'."
        assert done.stdout.splitlines() == [f"aersut.train {says}", f"aersut.Experiment {says}"]


class TestLoadExperiment:
    def test_takes_values_of_python_and_texts_of_the_command_line(self, tiny):
        values = {"data.root": Path("corpora"), "data.trim_db": None, "model.dropout": np.float64(0.25)}
        one = aersut.load_experiment(tiny, epochs=2, features=["mfcc", "zcr"], seed=np.int64(3), **values)
        texts = {"data.root": "corpora", "data.trim_db": "none", "model.dropout": "0.25"}
        assert one == aersut.load_experiment(Path(tiny), epochs="2", features="mfcc,zcr", seed="3", **texts)
        assert aersut.load_experiment(one, model=CNN(dense=8)).model == CNN(dense=8)

    def test_refuses_what_the_schema_refuses(self, tiny):
        for overrides, message in (
            ({"epochs": 2.5}, "experiment.epochs: "),
            ({"epoch": 2}, "Did you mean 'epochs'"),
            ({"epochs": None}, "experiment.epochs: "),
        ):
            with pytest.raises(aersut.UserError, match=message):
                aersut.load_experiment(tiny, **overrides)


class TestTraining:
    def test_has_the_run_folder_of_the_command_line(self, tiny, tmp_path, monkeypatch, launch, capsys):
        monkeypatch.chdir(tmp_path)
        seen = []
        training = aersut.train(aersut.load_experiment(tiny, epochs=2), on_epoch=seen.append)
        printed = capsys.readouterr().out
        assert printed.startswith(f"run folder {training.run.folder}\n")
        assert "epoch 2/2: loss" in printed
        assert [record["epoch"] for record in training.history] == [record["epoch"] for record in seen] == [1, 2]
        assert not training.complete_before
        assert training.checkpoint.is_dir()
        assert training.selected in training.history
        ran = launch("--mode=train", f"--experiment={tiny}", "--experiment.epochs=2")
        assert ran.out == f"run folder {training.run.folder}\ntraining is complete: 2 epochs\n"
        assert training.run.experiment.data.emotions == EMOTIONS, "decided by its training set"
        again = aersut.train(training.run.folder)
        assert again.complete_before
        assert again.history == training.history
        assert len(training.plot().axes) == 2
        assert 'alt="learning curves"' in training._repr_html_()
        assert re.match(
            r"run folder runs/tiny/\w+: 2 epochs; epoch [12], the best by .*, has validation UAR 0\.", repr(again)
        )

    def test_that_is_interrupted_resumes(self, tiny, tmp_path):
        folder = tmp_path / "run"
        code = f"import aersut; aersut.train(aersut.load_experiment({tiny!r}, epochs=5000), workdir={str(folder)!r})"
        with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + 120
            while not any(path.name.isdigit() for path in folder.glob("checkpoints/*")):
                assert process.poll() is None, "the training ended before it could be interrupted"
                assert time.monotonic() < deadline, "the training did not begin"
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            error = process.communicate(timeout=60)[1]
            # asyncio warns after it if the signal arrives while Orbax begins a checkpoint
            assert "\nKeyboardInterrupt\n" in error
            assert process.returncode == -signal.SIGINT, "it ends by the exception, which nothing has caught"
        reached = len(records.read_records(folder / "metrics.jsonl"))

        class StopError(Exception):
            pass

        def stop(record):
            raise StopError(record["epoch"])

        with pytest.raises(StopError) as caught:
            aersut.train(folder, on_epoch=stop)
        assert 1 < caught.value.args[0] <= reached + 1

    @pytest.mark.parametrize("source", [None, ["a", "b"], 3])
    def test_refuses_what_names_no_run(self, source):
        with pytest.raises(aersut.UserError, match="names no run: expected an experiment or its name, a run folder"):
            aersut.train(source)
        with pytest.raises(aersut.UserError, match="names no run"):
            aersut.report(source)

    def test_refuses_a_text_that_is_too_long_for_a_path(self):
        with pytest.raises(aersut.UserError, match="unknown experiment"):
            aersut.train("x" * 300)

    def test_refuses_a_workdir_for_a_run_that_has_one(self, finished: Run, tmp_path):
        with pytest.raises(aersut.UserError, match="workdir is the folder of a new run"):
            aersut.train(finished.folder, workdir=tmp_path)
        with pytest.raises(aersut.UserError, match=r"is not a run folder: it has no config\.json"):
            aersut.train(tmp_path)
        with pytest.raises(aersut.UserError, match="unknown experiment 'quickstrat'. Did you mean 'quickstart'"):
            aersut.train("quickstrat")


@pytest.fixture(scope="module")
def evaluation(finished: Run):
    """The evaluation of the finished run, computed once more."""
    return aersut.evaluate(finished)


class TestEvaluation:
    def test_has_the_results_of_the_command_line(self, evaluation, finished: Run):
        content = json.loads(finished.evaluation.read_text())
        assert json.loads(json.dumps(evaluation.metrics)) == content
        assert (evaluation.uar, evaluation.wa) == (content["uar"], content["wa"])
        assert evaluation.folder == finished.evaluation.parent
        assert evaluation.intervals["uar"] is None  # there are two test speakers
        assert evaluation.plots["confusion"].read_bytes().startswith(b"\x89PNG")
        assert f"UAR {evaluation.uar:.3f}" in repr(evaluation)

    def test_has_a_table_that_pandas_reads(self, evaluation):
        table = pandas.DataFrame(evaluation.predictions)
        file = pandas.read_csv(evaluation.folder / "predictions.csv", dtype={"speaker": str})
        pandas.testing.assert_frame_equal(table, file, atol=1e-6, check_dtype=False)
        assert (table.emotion == table.predicted).mean() == pytest.approx(evaluation.wa)

    def test_has_a_confusion_matrix_and_its_figure(self, evaluation):
        counts = evaluation.confusion.counts
        np.testing.assert_array_equal(counts, np.asarray(evaluation.confusion))
        assert counts.sum() == len(evaluation.predictions)
        assert np.trace(counts) / counts.sum() == pytest.approx(evaluation.wa)
        figure = evaluation.confusion.plot()
        labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
        assert labels == list(evaluation.confusion.emotions)
        png, size = figure._repr_png_()
        assert png.startswith(b"\x89PNG")
        assert int.from_bytes(png[16:20]) == 2 * size["width"]
        assert evaluation.confusion._repr_png_() == (png, size)

    def test_is_shown_in_a_notebook_with_its_plots(self, evaluation, monkeypatch):
        shown = evaluation._repr_html_()
        assert html.escape(repr(evaluation)) in shown
        assert re.findall('alt="(.*?)"', shown) == ["confusion matrix", "reliability diagram"]
        monkeypatch.setattr(style, "matplotlib_installed", lambda: False)
        assert "<img" not in evaluation._repr_html_()
        assert evaluation.confusion._repr_png_() is None

    def test_has_the_stress_results_as_a_table_and_as_curves(self, evaluation):
        assert evaluation.stress == []
        with pytest.raises(aersut.UserError, match=r"expected one of the axes none; evaluate with stress=True"):
            evaluation.plot_stress()
        stress = made_stress()
        stressed = dataclasses.replace(evaluation, metrics={**evaluation.metrics, "stress": stress})
        assert [row["title"] for row in stressed.stress] == [one["title"] for one in stress["conditions"]]
        axes = stressed.plot_stress().axes[0]
        assert axes.get_xlabel() == "SNR (dB)"
        with pytest.raises(aersut.UserError, match=r"over 'SNR': expected one of the axes 'gain \(dB\)', 'SNR"):
            stressed.plot_stress("SNR")

    @pytest.mark.plots
    def test_of_an_exported_model_and_of_other_corpora_is_in_a_folder_of_its_own(self, finished: Run):
        file = finished.export / "model_float32.tflite"
        model = aersut.evaluate(finished.folder, model=file)
        assert (model.folder.name, model.metrics["model"]) == ("model_float32", str(file))
        other = aersut.evaluate(finished, corpora=Synthetic(speakers=10, repetitions=1), root=finished.folder)
        assert other.folder.name.startswith("synthetic-")
        assert other.metrics["leaks"]

    def test_refuses_what_the_command_line_refuses(self, finished: Run):
        with pytest.raises(aersut.UserError, match="importance analyses the checkpoint"):
            aersut.evaluate(finished, model="x.tflite", importance=True)
        with pytest.raises(aersut.UserError, match="unknown corpus 'emdb'. Did you mean 'emodb'"):
            aersut.evaluate(finished, corpora="emdb")
        with pytest.raises(aersut.UserError, match="stress is 'gain': expected True, False, or objects"):
            aersut.evaluate(finished, stress="gain")
        for arguments, message in (
            ({"stress": ["gain"]}, "stress contains 'gain': expected objects of aersut.stress"),
            ({"stress": [Gain]}, r"stress contains <class .*Gain'>: expected objects"),
            ({"corpora": [Synthetic]}, r"corpora contains <class .*Synthetic'>: expected names or objects"),
            ({"corpora": Synthetic}, r"corpora is <class .*Synthetic'>: expected names or objects"),
            ({"corpora": []}, "corpora is empty"),
            ({"corpora": "emodb", "root": ()}, "root is empty"),
        ):
            with pytest.raises(aersut.UserError, match=message):
                aersut.evaluate(finished, **arguments)
        with pytest.raises(aersut.UserError, match=r"the model is a Run: expected .* its run\.folder"):
            aersut.load(finished)


def test_a_class_without_clips_has_no_fractions():
    matrix = ConfusionMatrix(("calm", "sad"), ((1, 3), (0, 0)))
    np.testing.assert_array_equal(matrix.normalized, [[0.25, 0.75], [np.nan, np.nan]])


def test_reports_of_one_run_and_of_several(finished: Run, evaluation, tmp_path):
    assert aersut.report(evaluation) == finished.report
    page = aersut.report(finished, finished.folder, output=tmp_path / "page.html")
    assert page == tmp_path / "page.html"
    assert page.read_text().startswith("<!doctype html>")
    with pytest.raises(aersut.UserError, match="output is for a comparison"):
        aersut.report(finished, output=tmp_path / "page.html")


def test_a_report_of_a_run_that_does_not_exist_creates_none(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(aersut.UserError, match="there is no run runs/tiny/"):
        aersut.report(tiny)
    assert not list(tmp_path.iterdir())


def test_a_path_may_begin_with_the_home_folder(tiny, tmp_path, monkeypatch, finished: Run):
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(tiny, tmp_path)
    (tmp_path / "run").symlink_to(finished.folder)
    assert aersut.load_experiment("~/tiny.py").name == "tiny"
    assert aersut.load("~/run/export/model_int8.tflite").labels == aersut.load(finished.folder).labels
    with pytest.raises(aersut.UserError, match="model_int7.tflite"):
        aersut.evaluate("~/run", model="~/run/export/model_int7.tflite")


def test_an_unknown_option_of_the_export_is_refused(finished: Run):
    with pytest.raises(aersut.UserError, match="Did you mean 'calibration'"):
        aersut.export(finished, callibration=9)


class TestSweep:
    def test_is_that_of_the_command_line(self, tiny, tmp_path, launch):
        folder, space = tmp_path / "sweep", {"optimizer.learning_rate": [1e-3, 1e-2]}
        smaller = {"augment": [], "augmented_copies": 0, "model.filters": [4], "model.kernels": [3]}
        experiment = aersut.load_experiment(tiny, epochs=2, **smaller)
        sweep = aersut.sweep(experiment, space, workdir=folder)
        with pytest.raises(aersut.UserError, match="unknown sweep 'learning_rat'. Did you mean 'learning_rate'"):
            aersut.sweep(experiment, "learning_rat")
        with pytest.raises(aersut.UserError, match=r"space is \[\]: expected a dictionary"):
            aersut.sweep(experiment, [])
        table = pandas.DataFrame(sweep.trials)
        assert sorted(table["optimizer.learning_rate"]) == [1e-3, 1e-2]
        assert (table.state == "complete").all()
        best = table.sort_values("uar").iloc[-1]
        assert sweep.best.optimizer.learning_rate == best["optimizer.learning_rate"]
        assert sweep.plots["parameters"] in sweep.written
        assert 'alt="parameters"' in sweep._repr_html_()
        [notation] = (f"--sweep.{key}={','.join(map(str, values))}" for key, values in space.items())
        ran = launch(*sweep_command(tiny, folder, notation, "--status"))
        assert ran.status == 0, ran.err
        assert f"\n{sweep}\n" in ran.out

    def test_has_the_values_of_the_experiments_where_they_are_numbers(self, tiny, tmp_path):
        space = {
            "data.root": ["08", "nan"], "data.trim_db": ["none", "40"], "model.filters": ["[4,4]", "[8,8]"],
            "optimizer.learning_rate": "1e-3:1e-2", "model.dropout": ["0", "7e-1"],
        }  # fmt: skip
        searched = plan.make_plan(aersut.load_experiment(tiny), (), plan.Sweep(space=space), folder=tmp_path)
        trials = []
        for values in (("08", "none", "[4,4]", 0.002, "0"), ("nan", "40", "[8,8]", 0.003, "7e-1")):
            params = dict(zip(space, values, strict=True))
            kinds = {key: optuna.distributions.CategoricalDistribution((value,)) for key, value in params.items()}
            trials.append(optuna.trial.create_trial(params=params, distributions=kinds, value=0.5))
        found = SweepResult(results.SweepResults(searched, trials, [], [], [], frozenset(), {})).trials
        typed = [tuple(row[key] for key in space) for row in found]
        assert typed == [("08", None, "[4,4]", 0.002, 0.0), ("nan", 40.0, "[8,8]", 0.003, 0.7)]

    def test_refuses_what_the_command_line_refuses(self, tiny, tmp_path):
        with pytest.raises(aersut.UserError, match=r"Did you mean 'learning_rate'"):
            aersut.sweep(tiny, {"optimizer.learning_rat": [1e-3, 1e-2]}, workdir=tmp_path)
        for options in ({"trails": 3}, {"workers": 0}):
            with pytest.raises(aersut.UserError, match=r"trails|workers is 0: expected a number of at least 1"):
                aersut.sweep(tiny, {"optimizer.learning_rate": [1e-3]}, workdir=tmp_path, **options)
        with pytest.raises(aersut.UserError, match=r"sampler: unknown 'gird'. Did you mean 'grid'"):
            aersut.sweep(tiny, {"optimizer.learning_rate": [1e-3]}, sampler="gird", workdir=tmp_path)
        assert not list(tmp_path.iterdir())


@pytest.mark.slow  # trains and exports, as the page shows
def test_the_code_of_the_page_runs(tmp_path):
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    assert "epochs=3, **{" in code
    code = code.replace("epochs=3, **{", 'epochs=3, **{"data.corpora.0.repetitions": 1, ')
    code += "\nassert predictions == predictions[:1] * 5, predictions"
    code += "\nassert other.uar == evaluation.uar and other.metrics['corpora'] == ['clips'], other"
    code += "\nassert page.exists() and training.run.folder == exported.run.folder and len(training.history) == 3"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    with next(tmp_path.glob("runs/quickstart/*/evaluation/predictions.csv")).open() as file:
        assert len(list(csv.DictReader(file))) > 0
