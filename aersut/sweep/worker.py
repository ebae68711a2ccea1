"""A worker: one process that runs trial after trial of a study until the requested number is reached.

Workers do not communicate: they read from the study's database which trials run and which to resume. So the same
command on another machine starts one more worker.
"""

import contextlib
import dataclasses
import functools
import sys
import time
from collections.abc import Iterator
from typing import Any

import optuna
from absl import logging
from optuna.exceptions import StorageInternalError
from optuna.storages import fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from aersut.config import Experiment, from_tree
from aersut.errors import UserError
from aersut.progress import Stage, stage
from aersut.registry import import_plugins
from aersut.sweep.plan import Plan
from aersut.sweep.space import shorten
from aersut.sweep.study import EXCESS, database_errors, open_study, requeue, sweep_trials
from aersut.sweep.trial import TrialError, failure_reason, remove_checkpoints, run_trial, trial_overrides, trial_seconds
from aersut.texts import counted
from aersut.training.loop import frozen_objects
from aersut.tree import to_tree
from aersut.workers import divide_cores, usable_cores, use_cores, worker_processes

DEFAULT_WORKERS = 1
"""Workers per machine: a small trial alone uses 1.5 of 2 cores (`benchmarks/sweep.py`); one worker is reproducible."""
MAX_FAILURES = 3
"""A sweep stops after this many failed trials, or all its trials if they are fewer, if no trial has succeeded."""
POLL = 1.0
"""Seconds between two checks of other workers' trials, while no trial is left to start."""


def run_sweep(plan: Plan, workers: int = 1, timeout: float | None = None, retry: bool = False) -> bool:
    """Run a sweep with `workers` processes on this machine; return whether all trials ended.

    Args:
        timeout: seconds after which no trial is started.
        retry: re-queue the failed trials first.

    Raises:
        UserError: the database does not respond, or every trial fails.
    """
    alone = workers == 1 and not plan.storage
    with open_study(plan, plan.experiment.seed if alone else None) as study:
        if retry:
            with database_errors(plan):
                for trial in sweep_trials(study):
                    if trial.state == TrialState.FAIL:
                        requeue(study, trial)
        deadline = None if timeout is None else time.monotonic() + timeout
        with _extra_workers(plan, workers - 1, timeout), frozen_objects():
            with database_errors(plan):
                ended = sum(trial.state.is_finished() for trial in sweep_trials(study))
            if ended >= plan.trials:
                return _run_trials(plan, study, deadline)
            with stage(f"running {plan.trials - ended} trials", plan.trials, ended) as shown:
                return _run_trials(plan, study, deadline, shown, ended)


def _run_trials(
    plan: Plan, study: optuna.Study, deadline: float | None, shown: Stage | None = None, ended: int = 0
) -> bool:
    """Run trials until the requested number is reached; return False if the deadline comes first.

    Args:
        shown: shows the trials that have ended, `ended` of which it has counted.
    """
    waiting = False
    say = shown.write if shown else functools.partial(print, flush=True)
    while True:
        with database_errors(plan):
            trials = sweep_trials(study)
            states = [trial.state for trial in trials]
            if shown:
                now = sum(state.is_finished() for state in states)
                shown.update(now - ended)
                ended = now
            _stop_if_all_failed(plan, trials)
            remaining = len(trials) < plan.trials or TrialState.WAITING in states
            if not remaining and TrialState.RUNNING not in states:
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
            if remaining:
                waiting = False
                if line := _run_one_trial(plan, study):
                    say(line)
            else:  # another worker may die; then its trial is re-queued for the workers that remain
                if not waiting:
                    say(f"waiting for other workers' trials: {states.count(TrialState.RUNNING)}")
                waiting = True
                time.sleep(POLL)
                fail_stale_trials(study)


def _run_one_trial(plan: Plan, study: optuna.Study) -> str:
    """Run a trial; return the line about it, empty if another worker's trials suffice."""
    numbers: list[int] = []

    def own_trials() -> list[FrozenTrial]:
        return [trial for trial in study.get_trials(deepcopy=False) if trial.number in numbers]

    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        numbers.append(trial.number)
        return run_trial(plan, study, trial)

    try:
        study.optimize(objective, n_trials=1, catch=(TrialError,))
    except (KeyboardInterrupt, StorageInternalError):
        for trial in own_trials():
            if trial.state == TrialState.FAIL:
                requeue(study, trial)
        raise
    except UnboundLocalError as error:
        # raised by Optuna itself if the database is unavailable when it stores how a trial ended
        raise error.__context__ or error from None
    except ValueError:
        # this worker counted as dead (a laptop in standby), and another one resumed its trial
        if not any(trial.state == TrialState.FAIL for trial in own_trials()):
            raise
    lines = [_trial_line(plan, trial) for trial in own_trials() if EXCESS not in trial.user_attrs]
    remove_checkpoints(plan, study)
    return "\n".join(lines)


def _trial_line(plan: Plan, trial: FrozenTrial) -> str:
    overrides = ", ".join(f"{key}={shorten(value)}" for key, value in trial_overrides(plan, trial))
    outcome = {
        TrialState.COMPLETE: f"validation UAR {(trial.values or [0])[0]:.3f}",
        TrialState.PRUNED: f"pruned after {len(trial.intermediate_values)} epochs",
        TrialState.FAIL: f"FAILED: {failure_reason(trial)}",
    }.get(trial.state, trial.state.name.lower())
    return f"trial {trial.number:<4}{outcome}  {overrides}  ({trial_seconds(trial):.1f} s)"


def _stop_if_all_failed(plan: Plan, trials: list[FrozenTrial]) -> None:
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    succeeded = {trial.state for trial in trials} & {TrialState.COMPLETE, TrialState.PRUNED}
    if len(failed) >= min(MAX_FAILURES, plan.trials) and not succeeded:
        many = counted(len(failed), "trial")
        raise UserError(
            f"all of {many} failed, the last with: {failure_reason(failed[-1])} Fix that, then run the same command "
            "with --retry."
        )


@contextlib.contextmanager
def _extra_workers(plan: Plan, count: int, timeout: float | None) -> Iterator[None]:
    """Start `count` further worker processes, and restrict this one to its own cores meanwhile."""
    # another process does not know the classes of a plugin file: it rebuilds the experiment from its tree
    bare = dataclasses.replace(plan, experiment=Experiment())
    cores = usable_cores()
    mine, *theirs = divide_cores(cores, count + 1)
    with worker_processes(_worker_process, [(bare, to_tree(plan.experiment), timeout)] * count, theirs):
        use_cores(mine)
        try:
            yield
        finally:
            use_cores(cores)


def _worker_process(bare: Plan, tree: dict[str, Any], timeout: float | None) -> None:
    logging.set_verbosity(logging.WARNING)
    try:
        import_plugins(tree.get("plugins") or ())
        plan = dataclasses.replace(bare, experiment=from_tree(tree))
        with open_study(plan) as study, frozen_objects():
            _run_trials(plan, study, None if timeout is None else time.monotonic() + timeout)
    except UserError as error:
        print(f"error: a worker stopped: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
