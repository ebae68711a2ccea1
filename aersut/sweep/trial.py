"""One trial: the runs of one combination, each in an ordinary run folder; the objective is their mean."""

import shutil
import statistics
import time
import traceback
from collections.abc import Iterator
from typing import Any

import filelock
import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from aersut import experiment as experiments
from aersut import run_folder as runs
from aersut.bundle_files import CLASSIFIER
from aersut.errors import UserError
from aersut.run_folder import Run
from aersut.sweep.plan import Plan
from aersut.sweep.space import Range
from aersut.sweep.study import EXCESS, sweep_trials
from aersut.training import records
from aersut.training.loop import train
from aersut.tree import digest, to_tree
from aersut.workers import output_to

SCORE = "validation_uar"


class TrialError(Exception):
    """A trial failed; its user attribute `error` holds the reason."""


def run_trial(plan: Plan, study: optuna.Study, trial: optuna.Trial) -> tuple[float, ...]:
    """Train and evaluate one trial; return the value of each objective.

    The trial's user attribute `runs` lists each run's overrides, UAR, epoch and folder.

    Raises:
        TrialPruned: the pruner stopped it, or another trial runs the same combination.
        TrialError: it failed.
    """
    earlier = [other for other in sweep_trials(study) if other.number < trial.number]
    if len(earlier) >= plan.trials:
        trial.set_user_attr(EXCESS, True)
        raise TrialError("all requested trials are started")
    overrides = list(suggest_overrides(plan, trial))
    for twin in (other for other in earlier if other.params == trial.params):
        if twin.state == TrialState.COMPLETE:
            trial.set_user_attr("runs", twin.user_attrs.get("runs"))
            return tuple(twin.values)
        if twin.state == TrialState.RUNNING:
            raise optuna.TrialPruned(f"trial {twin.number} runs the same combination")
    log = plan.folder / "trials" / "log.txt"
    try:
        variants = [
            experiments.load_experiment(plan.experiment, [*overrides, *more.items()]) for more in plan.run_overrides
        ]
        # named by the resolved configuration, so that a resumed trial finds its own checkpoint
        folders = [plan.folder / "trials" / digest(to_tree(experiment)) for experiment in variants]
        results: list[dict[str, Any]] = [
            {**more, "folder": str(folder.relative_to(plan.folder))}
            for more, folder in zip(plan.run_overrides, folders, strict=True)
        ]
        trial.set_user_attr("runs", results)
        for experiment, folder, result in zip(variants, folders, results, strict=True):
            run = runs.start(experiment, folder)
            log = run.log
            lock = filelock.FileLock(folder / ".lock")
            lock.acquire()  # a worker that wrongly counts as dead trains on until its next report
            lock.release()
            with output_to(log):
                scores = [other["uar"] for other in results if "uar" in other]
                result.update(_train_run(plan, trial, run, scores))
        trial.set_user_attr("runs", results)
        with output_to(log):
            sizes = [_export_size(runs.open_run(folders[0]), name) for name in plan.sweep.objectives if name != "uar"]
    except (optuna.TrialPruned, StorageInternalError, UpdateFinishedTrialError):
        raise
    except Exception as error:
        why = str(error)
        if not isinstance(error, UserError):
            with output_to(log):
                traceback.print_exc()
            why = f"{type(error).__name__}: {error} (see {log})."
        trial.set_user_attr("error", why)
        raise TrialError(why) from error
    return statistics.fmean(result["uar"] for result in results), *sizes


def suggest_overrides(plan: Plan, trial: optuna.Trial) -> Iterator[tuple[str, str]]:
    """Sample the overrides of a new trial, in the order in which they are set."""
    for key, one in plan.space.items():
        if not isinstance(one, Range):
            yield key, str(trial.suggest_categorical(key, one.values))
        elif one.integral:
            yield key, one.text(trial.suggest_int(key, round(one.low), round(one.high), log=one.log))
        else:
            yield key, one.text(trial.suggest_float(key, one.low, one.high, log=one.log))


def trial_overrides(plan: Plan, trial: FrozenTrial) -> list[tuple[str, str]]:
    """The overrides of a stored trial, in the order in which they are set."""
    sampled = [(key, one, trial.params[key]) for key, one in plan.space.items() if key in trial.params]
    return [(key, one.text(value) if isinstance(one, Range) else str(value)) for key, one, value in sampled]


def trial_seconds(trial: FrozenTrial) -> float:
    """The duration of a trial in seconds, since its last start; 0 before it ends."""
    return trial.duration.total_seconds() if trial.duration else 0.0


def failure_reason(trial: FrozenTrial) -> str:
    """Why a trial failed."""
    return str(trial.user_attrs.get("error", "its worker died."))


def remove_checkpoints(plan: Plan, study: optuna.Study) -> None:
    """With `plan.keep`, remove the checkpoints of all finished trials but the best ones and the Pareto front."""
    if plan.keep is None:
        return
    trials = sweep_trials(study)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    best = sorted(complete, key=lambda trial: trial.values[0], reverse=True)[: plan.keep]
    front = study.best_trials if len(study.directions) > 1 else []
    # a trial that runs may have the combination, so the folder, of one that was pruned
    going = [trial for trial in trials if not trial.state.is_finished()]
    kept = {result["folder"] for trial in [*best, *front, *going] for result in trial.user_attrs.get("runs", [])}
    for trial in (*complete, *(trial for trial in trials if trial.state == TrialState.PRUNED)):
        for result in trial.user_attrs.get("runs", []):
            if result["folder"] not in kept:
                for checkpoints in ("checkpoints", "teacher/checkpoints"):
                    shutil.rmtree(plan.folder / result["folder"] / checkpoints, ignore_errors=True)


def _train_run(plan: Plan, trial: optuna.Trial, run: Run, scores: list[float]) -> dict[str, Any]:
    """Train one run of a trial, whose earlier runs reached `scores`; report each epoch, also those before a restart.

    Without a pruner, epochs are reported in batches, one batch per heartbeat interval, which costs nothing. Right after
    an epoch a report waits for the database while Python writes the checkpoint.
    """
    epochs, last = run.experiment.epochs, time.monotonic()
    uars = {record["epoch"]: record[SCORE] for record in records.read_records(run.records)}
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
    selected = records.selected(records.read_records(run.records), run.experiment.select)
    return {"uar": selected[SCORE], "epoch": selected["epoch"]}


def _export_size(run: Run, objective: str) -> float:
    from aersut.export.bundle import export  # imports TensorFlow, which most sweeps do not need
    from aersut.export.context import ExportOptions

    file = export(run, ExportOptions(targets=("classifier",)))["files"].get(CLASSIFIER, {})
    value = file.get({"size": "bytes", "arena": "arena"}[objective])
    if value is None:
        raise UserError(f"the export has no int8 file with a known {objective}; use --objectives=uar instead.")
    return float(value)
