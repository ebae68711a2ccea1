"""Training and evaluation of several runs at once, each in a process on its own CPU cores."""

import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import jax
from absl import logging

from aersut.config import from_tree
from aersut.errors import UserError
from aersut.evaluation.evaluate import Evaluation, evaluate
from aersut.evaluation.predictions import ClipPredictions
from aersut.progress import Stage, stage
from aersut.registry import import_plugins
from aersut.run_folder import Run
from aersut.training import loop
from aersut.tree import to_tree
from aersut.workers import core_count, divide_cores, output_to, usable_cores, worker_processes

OnEvaluated = Callable[[Evaluation], None]


@dataclass(frozen=True)
class EvaluatedRun:
    """What a process sends about a run that it has trained and evaluated.

    Attributes:
        folder: of the run.
        result: the content of its metrics.json.
        predictions: on its test set.
    """

    folder: Path
    result: dict[str, Any]
    predictions: ClipPredictions


def train_and_evaluate(runs: Sequence[Run], workers: int | None, on_evaluated: OnEvaluated) -> list[EvaluatedRun]:
    """Train each run that is not trained, and evaluate it; return the results in the order of `runs`.

    Args:
        workers: number of processes. Each has the same number of cores, so that a run resumes bit for bit in any of
            them, and writes the output of its trainings to `log.txt` in their run folders. By default one per core, and
            1 on an accelerator. 1 trains in this process, with output to the terminal.

    Raises:
        UserError: a run cannot be trained or evaluated, or a process died. Runs that were training are finished first.
    """
    cores = usable_cores()
    if workers is not None and workers < 1:
        raise UserError(f"workers is {workers}: expected at least 1, or None.")
    if workers is None:
        workers = core_count() if jax.default_backend() == "cpu" else 1
    workers = min(workers, len(runs))
    if workers <= 1:
        return [_one_after_another(run, number, len(runs), on_evaluated) for number, run in enumerate(runs, 1)]
    equal = set(sorted(cores)[: len(cores) // workers * workers]) or cores
    pipes = [Pipe() for _ in range(workers)]
    arguments = [(theirs, on_evaluated) for _, theirs in pipes]
    with (
        stage(f"training and evaluating {len(runs)} runs", len(runs)) as shown,
        worker_processes(_serve, arguments, divide_cores(equal, workers)),
    ):
        jobs = _Jobs(runs, shown)
        threads = []
        for ours, theirs in pipes:
            theirs.close()  # so that the end of the process ends its pipe
            threads.append(threading.Thread(target=jobs.pass_to, args=(ours,), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join()
    if jobs.failures:
        more = f" ({len(jobs.failures) - 1} more failed)" if len(jobs.failures) > 1 else ""
        raise UserError(f"{jobs.failures[0]} Finished runs are kept; the same command resumes.{more}")
    return [jobs.done[run.folder] for run in runs]


class _Jobs:
    """Runs that several processes take one by one. No further run is begun after a failure."""

    def __init__(self, runs: Sequence[Run], shown: Stage) -> None:
        self._waiting, self._count, self._shown = deque(runs), len(runs), shown
        self._lock = threading.Lock()
        self.done: dict[Path, EvaluatedRun] = {}
        self.failures: list[str] = []

    def pass_to(self, connection: Connection) -> None:
        """Send run after run to a process, and receive the results."""
        with connection:
            while (run := self._next()) is not None:
                begin = time.monotonic()
                try:
                    connection.send((run.folder, to_tree(run.experiment)))
                    answer = connection.recv()
                except (EOFError, OSError):
                    answer = "its process died. Its output is in log.txt there."
                with self._lock:
                    if isinstance(answer, str):
                        self.failures.append(f"run {run.folder}: {answer}")
                        self._shown.write(f"FAILED: run {run.folder}: {answer}")
                        return
                    self.done[run.folder] = answer
                    seconds = time.monotonic() - begin
                    self._shown.update()
                    self._shown.write(
                        f"{_title(run, len(self.done), self._count)}: {_outcome(answer)}, {seconds:.0f} s"
                    )

    def _next(self) -> Run | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting and not self.failures else None


def _one_after_another(run: Run, number: int, count: int, on_evaluated: OnEvaluated) -> EvaluatedRun:
    print(_title(run, number, count), flush=True)
    return _train_and_evaluate(run, on_evaluated)


def _title(run: Run, number: int, count: int) -> str:
    experiment = run.experiment
    return f"run {number} of {count}: fold {experiment.data.fold}, seed {experiment.seed}, run folder {run.folder}"


def _outcome(evaluated: EvaluatedRun) -> str:
    return f"UAR {evaluated.result['uar']:.3f}, WA {evaluated.result['wa']:.3f}"


def _train_and_evaluate(run: Run, on_evaluated: OnEvaluated) -> EvaluatedRun:
    loop.train(run)
    evaluation = evaluate(run)
    on_evaluated(evaluation)
    return EvaluatedRun(run.folder, evaluation.result, evaluation.predictions)


def _serve(connection: Connection, on_evaluated: OnEvaluated) -> None:
    """The work of a process: receive a run, send its result or the text of its error, until the pipe ends."""
    logging.set_verbosity(logging.WARNING)
    try:
        with loop.frozen_objects():
            while True:
                folder, tree = connection.recv()
                connection.send(_served(folder, tree, on_evaluated))
    except (EOFError, OSError):
        pass
    except KeyboardInterrupt:
        sys.exit(130)


def _served(folder: Path, tree: dict[str, Any], on_evaluated: OnEvaluated) -> EvaluatedRun | str:
    try:
        with output_to(folder / "log.txt"):
            try:
                import_plugins(tree.get("plugins") or ())
                return _train_and_evaluate(Run(folder, from_tree(tree)), on_evaluated)
            except UserError as error:
                return str(error)
            except Exception as error:
                traceback.print_exc()
                return f"{type(error).__name__}: {error} (see log.txt there)."
    except OSError as error:
        return f"log.txt there cannot be written: {error.strerror}."
