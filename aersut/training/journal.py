"""What a training writes down and shows: metrics.jsonl, TensorBoard's events, the terminal. Only one process does."""

import contextlib
import types
from typing import Any

from aersut.data import collection
from aersut.run import Prepared, Run, describe
from aersut.training import records
from aersut.training.environment import environment
from aersut.training.events import Events
from aersut.training.processes import leads
from aersut.training.progress import Progress


class Journal:
    """The journal of one training; a context manager. In a process that does not lead it does nothing.

    Args:
        steps: in an epoch.
        done: epochs that were finished before; what was recorded beyond them is cut off.

    Attributes:
        batch_size: clips in a step.
    """

    def __init__(self, run: Run, steps: int, done: int) -> None:
        self.batch_size = run.experiment.batch_size
        self._run, self._steps, self._done = run, steps, done
        self._leads = leads()
        self._open = contextlib.ExitStack()

    def __enter__(self) -> "Journal":
        run, first = self._run, self._steps * self._done
        total = self._steps * run.experiment.epochs
        self._progress = self._open.enter_context(Progress(total, first, self.batch_size, silent=not self._leads))
        if self._leads:
            records.cut(run.records, self._done)
            self._events = self._open.enter_context(Events(run.folder / "tensorboard", first))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._open.close()

    def begin(self, prepared: Prepared) -> None:
        """Say on what is trained, and write down with what."""
        if not self._leads:
            return
        for line in collection.describe(prepared.collection):
            self.note(line)
        self.note(describe(prepared))
        if prepared.split.warning:
            self.note(f"WARNING: {prepared.split.warning}")
        if self._done:
            self.note(f"going on after epoch {self._done} of {self._run.experiment.epochs}")
        seed = self._run.experiment.seed
        records.append(self._run.sessions, {"after_epoch": self._done, "seed": seed, **environment()})

    def step(self, loss: float, accuracy: float) -> None:
        """One step is done."""
        self._progress.step(loss, accuracy)

    def record(self, record: dict[str, Any]) -> None:
        """Write down what an epoch has measured, and list it."""
        if self._leads:
            records.append(self._run.records, record)
            self._events.write(record)
            self._progress.epoch(record, self._run.experiment.epochs)

    def note(self, line: str) -> None:
        """Print a line."""
        self._progress.note(line)
