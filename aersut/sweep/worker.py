"""A worker: one process that runs trial after trial of a study, until there are as many as were asked for.

Workers know nothing of each other: who runs what, and whose trial is to be taken up, they learn from the study's
database. So the same command on another machine is one more worker.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import optuna
from absl import logging
from optuna.exceptions import StorageInternalError
from optuna.storages import fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from aersut.config import Experiment, from_tree, to_tree
from aersut.errors import UserError
from aersut.registry import import_plugins
from aersut.sweep.plan import Plan
from aersut.sweep.space import short
from aersut.sweep.study import SURPLUS, again, counted, database, open_study
from aersut.sweep.trial import TrialError, attempt, drop_checkpoints, overrides_of, reason, seconds

DEFAULT_WORKERS = 1
"""Of one machine: a small trial alone keeps 1.5 of 2 cores busy (`benchmarks/sweep.py`); its draws can be repeated."""
HOPELESS = 3
"""After so many failed trials, and none that did not fail, a sweep stops."""
PATIENCE = 5.0
"""Seconds that interrupted workers have to leave their trials in order."""
POLL = 1.0
"""Seconds between two looks at the trials of other workers, where there is nothing else to do."""


def sweep(plan: Plan, workers: int = 1, timeout: float | None = None, retry: bool = False) -> bool:
    """Run a sweep up to its last trial, with so many processes of this machine; say whether it got there.

    Args:
        timeout: seconds after which no trial is begun.
        retry: take the failed trials up again first.

    Raises:
        UserError: the database does not answer, or every trial fails.
    """
    alone = workers == 1 and not plan.storage
    with open_study(plan, plan.experiment.seed if alone else None) as study:
        if retry:
            with database(plan):
                for trial in counted(study):
                    if trial.state == TrialState.FAIL:
                        again(study, trial)
        deadline = None if timeout is None else time.monotonic() + timeout
        with _others(plan, workers - 1, timeout):
            return _work(plan, study, deadline)


def _work(plan: Plan, study: optuna.Study, deadline: float | None) -> bool:
    """Run trials until there are enough; False where the time was up before."""
    waits = False
    while deadline is None or time.monotonic() < deadline:
        with database(plan):
            trials = counted(study)
            states = [trial.state for trial in trials]
            _refuse_hopeless(trials)
            if len(trials) < plan.trials or TrialState.WAITING in states:
                waits = False
                _one_trial(plan, study)
            elif TrialState.RUNNING in states:
                # not done yet: a worker may die, and its trial is then taken up by those who are still there
                if not waits:
                    print(f"waiting for other workers' trials: {states.count(TrialState.RUNNING)}", flush=True)
                waits = True
                time.sleep(POLL)
                fail_stale_trials(study)
            else:
                return True
    return False


def _one_trial(plan: Plan, study: optuna.Study) -> None:
    mine: list[int] = []

    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        mine.append(trial.number)
        return attempt(plan, study, trial)

    try:
        study.optimize(objective, n_trials=1, catch=(TrialError,))
    except (KeyboardInterrupt, StorageInternalError):
        for trial in _of(study, mine):
            if trial.state == TrialState.FAIL:
                again(study, trial)
        raise
    except UnboundLocalError as error:
        # Optuna's own, where the database is away when it is told how a trial ended
        raise error.__context__ or error from None
    except ValueError:
        # the others took this worker for dead (a laptop that slept), and its trial up: it is theirs now
        if not any(trial.state == TrialState.FAIL for trial in _of(study, mine)):
            raise
    for trial in _of(study, mine):
        if SURPLUS not in trial.user_attrs:
            print(line(plan, trial), flush=True)
    drop_checkpoints(plan, study)


def _of(study: optuna.Study, numbers: list[int]) -> list[FrozenTrial]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.number in numbers]


def line(plan: Plan, trial: FrozenTrial) -> str:
    """One finished trial, for the terminal."""
    what = ", ".join(f"{key}={short(value)}" for key, value in overrides_of(plan, trial))
    outcome = {
        TrialState.COMPLETE: f"validation UAR {(trial.values or [0])[0]:.3f}",
        TrialState.PRUNED: f"given up after {len(trial.intermediate_values)} epochs",
        TrialState.FAIL: f"FAILED: {reason(trial)}",
    }.get(trial.state, trial.state.name.lower())
    return f"trial {trial.number:<4}{outcome}  {what}  ({seconds(trial):.1f} s)"


def _refuse_hopeless(trials: list[FrozenTrial]) -> None:
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    if len(failed) >= HOPELESS and not {trial.state for trial in trials} & {TrialState.COMPLETE, TrialState.PRUNED}:
        raise UserError(
            f"all of {len(failed)} trials failed, the last with: {reason(failed[-1])} Mend that, and give the same "
            "command with --retry."
        )


@contextlib.contextmanager
def _others(plan: Plan, count: int, timeout: float | None) -> Iterator[None]:
    """So many more workers beside this process, each on its share of the cores; they end by themselves, or with it when
    it is interrupted.
    """
    # a plugin of a file is known here under a name that another process does not know: it gets the tree
    bare = dataclasses.replace(plan, experiment=Experiment())
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_other, args=(bare, to_tree(plan.experiment), timeout)) for _ in range(count)]
    cores = _cores()
    mine, *theirs = shares(cores, count + 1)
    for process, share in zip(processes, theirs, strict=True):
        _stay_on(share)  # a process begins where its parent is, and XLA makes as many threads as it finds cores
        process.start()
    _stay_on(mine)
    try:
        yield
    except BaseException as error:
        for process in processes:
            # the terminal interrupts them too, and twice is once too often
            process.join(PATIENCE if isinstance(error, KeyboardInterrupt) else 0)
            if process.is_alive() and process.pid:
                os.kill(process.pid, signal.SIGINT)
        raise
    finally:
        _stay_on(cores)
        for process in processes:
            process.join()


def shares(cores: set[int], workers: int) -> list[set[int]]:
    """The cores that each worker has for itself; of more workers than cores several share one.

    Every so-manieth core: on most machines the two threads of one core then stay together.
    """
    places = sorted(cores)
    return [set(places[worker % len(places) :: workers]) if places else set() for worker in range(workers)]


def _cores() -> set[int]:
    """The cores that this thread may run on; none where the system does not tell."""
    return os.sched_getaffinity(0) if sys.platform == "linux" else set()


def _stay_on(cores: set[int]) -> None:
    """Let this thread, and what it starts from now on, run on these cores only; on any where none are given."""
    if cores and sys.platform == "linux":
        os.sched_setaffinity(0, cores)


def _other(bare: Plan, tree: dict[str, Any], timeout: float | None) -> None:
    """The body of another worker's process."""
    logging.set_verbosity(logging.WARNING)
    try:
        import_plugins(tree.get("plugins") or ())
        plan = dataclasses.replace(bare, experiment=from_tree(tree))
        with open_study(plan) as study:
            _work(plan, study, None if timeout is None else time.monotonic() + timeout)
    except UserError as error:
        print(f"error: a worker stopped: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
