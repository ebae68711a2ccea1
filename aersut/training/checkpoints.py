"""Checkpoints of a run: the best by validation UAR, and the last. The only module that knows Orbax."""

import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grain
import numpy as np
from orbax.checkpoint import v1 as ocp

from aersut.data.pipeline import Batch
from aersut.errors import UserError
from aersut.features.frontend import Scaling
from aersut.training.state import TrainState

_policies = ocp.training.preservation_policies
_METRIC = "validation_uar"


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
        self._checkpointer.close()

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
        """Save in the background everything that the run goes on from, the data's position included."""
        tree = {"state": state, "data": batches, "scaling": _scaling_tree(scaling)}
        self._checkpointer.save_checkpointables_async(epoch, tree, metrics={_METRIC: validation_uar})

    def restore(self, epoch: int, like: TrainState, batches: grain.DatasetIterator[Batch] | None = None) -> Restored:
        """Load the checkpoint of an epoch into the shape of `like`, and put `batches` where they were then.

        Raises:
            UserError: the checkpoint is of another architecture, or cannot be read.
        """
        wanted: dict[str, Any] = {"state": like, "scaling": None}
        if batches is not None:
            wanted["data"] = batches
        try:
            tree = self._checkpointer.load_checkpointables(epoch, wanted)
        except Exception as error:
            raise UserError(
                f"checkpoint {self.path(epoch)} cannot be restored into this experiment's network: it is damaged, or "
                f"of another architecture or version ({str(error)[:200]}). Choose another --workdir."
            ) from error
        return Restored(epoch, tree["state"], _to_scaling(tree["scaling"]))


def _scaling_tree(scaling: Scaling | None) -> dict[str, np.ndarray]:
    if scaling is None:
        return {"mean": np.zeros(0, np.float32), "deviation": np.zeros(0, np.float32)}
    return {"mean": np.asarray(scaling.mean), "deviation": np.asarray(scaling.deviation)}


def _to_scaling(tree: dict[str, np.ndarray]) -> Scaling | None:
    mean, deviation = np.asarray(tree["mean"]), np.asarray(tree["deviation"])
    return Scaling(mean, deviation) if len(mean) else None
