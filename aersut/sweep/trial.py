"""One trial: the runs of one combination, each in an ordinary run folder, judged by their mean."""

import contextlib
import shutil
import statistics
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from aersut import experiment as experiments
from aersut import run as runs
from aersut.config import digest, to_tree
from aersut.errors import UserError
from aersut.run import Run
from aersut.sweep.plan import Plan
from aersut.sweep.space import Range
from aersut.sweep.study import SURPLUS, counted
from aersut.training import records
from aersut.training.loop import train

SCORE = "validation_uar"


class TrialError(Exception):
    """A trial came to nothing; its attribute `error` says why."""


def attempt(plan: Plan, study: optuna.Study, trial: optuna.Trial) -> tuple[float, ...]:
    """Run a trial, and return the value of each objective.

    What it was worth is kept with it: the attribute `runs` lists each run's overrides, score, epoch and folder.

    Raises:
        TrialPruned: it was given up.
        TrialError: it could not be run.
    """
    before = [other for other in counted(study) if other.number < trial.number]
    if len(before) >= plan.trials:
        trial.set_user_attr(SURPLUS, True)
        raise TrialError("one more than asked for")
    overrides = dict(suggest(plan, trial))
    twins = [other for other in before if other.params == trial.params]
    for twin in twins:
        if twin.state == TrialState.COMPLETE:
            trial.set_user_attr("runs", twin.user_attrs.get("runs"))
            return tuple(twin.values)
        if twin.state == TrialState.RUNNING:
            raise optuna.TrialPruned(f"trial {twin.number} is trying the same")
    log = plan.folder / "trials" / "log.txt"
    try:
        asked = [experiments.load(plan.experiment, [*overrides.items(), *more.items()]) for more in plan.runs]
        folders = [folder_of(plan, to_tree(one)) for one in asked]
        results: list[dict[str, Any]] = [
            {**more, "folder": str(folder.relative_to(plan.folder))}
            for more, folder in zip(plan.runs, folders, strict=True)
        ]
        trial.set_user_attr("runs", results)
        for one, folder, result in zip(asked, folders, results, strict=True):
            run = runs.start(one, folder)
            log = run.folder / "log.txt"
            lock = filelock.FileLock(folder / ".lock")
            lock.acquire()  # who was taken for dead, and is not, trains on until it reports the next time
            lock.release()
            with _written_to(log):
                scores = [other["uar"] for other in results if "uar" in other]
                result.update(_train(plan, trial, run, scores))
        trial.set_user_attr("runs", results)
        with _written_to(log):
            sizes = [_exported(runs.open_run(folders[0]), name) for name in plan.sweep.objectives if name != "uar"]
    except (optuna.TrialPruned, StorageInternalError, UpdateFinishedTrialError):
        raise
    except Exception as error:
        why = str(error)
        if not isinstance(error, UserError):
            with _written_to(log):
                traceback.print_exc()
            why = f"{type(error).__name__}: {error} (see {log})."
        trial.set_user_attr("error", why)
        raise TrialError(why) from error
    return statistics.fmean(result["uar"] for result in results), *sizes


def suggest(plan: Plan, trial: optuna.Trial) -> list[tuple[str, str]]:
    """The overrides of a trial, in the order in which they are set."""
    overrides = []
    for key, one in plan.space.items():
        if not isinstance(one, Range):
            text = str(trial.suggest_categorical(key, one.values))
        elif one.integral:
            text = one.text(trial.suggest_int(key, round(one.low), round(one.high), log=one.log))
        else:
            text = one.text(trial.suggest_float(key, one.low, one.high, log=one.log))
        overrides.append((key, text))
    return overrides


def overrides_of(plan: Plan, trial: FrozenTrial) -> list[tuple[str, str]]:
    """The same of a trial that is done."""
    known = [(key, one, trial.params[key]) for key, one in plan.space.items() if key in trial.params]
    return [(key, one.text(value) if isinstance(one, Range) else str(value)) for key, one, value in known]


def seconds(trial: FrozenTrial) -> float:
    """How long a trial took, from where it was begun the last time; 0 where it has not ended."""
    return trial.duration.total_seconds() if trial.duration else 0.0


def reason(trial: FrozenTrial) -> str:
    """Why a trial failed."""
    return str(trial.user_attrs.get("error", "its worker died."))


def folder_of(plan: Plan, tree: dict[str, Any]) -> Path:
    """The run folder of a resolved configuration: taken up again, a trial finds its own checkpoint there."""
    return plan.folder / "trials" / digest(tree)


def drop_checkpoints(plan: Plan, study: optuna.Study) -> None:
    """Remove the checkpoints of all finished trials but the best `plan.keep`, where there is such a number."""
    if plan.keep is None:
        return
    done = [trial for trial in counted(study) if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    best = sorted(
        (trial for trial in done if trial.state == TrialState.COMPLETE), key=lambda trial: trial.values[0], reverse=True
    )[: plan.keep]
    kept = {result["folder"] for trial in [*best, *_front(study)] for result in trial.user_attrs.get("runs", [])}
    for trial in done:
        for result in trial.user_attrs.get("runs", []):
            if result["folder"] not in kept:
                for checkpoints in ("checkpoints", "teacher/checkpoints"):
                    shutil.rmtree(plan.folder / result["folder"] / checkpoints, ignore_errors=True)


def _front(study: optuna.Study) -> list[FrozenTrial]:
    return study.best_trials if len(study.directions) > 1 else []


def _train(plan: Plan, trial: optuna.Trial, run: Run, scores: list[float]) -> dict[str, Any]:
    """Train one run of a trial, whose earlier runs reached `scores`; report each epoch, also those before a restart.

    Where nobody gives up by them, epochs are reported together, so often that it costs nothing: right after an epoch
    the database is waited for while Python writes the checkpoint.
    """
    epochs, last = run.experiment.epochs, time.monotonic()
    uars = {record["epoch"]: record[SCORE] for record in records.read(run.records)}
    reported: set[int] = set()

    def report() -> None:
        nonlocal last
        last = time.monotonic()
        for epoch in sorted(uars.keys() - reported) if len(plan.sweep.objectives) == 1 else ():
            trial.report(statistics.fmean([*scores, uars[epoch]]), len(scores) * epochs + epoch)
            reported.add(epoch)
            if trial.should_prune():
                raise optuna.TrialPruned(f"in epoch {epoch} of {epochs}")

    def on_epoch(record: dict[str, Any]) -> None:
        uars[record["epoch"]] = record[SCORE]
        if plan.sweep.pruner != "none" or time.monotonic() - last > plan.heartbeat:
            report()

    report()
    train(run, on_epoch)
    report()
    selected = records.selected(records.read(run.records), run.experiment.select)
    return {"uar": selected[SCORE], "epoch": selected["epoch"]}


@contextlib.contextmanager
def _written_to(log: Path) -> Iterator[None]:
    """What is printed inside goes to a file: of several trainings at once nobody could read it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        yield


def _exported(run: Run, objective: str) -> float:
    from aersut.export.export import export  # brings TensorFlow, which most sweeps do without

    file = export(run)["files"].get("model_int8.tflite", {})
    value = file.get({"size": "bytes", "arena": "arena"}[objective])
    if value is None:
        raise UserError(f"the export gives no {objective} of an int8 file; --objectives=uar will do without.")
    return float(value)
