"""The log of a training: metrics.jsonl, TensorBoard events, the terminal. Only the main process writes it."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from aersut.data.collection import collection_lines
from aersut.progress import Stage, stage
from aersut.run import Prepared, split_summary
from aersut.run_folder import Run, identifier
from aersut.training import records
from aersut.training.environment import environment
from aersut.training.processes import is_main_process


class TrainingLog:
    """The log of one training; a context manager. It writes nothing in processes other than the main process.

    On a terminal and in a notebook it shows a bar with loss, accuracy, clips/s and remaining time below the list of
    finished epochs; elsewhere only the list. The bar begins after the first step, which may compile. TensorBoard events
    are written by tensorboardX, without TensorFlow.

    Args:
        steps: per epoch.
        done: epochs that were finished before; records and events of later epochs are deleted.
    """

    def __init__(self, run: Run, steps: int, done: int) -> None:
        self.batch_size = run.experiment.batch_size
        self._run, self._steps, self._done = run, steps, done
        self._writes = is_main_process()
        self._open = contextlib.ExitStack()
        self._updated = time.monotonic()
        self._stage: Stage | None = None
        self._stages = self._open.enter_context(contextlib.ExitStack())
        self._trains = False

    def __enter__(self) -> "TrainingLog":
        run, first = self._run, self._steps * self._done
        if self._writes:
            records.truncate(run.records, self._done)
            with _without_torch():
                from tensorboardX import SummaryWriter
            folder, purged = str(run.tensorboard), first + 1 if first else None
            self._events = self._open.enter_context(SummaryWriter(folder, purge_step=purged, write_to_disk=True))
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def begin(self, prepared: Prepared, teacher: Run | None = None) -> None:
        """Print a summary of the data; record the environment and the teacher of this session."""
        if not self._writes:
            return
        for line in collection_lines(prepared.collection):
            self.note(line)
        self.note(split_summary(prepared))
        for line in prepared.notes:
            self.note(f"WARNING: {line}")
        if prepared.split.warning:
            self.note(f"WARNING: {prepared.split.warning}")
        if self._done:
            self.note(f"resuming after epoch {self._done} of {self._run.experiment.epochs}")
        seed = self._run.experiment.seed
        session = {"after_epoch": self._done, "seed": seed, **environment()}
        if teacher is not None:
            session["teacher"] = {"folder": str(teacher.folder), "digest": identifier(teacher).rpartition("/")[2]}
        records.append(self._run.sessions, session)
        self._begin("compiling the training step")

    def _begin(self, doing: str, total: int | None = None, done: int = 0) -> None:
        """Begin a stage in place of the last one."""
        self._stages.close()
        self._stage = self._stages.enter_context(stage(doing, total, done))

    def step(self, loss: float, accuracy: float) -> None:
        """Show a finished step."""
        if not self._writes:
            return
        if not self._trains:  # several devices compile in the first step
            epochs = self._run.experiment.epochs
            self._begin(f"training to epoch {epochs}", self._steps * epochs, self._steps * self._done + 1)
            self._trains = True
        elif self._stage:
            self._stage.update()
        now = time.monotonic()
        if self._stage and now - self._updated > 0.2:
            rate = self._stage.rate * self.batch_size
            self._stage.detail(f"loss {loss:.3f}, accuracy {accuracy:.3f}, {rate:,.0f} clips/s")
            self._updated = now

    def record(self, record: dict[str, Any]) -> None:
        """Write the metrics of an epoch, and print them."""
        if not self._writes:
            return
        records.append(self._run.records, record)
        for name, value in record.items():
            if name not in ("epoch", "step"):
                self._events.add_scalar(name, value, record["step"])
        self._events.flush()
        self.note(
            f"epoch {record['epoch']}/{self._run.experiment.epochs}: "
            f"loss {record['train_loss']:.4f}, accuracy {record['train_accuracy']:.3f};"
            f" validation loss {record['validation_loss']:.4f}, UAR {record['validation_uar']:.3f};"
            f" {record['clips_per_second']:,.0f} clips/s"
        )

    def note(self, line: str) -> None:
        """Print a line above the bar."""
        if self._stage:
            self._stage.write(line)
        elif self._writes:
            print(line, flush=True)


@contextlib.contextmanager
def _without_torch() -> Iterator[None]:
    """Hide PyTorch, which tensorboardX imports where it is installed: that takes seconds, and no event needs it."""
    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            del sys.modules["torch"]
