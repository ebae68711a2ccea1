"""Checkpoints of a run: the best by validation UAR, and the last. The only module that knows Orbax."""

import logging
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grain
import numpy as np
from orbax.checkpoint import v1 as ocp

from aersut.data.pipeline import Batch
from aersut.errors import UserError
from aersut.features.frontend import Scaling
from aersut.training.packing import pack, packed_like, shapes, unpack
from aersut.training.state import TrainState

_policies = ocp.training.preservation_policies
_METRIC = "validation_uar"
_STATE = "state"
FORMAT = 3
"""Of what is saved; a higher one is of a later version of this framework. Format 1 had no number, 2 an array a leaf."""


def _is_news(record: logging.LogRecord) -> bool:
    # Orbax logs the traceback of what fails in the background, and raises it when it is asked for the next time
    return "orbax" not in record.pathname


def _is_no_read(record: logging.LogRecord) -> bool:
    # of the reads that one damaged file makes fail, Orbax raises the first, and asyncio would print the others
    return "tensorstore_spec" not in str(record.exc_info and record.exc_info[1])


logging.getLogger("absl").addFilter(_is_news)
logging.getLogger("asyncio").addFilter(_is_no_read)


def _but_late_writes(report: Callable[["sys.UnraisableHookArgs"], Any]) -> Callable[["sys.UnraisableHookArgs"], Any]:
    def hook(problem: "sys.UnraisableHookArgs") -> None:
        # what is being written when a write fails reports to Orbax's event loop, which the failure has closed
        if not (isinstance(problem.exc_value, RuntimeError) and str(problem.exc_value) == "Event loop is closed"):
            report(problem)

    return hook


sys.unraisablehook = _but_late_writes(sys.unraisablehook)


@dataclass(frozen=True)
class Restored:
    """What a checkpoint gives back."""

    epoch: int
    state: TrainState
    scaling: Scaling | None


class Checkpoints:
    """The checkpoints in one folder, each named by its epoch; a context manager that waits for the last write.

    Orbax writes aside and renames, so that a torn checkpoint is never seen.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._checkpointer = ocp.training.Checkpointer(
            folder.absolute(),
            save_decision_policy=ocp.training.save_decision_policies.FixedIntervalPolicy(1),
            preservation_policy=_policies.AnyPreservationPolicy(
                [_policies.LatestN(1), _policies.BestN(get_metric_fn=lambda metrics: metrics[_METRIC], n=1)]
            ),
            cleanup_tmp_directories=True,
        )

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        try:
            self._checkpointer.close()
        except (OSError, ValueError) as failure:
            if error is None:
                raise self._unwritten(failure) from failure

    @property
    def last(self) -> int:
        """The epoch of the last checkpoint, 0 where there is none."""
        latest = self._checkpointer.latest
        return 0 if latest is None else int(latest.step)

    @property
    def best(self) -> int:
        """The epoch of the checkpoint with the highest validation UAR; the later of equal ones, 0 without any."""
        found = [(entry.metrics[_METRIC], int(entry.step)) for entry in self._checkpointer.checkpoints if entry.metrics]
        return max(found)[1] if found else 0

    def path(self, epoch: int) -> Path:
        """The folder of one checkpoint."""
        return self.folder / str(epoch)

    def save(
        self,
        epoch: int,
        state: TrainState,
        batches: grain.DatasetIterator[Batch],
        scaling: Scaling | None,
        validation_uar: float,
    ) -> None:
        """Save in the background everything that the run goes on from, the data's position included.

        Raises:
            UserError: this one, or the one before, cannot be written.
        """
        # the position is that of the whole batches, so that any number of processes goes on from it; what is small goes
        # as JSON, since each further item takes Orbax as long as the state does
        beside: Any = {
            "format": FORMAT,
            "data": batches.get_state(),
            "scaling": _to_json(scaling),
            "arrays": shapes(state),
        }
        try:
            self._checkpointer.save_async(
                epoch,
                pack(state),
                checkpointable_name=_STATE,
                metrics={_METRIC: validation_uar},
                custom_metadata=beside,
            )
        except (OSError, ValueError) as error:
            raise self._unwritten(error) from error

    def restore(self, epoch: int, like: TrainState, batches: grain.DatasetIterator[Batch] | None = None) -> Restored:
        """Load the checkpoint of an epoch into the shape of `like`, and put `batches` where they were then.

        Args:
            like: arrays, or what only has their shapes, types and places.

        Raises:
            UserError: the checkpoint is of another architecture, or cannot be read.
        """
        refused = f"checkpoint {self.path(epoch)} cannot be restored into this experiment's network"
        damaged = f"{refused}: it is damaged, or of another version"
        try:
            beside = self._checkpointer.checkpointables_metadata(epoch).custom_metadata
            if not beside:
                raise ValueError("nothing is said beside its arrays")
        except Exception as error:
            raise UserError(f"{damaged} ({str(error)[:200]}). Choose another --workdir.") from error
        if later := beside.get("format", 1) - FORMAT:
            age, remedy = ("a newer", "Update this one, or choose") if later > 0 else ("an older", "Choose")
            raise UserError(f"{refused}: it is of {age} version of AERSUT. {remedy} another --workdir.")
        if difference := _difference(beside["arrays"], shapes(like)):
            raise UserError(f"{refused}: {difference}. Choose another --workdir.")
        try:
            state = unpack(self._checkpointer.load(epoch, packed_like(like), checkpointable_name=_STATE), like)
            scaling = _from_json(beside["scaling"])
            if batches is not None:
                batches.set_state(beside["data"])
        except Exception as error:
            raise UserError(f"{damaged} ({str(error)[:200]}). Choose another --workdir.") from error
        return Restored(epoch, state, scaling)

    def _unwritten(self, error: Exception) -> UserError:
        # tensorstore tells of a full disk by a ValueError that names each of its layers
        reason = "no space is left on the disk" if "No space left" in str(error) else str(error)[:200]
        return UserError(
            f"a checkpoint cannot be written into {self.folder}: {reason}. The last whole one is kept: make room, and "
            "the same command goes on from there."
        )


def _difference(held: dict[str, str], wanted: dict[str, str]) -> str:
    """The first array in which a checkpoint and a state differ, or ""."""
    for name in [*wanted, *(name for name in held if name not in wanted)]:
        there, here = held.get(name, "no such array"), wanted.get(name, "none")
        if there != here:
            return f"it is of another architecture: {name} is {there}, and {here} in the network"
    return ""


def _to_json(scaling: Scaling | None) -> dict[str, list[float]] | None:
    if scaling is None:
        return None
    return {"mean": np.asarray(scaling.mean).tolist(), "deviation": np.asarray(scaling.deviation).tolist()}


def _from_json(values: dict[str, list[float]] | None) -> Scaling | None:
    if values is None:
        return None
    return Scaling(np.array(values["mean"], np.float32), np.array(values["deviation"], np.float32))
