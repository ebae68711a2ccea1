"""A sweep as a user runs it: run folders, table, plots, best trial; failures and resumption."""

import csv
import re
import shlex
import sys
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from absl.testing import flagsaver
from optuna.trial import TrialState, create_trial

from aersut import cli, experiment
from aersut.config import Experiment
from aersut.run_folder import as_configured, open_run
from aersut.sweep import trial as trials
from aersut.sweep.plan import Plan, Sweep
from aersut.sweep.study import Storage
from aersut.sweep.trial import remove_checkpoints
from aersut.training import records
from aersut.training.loop import train
from tests.sweep.sweeps import study_of, sweep_command

PNG = b"\x89PNG\r\n\x1a\n"


def rows(folder):
    """The lines of trials.csv."""
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def files(folder):
    """Every file under a folder with its modification time, except for those that --status rewrites."""
    rewritten = {"trials.csv", "parameters.png", "parameters.svg", "study.db", "study.db-wal", "study.db-shm"}
    return {
        path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name not in rewritten
    }


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A finished sweep of two learning rates with two seeds and a teacher; tests only read it."""
    folder = tmp_path_factory.mktemp("swept")
    teacher = '--experiment.teacher={"name": "cnn", "filters": [4], "kernels": [3], "dense": 8}'
    tiny = str(__file__).replace("sweep/test_sweep.py", "tiny.py")
    asked = sweep_command(tiny, folder, "--sweep.optimizer.learning_rate=1e-4,1e-2", "--seeds=0,1", "--keep=1", teacher)
    with flagsaver.flagsaver(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))
        assert cli._run(cli._parse(["launch.py", *asked])) == 0
        teachers = list(Path("runs/tiny-teacher").glob("*/checkpoints"))
        assert len(teachers) == 4, "of each rate and seed, whose checkpoints other runs may share"
    return folder, asked


class TestAFinishedSweep:
    def test_has_a_run_folder_for_each_run_of_each_trial(self, swept):
        folder, _ = swept
        runs = sorted((folder / "trials").iterdir())
        assert len(runs) == 4
        rates = {(open_run(run).experiment.optimizer.learning_rate, open_run(run).experiment.seed) for run in runs}
        assert rates == {(rate, seed) for rate in (1e-4, 1e-2) for seed in (0, 1)}
        for run in runs:
            assert [record["epoch"] for record in records.read_records(run / "metrics.jsonl")] == [1, 2]
            assert "epoch 2/2" in (run / "log.txt").read_text()

    def test_has_the_mean_over_seeds_as_its_objective(self, swept):
        folder, _ = swept
        for trial in study_of(folder).trials:
            assert trial.state == TrialState.COMPLETE
            scores = [run["uar"] for run in trial.user_attrs["runs"]]
            assert len(scores) == 2
            assert trial.value == pytest.approx(sum(scores) / 2)
            assert list(trial.intermediate_values) == [1, 2, 3, 4], "the epochs of both runs"
            for run in trial.user_attrs["runs"]:
                seen = [
                    record["validation_uar"]
                    for record in records.read_records(folder / run["folder"] / "metrics.jsonl")
                ]
                assert run["uar"] == max(seen)
                assert seen[run["epoch"] - 1] == run["uar"]

    def test_keeps_only_the_best_trials_checkpoints(self, swept):
        folder, _ = swept
        best = {run["folder"] for run in study_of(folder).best_trial.user_attrs["runs"]}
        kept = {str(path.parent.relative_to(folder)) for path in folder.glob("trials/*/checkpoints")}
        assert kept == best

    def test_prints_a_table_with_the_best_first(self, swept, launch):
        folder, asked = swept
        before = files(folder)
        printed = launch(*asked, "--status")
        assert printed.status == 0
        assert "2 of 2 trials ended" in printed.out
        lines = printed.out.splitlines()
        head = next(place for place, line in enumerate(lines) if line.startswith("trial  UAR"))
        assert lines[head].split() == ["trial", "UAR", "±", "epoch", "s", "optimizer.learning_rate", "folder"]
        scores = [float(line.split()[1]) for line in lines[head + 1 : head + 3]]
        assert scores == sorted(scores, reverse=True)
        assert files(folder) == before, "--status only reads"

    def test_does_nothing_when_repeated(self, swept, launch):
        folder, asked = swept
        before = files(folder)
        again = launch(*asked)
        assert again.status == 0
        assert "2 of 2 trials ended" in again.out
        assert files(folder) == before
        assert len(study_of(folder).trials) == 2

    def test_writes_plots_and_trials_csv(self, swept):
        folder, _ = swept
        assert (folder / "parameters.png").read_bytes().startswith(PNG)
        assert [row["state"] for row in rows(folder)] == ["complete"] * 2
        assert {row["optimizer.learning_rate"] for row in rows(folder)} == {"1e-4", "1e-2"}
        assert all(float(row["uar_std"]) >= 0 for row in rows(folder))

    def test_prints_the_command_that_reproduces_the_best_trial(self, swept, launch, tmp_path, monkeypatch):
        folder, asked = swept
        monkeypatch.chdir(tmp_path)
        lines = [line.strip() for line in launch(*asked, "--status").out.splitlines()]
        anew, as_trained = [shlex.split(line)[2:] for line in lines if line.startswith("python launch.py")]
        best = study_of(folder).best_trial
        made = launch(*anew, "--mode=train", f"--workdir={tmp_path / 'run'}")
        assert made.status == 0, made.err
        ours, theirs = (open_run(path) for path in (tmp_path / "run", folder / best.user_attrs["runs"][0]["folder"]))
        assert ours.experiment == theirs.experiment
        scores = [[record["validation_uar"] for record in records.read_records(run.records)] for run in (ours, theirs)]
        assert scores[0] == scores[1]
        ready = launch(*as_trained, "--mode=train")
        assert "training is complete: 2 epochs" in ready.out

    def test_writes_the_best_trial_as_an_experiment_file(self, swept, launch, tmp_path):
        folder, asked = swept
        file = tmp_path / "best.py"
        assert launch(*asked, "--status", f"--write={file}").status == 0
        made = experiment.load_experiment(str(file))
        assert made.name == "best"
        best = as_configured(open_run(folder / study_of(folder).best_trial.user_attrs["runs"][0]["folder"]))
        assert {**vars(made), "name": "", "seed": 0} == {**vars(best), "name": "", "seed": 0}
        assert "validation UAR" in file.read_text()
        repeated = launch(*asked, f"--write={file}")
        assert repeated.status == 0, repeated.err
        assert f"experiment file {file}" in repeated.out
        assert experiment.load_experiment(str(file)) == made

    def test_lists_the_complete_trials(self, swept, launch):
        _, asked = swept
        outcome = launch(*asked, "--status", "--trial=7")
        assert outcome.status == 2
        assert "--trial=7: expected the number of a complete trial: " in outcome.err

    def test_refuses_another_space_under_its_name(self, swept, launch):
        folder, asked = swept
        (name,) = optuna.get_all_study_names(f"sqlite:///{folder / 'study.db'}")
        other = [flag.replace("1e-4", "2e-4") for flag in asked]
        refused = launch(*other, f"--study={name}")
        assert refused.status == 2
        assert f"study '{name}'" in refused.err
        assert 'sweep.space.optimizer.learning_rate: "1e-4,1e-2" / "2e-4,1e-2"' in refused.err
        assert len(study_of(folder).trials) == 2


def test_an_interrupted_sweep_resumes_from_the_checkpoint(launch, tiny, tmp_path, monkeypatch):
    asked = sweep_command(tiny, tmp_path, "--sweep.optimizer.learning_rate=1e-3,1e-2")

    def interrupted(run, on_epoch):
        def then(record):
            on_epoch(record)
            raise KeyboardInterrupt

        return train(run, then)

    with monkeypatch.context() as patch:
        patch.setattr(trials, "train", interrupted)
        stopped = launch(*asked)
    assert stopped.status == 130
    assert "interrupted" in stopped.err
    done = launch(*asked)
    assert done.status == 0, done.err
    assert "2 of 2 trials ended" in done.out
    ended = [trial for trial in study_of(tmp_path).trials if trial.state == TrialState.COMPLETE]
    assert sorted(trial.params["optimizer.learning_rate"] for trial in ended) == ["1e-2", "1e-3"]
    logs = [path.read_text() for path in tmp_path.glob("trials/*/log.txt")]
    assert len(logs) == 2
    assert sum("after epoch 1 of 2" in log for log in logs) == 1


def test_a_worker_that_counts_as_dead_leaves_its_trial_to_the_others(launch, tiny, tmp_path, monkeypatch):
    flags = ("--sweep.optimizer.learning_rate=1e-3,1e-2", "--trials=1", "--pruner=median")  # so that each epoch reports
    asked = sweep_command(tiny, tmp_path, *flags)
    taken = []

    def slept(run, on_epoch):
        def then(record):
            if not taken:
                study = study_of(tmp_path)
                (mine,) = study.trials
                study.tell(mine.number, state=TrialState.FAIL)
                with pytest.warns(optuna.exceptions.ExperimentalWarning):
                    optuna.storages.RetryHeartbeatStaleTrialCallback()(study, mine)
                taken.append(record["epoch"])
            on_epoch(record)

        return train(run, then)

    monkeypatch.setattr(trials, "train", slept)
    done = launch(*asked)
    assert done.status == 0, done.err
    assert taken == [1]
    assert "1 of 1 trials ended" in done.out
    assert [trial.state for trial in study_of(tmp_path).trials] == [TrialState.FAIL, TrialState.COMPLETE]
    (log,) = tmp_path.glob("trials/*/log.txt")
    assert "after epoch 1 of 2" in log.read_text()


def test_a_poor_trial_is_pruned(launch, tiny, tmp_path):
    asked = sweep_command(tiny, tmp_path, "--sweep.optimizer.learning_rate=1e-5:1e-4", "--pruner=median")
    assert launch(*asked, "--trials=1").status == 0
    study = study_of(tmp_path)
    name, span = next(iter(study.trials[0].distributions.items()))
    for rate in (2e-5, 3e-5, 4e-5):  # added from outside, better than any that training reaches
        better = optuna.trial.create_trial(
            value=0.99, params={name: rate}, distributions={name: span}, intermediate_values={1: 0.9, 2: 0.99}
        )
        study.add_trial(better)
    done = launch(*asked, "--trials=5")
    assert done.status == 0, done.err
    assert "1 pruned" in done.out
    pruned = study_of(tmp_path).trials[-1]
    assert pruned.state == TrialState.PRUNED
    run = open_run(tmp_path / pruned.user_attrs["runs"][0]["folder"])
    assert len(records.read_records(run.records)) == len(pruned.intermediate_values) == 1
    assert launch("--mode=train", f"--workdir={run.folder}").status == 0, "its run folder is valid"


def test_a_range_is_searched(launch, tiny, tmp_path):
    flags = ("--sampler=tpe", "--pruner=hyperband", "--trials=2", "--experiment.epochs=1")
    done = launch(*sweep_command(tiny, tmp_path, "--sweep.model.dense=8:16", *flags))
    assert done.status == 0, done.err
    assert "2 of 2 trials ended" in done.out
    sizes = [trial.params["model.dense"] for trial in study_of(tmp_path).trials]
    assert all(8 <= size <= 16 for size in sizes)
    assert len(set(sizes)) == 2


def test_a_timeout_starts_no_trial_and_is_reported_unless_all_have_ended(launch, tiny, tmp_path):
    asked = sweep_command(tiny, tmp_path, "--sweep.optimizer.learning_rate=1e-3,1e-2", "--experiment.epochs=1")
    stopped = launch(*asked, "--timeout=0")
    assert stopped.status == 0
    assert "0 of 2 trials ended" in stopped.out
    assert "run the same command again to resume" in stopped.out
    assert launch(*asked).status == 0
    done = launch(*asked, "--timeout=0")
    assert "2 of 2 trials ended" in done.out
    assert "timeout reached" not in done.out


def test_the_checkpoints_of_a_trial_that_runs_are_kept(tmp_path):
    study = optuna.create_study(direction="maximize")
    for state, folder in ((TrialState.PRUNED, "same"), (TrialState.RUNNING, "same"), (TrialState.PRUNED, "other")):
        (tmp_path / folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        study.add_trial(create_trial(state=state, user_attrs={"runs": [{"folder": folder}]}))
    done = create_trial(state=TrialState.COMPLETE, value=0.5, user_attrs={"runs": [{"folder": "best"}]})
    study.add_trial(done)
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        remove_checkpoints(Plan(Experiment(), (), Sweep(), {}, tmp_path, "", keep=1), study)
    assert (tmp_path / "same/checkpoints").exists()
    assert not (tmp_path / "other/checkpoints").exists()


class TestTrialsThatFail:
    def test_are_reported_and_the_others_run(self, launch, tiny, tmp_path):
        asked = sweep_command(tiny, tmp_path, "--sweep.batch_size=16,100000", "--experiment.epochs=1")
        done = launch(*asked)
        assert done.status == 0
        assert "1 FAILED" in done.out
        assert "experiment.batch_size: 100000" in done.out
        assert [row["state"] for row in rows(tmp_path)].count("fail") == 1

    def test_stop_the_sweep_if_all_fail_and_are_requeued_by_retry(self, launch, tiny, tmp_path):
        rates = "--sweep.optimizer.learning_rate=1e-4,1e-3,1e-2,1e-1"
        root = tmp_path / "input"
        data = ("--experiment.data.corpora=manifest", f"--experiment.data.root={root}", "--experiment.epochs=1")
        asked = sweep_command(tiny, tmp_path / "sweep", rates, *data)
        stopped = launch(*asked)
        assert stopped.status == 2
        assert "all of 3 trials failed, the last with: " in stopped.err
        assert str(root) in stopped.err
        assert "run the same command with --retry" in stopped.err
        still = launch(*asked)
        assert still.status == 2, "failed trials are not retried automatically"
        assert len(study_of(tmp_path / "sweep").trials) == 3
        retried = launch(*asked, "--retry")
        assert retried.status == 2
        assert len([t for t in study_of(tmp_path / "sweep").trials if t.state == TrialState.FAIL]) == 6

    def test_stop_a_sweep_of_fewer_trials_if_all_fail(self, launch, tiny, tmp_path):
        lost = f"--experiment.data.root={tmp_path / 'input'}"
        asked = sweep_command(tiny, tmp_path / "sweep", "--sweep.seed=1,2", "--experiment.data.corpora=manifest", lost)
        stopped = launch(*asked)
        assert stopped.status == 2
        assert "all of 2 trials failed, the last with: " in stopped.err

    def test_report_where_a_plugin_raises(self, launch, tiny, tmp_path):
        plugin = tmp_path / "broken.py"
        plugin.write_text(
            "from dataclasses import dataclass\n"
            "from aersut.contracts import Feature\n"
            "from aersut.registry import FEATURES\n"
            "@FEATURES.register('broken_in_sweep')\n"
            "@dataclass(frozen=True)\n"
            "class Broken(Feature):\n"
            "    channels = 1\n"
            "    def __call__(self, signal):\n"
            "        return signal.no_such_thing\n"
        )
        broken = (f"--experiment.plugins={plugin}", "--experiment.features=broken_in_sweep")
        stopped = launch(*sweep_command(tiny, tmp_path / "sweep", "--sweep.seed=1,2,3", *broken))
        assert stopped.status == 2
        assert "AttributeError: 'Signal' object has no attribute 'no_such_thing'" in stopped.err
        log = tmp_path / "sweep" / stopped.err.partition("(see ")[2].partition(")")[0].partition("sweep/")[2]
        assert "Traceback" in log.read_text()


def test_an_output_that_cannot_be_written_is_refused_before_any_trial(launch, tiny, tmp_path):
    folder, own = tmp_path / "sweep", tmp_path / "mine.py"
    own.write_text("# a file of the user's own\n")
    for output in (own, tmp_path / "best.txt"):
        refused = launch(*sweep_command(tiny, folder, "--sweep.epochs=1,2", f"--write={output}"))
        assert refused.status == 2
        assert f"--write={output}: " in refused.err
        assert not folder.exists(), "no trial ran"
    assert own.read_text() == "# a file of the user's own\n"


class TestTheDatabase:
    def test_that_does_not_respond_is_reported_without_its_password(self, launch, tiny, tmp_path):
        url = "postgresql://me:secret@127.0.0.1:1/sweeps"
        outcome = launch(*sweep_command(tiny, tmp_path, "--sweep.epochs=1,2", f"--storage={url}"))
        assert outcome.status == 2
        assert "postgresql://me:***@127.0.0.1:1/sweeps does not respond" in outcome.err
        assert "secret" not in outcome.err

    @pytest.mark.parametrize("url", ["nonsense", "nosuchdatabase://host/name"])
    def test_with_an_invalid_url_is_refused(self, launch, tiny, tmp_path, url):
        outcome = launch(*sweep_command(tiny, tmp_path, "--sweep.epochs=1,2", f"--storage={url}"))
        assert outcome.status == 2
        assert "expected postgresql://USER@HOST/DATABASE" in outcome.err

    def test_without_a_sweep_is_reported(self, launch, tiny, tmp_path):
        outcome = launch(*sweep_command(tiny, tmp_path, "--sweep.epochs=1,2", "--status"))
        assert outcome.status == 2
        assert f"{tmp_path} contains no sweep yet" in outcome.err
        assert not (tmp_path / "study.db").exists()

    def test_that_is_full_stops_the_sweep_and_loses_nothing(self, launch, tiny, tmp_path):
        asked = sweep_command(tiny, tmp_path, "--sweep.optimizer.learning_rate=1e-3,1e-2", "--experiment.epochs=1")
        assert launch(*asked, "--trials=1").status == 0

        def full(connection, _):
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")

        # 150 seeds need more space than SQLite's pages have left
        long = [*asked, "--study=other", f"--seeds={','.join(map(str, range(150)))}"]
        sqlalchemy.event.listen(sqlalchemy.Engine, "connect", full)
        try:
            stopped = launch(*long)
        finally:
            sqlalchemy.event.remove(sqlalchemy.Engine, "connect", full)
        assert stopped.status == 2
        assert "cannot be written: (sqlite3.OperationalError) database or disk is full" in stopped.err
        assert "run the same command again to resume" in stopped.err
        done = launch(*asked, "--trials=1")
        assert done.status == 0
        assert "1 of 1 trials ended" in done.out

    def test_may_be_unavailable_during_a_heartbeat(self, tmp_path):
        with pytest.warns(optuna.exceptions.ExperimentalWarning):
            storage = Storage(f"sqlite:///{tmp_path / 'study.db'}", heartbeat_interval=1)
        (tmp_path / "study.db").unlink()
        storage.engine.dispose()
        storage.record_heartbeat(1)


def test_two_objectives_are_reported_as_a_pareto_front(launch, tiny, tmp_path):
    asked = sweep_command(
        tiny, tmp_path, "--sweep.model.dense=8,16,32,64", "--sweep.ema=0:0.5", "--objectives=uar,size",
        "--sampler=random", "--trials=6",
    )  # fmt: skip
    assert launch(*asked, "--timeout=0").status == 0
    study = study_of(tmp_path)
    spans = {
        "model.dense": optuna.distributions.CategoricalDistribution(("8", "16", "32", "64")),
        "ema": optuna.distributions.FloatDistribution(0.0, 0.5),
    }
    found = [((0.5, 9e4), "64"), ((0.5, 5e4), "32"), ((0.4, 3e4), "16"), ((0.3, 4e4), "16"), ((0.1, 1e4), "8")]
    for values, dense in found:
        params = {"model.dense": dense, "ema": values[0] / 2}
        study.add_trial(optuna.trial.create_trial(values=values, params=params, distributions=spans))
    printed = launch(*asked, "--status")
    assert printed.status == 0, printed.err
    starred = [line.split()[0] for line in printed.out.splitlines() if " * " in line and line[0].isdigit()]
    assert starred == ["1", "2", "4"], "90 KB is worse than 50 KB where the UAR is the same"
    assert "int8 KB" in printed.out
    assert "importance for the UAR" in printed.out
    for name in ("pareto.png", "parameters.png", "parallel.png"):
        assert (tmp_path / name).read_bytes().startswith(PNG)
    chosen = launch(*asked, "--status", "--trial=4")
    assert "train trial 4 anew:" in chosen.out
    assert "--experiment.ema=0.05 --experiment.model.dense=8" in chosen.out


def test_the_importance_of_the_keys_is_for_a_high_uar_and_needs_no_scikit_learn(launch, tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    asked = sweep_command(
        tiny, tmp_path, "--sweep.model.dense=8,16,32,64", "--sweep.ema=0:0.5", "--sampler=random", "--trials=16"
    )
    assert launch(*asked, "--timeout=0").status == 0
    study = study_of(tmp_path)
    spans = {
        "model.dense": optuna.distributions.CategoricalDistribution(("8", "16", "32", "64")),
        "ema": optuna.distributions.FloatDistribution(0.0, 0.5),
    }
    for number in range(16):
        dense, ema = ["8", "16", "32", "64"][number % 4], number / 32
        uar = 0.1 if dense == "8" else 0.9 if 5 <= number <= 10 else 0.5  # ema makes the best, dense the worst
        params = {"model.dense": dense, "ema": ema}
        study.add_trial(optuna.trial.create_trial(value=uar, params=params, distributions=spans))
    printed = launch(*asked, "--status")
    assert printed.status == 0, printed.err
    assert "warning" not in printed.err.lower()
    assert re.search(r"importance for the UAR \(PED-ANOVA over 16 trials\): ema \d+%, model.dense \d+%", printed.out)
    assert (tmp_path / "trials.csv").exists()
