"""Checkpoints of a run. The only module that imports Orbax."""

import contextlib
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aersut.errors import UserError
from aersut.features.frontend import Scaling
from aersut.training.orbax_messages import suppress_orbax_messages
from aersut.training.packing import leaf_shapes, pack, packed_like, unpack
from aersut.training.processes import broadcast_from_main
from aersut.training.state import TrainState

if TYPE_CHECKING:
    import grain

    from aersut.data.pipeline import Batch

_METRIC = "validation_uar"
_STATE = "state"
_GRACE = 10.0
"""Seconds for which messages stay suppressed after an error, since threads of Orbax may report it late."""
INTERVAL = 1.0
"""Seconds between two checkpoints, except the best and the final one. Epochs of small networks take less time."""
FORMAT = 3
"""Version of the checkpoint format. Format 1 had no number; format 2 had one array per leaf of the train state."""


class Checkpoints:
    """The checkpoints in a folder, each named by its epoch: the last, and the best by validation UAR if it is kept.

    A context manager that waits for the last write. Orbax writes to a temporary folder and renames it, so that an
    incomplete checkpoint is never read.

    Args:
        keep_best: whether the best checkpoint is kept.
        locked: whether this process holds the lock of the run, so that a temporary folder is of an interrupted write
            and is deleted. Otherwise it may be of a training that is writing it.
    """

    def __init__(self, folder: Path, keep_best: bool = True, locked: bool = False) -> None:
        self.folder = folder
        self._keep_best = keep_best
        self._saved = -math.inf
        self._suppressed = contextlib.ExitStack()
        self._writing: Any = None
        # deferred: the network is compiled in a thread meanwhile
        from orbax.checkpoint import v1 as ocp

        policies = ocp.training.preservation_policies
        best = policies.BestN(get_metric_fn=lambda metrics: metrics[_METRIC], n=1)
        self._checkpointer = ocp.training.Checkpointer(
            folder.absolute(),
            save_decision_policy=ocp.training.save_decision_policies.FixedIntervalPolicy(1),
            preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(1), *([best] if keep_best else [])]),
            cleanup_tmp_directories=locked,
        )
        self._best_uar = max(self._uars(), default=(-math.inf, 0))[0]

    def __enter__(self) -> "Checkpoints":
        self._suppressed.enter_context(suppress_orbax_messages())
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._await_write()
            self._checkpointer.close()
        except (OSError, ValueError) as failure:
            if error is None:
                error = self._write_error(failure)
                raise error from failure
        finally:
            if error is None:
                self._suppressed.close()
            else:
                timer = threading.Timer(_GRACE, self._suppressed.close)
                timer.daemon = True
                timer.start()

    @property
    def last(self) -> int:
        """The epoch of the last checkpoint, 0 if there is none."""
        latest = self._checkpointer.latest
        return 0 if latest is None else int(latest.step)

    @property
    def best(self) -> int:
        """The epoch with the highest validation UAR (the later of equal ones), 0 if there is no checkpoint."""
        return max(self._uars(), default=(-math.inf, 0))[1]

    def save(
        self,
        epoch: int,
        state: TrainState,
        batches: "grain.DatasetIterator[Batch]",
        scaling: Scaling | None,
        uar: float,
        final: bool = False,
    ) -> None:
        """Save, in the background, everything needed to resume, with the position in the data, and the validation UAR.

        An epoch within `INTERVAL` seconds after the last checkpoint is passed over, unless it is the final one, or the
        best one, which is kept.

        Raises:
            UserError: this checkpoint, or the previous one, cannot be written.
        """
        wanted = final or (self._keep_best and uar >= self._best_uar)
        if not broadcast_from_main(wanted or time.monotonic() - self._saved >= INTERVAL):
            return
        self._saved, self._best_uar = time.monotonic(), max(uar, self._best_uar)
        # the position in the data counts whole batches, so that a run can resume with any number of processes; small
        # values are saved as JSON metadata, since each further item takes Orbax as long as the train state does
        metadata: Any = {
            "format": FORMAT,
            "data": batches.get_state(),
            "scaling": scaling
            and {"mean": np.asarray(scaling.mean).tolist(), "deviation": np.asarray(scaling.deviation).tolist()},
            "arrays": leaf_shapes(state),
        }
        try:
            self._await_write()
            self._writing = self._checkpointer.save_async(
                epoch, pack(state), checkpointable_name=_STATE, metrics={_METRIC: uar}, custom_metadata=metadata
            )
        except (OSError, ValueError) as error:
            raise self._write_error(error) from error

    def _await_write(self) -> None:
        # Orbax 0.12 ends the thread of a save, which holds three file descriptors, only when its result is asked for
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _uars(self) -> list[tuple[float, int]]:
        """Validation UAR and epoch of the checkpoints; of equal ones, the later is the better."""
        return [(entry.metrics[_METRIC], int(entry.step)) for entry in self._checkpointer.checkpoints if entry.metrics]

    def restore(
        self, epoch: int, like: TrainState, batches: "grain.DatasetIterator[Batch] | None" = None
    ) -> tuple[TrainState, Scaling | None]:
        """Load the train state and the scaling of an epoch, and move `batches` to the saved position.

        Args:
            like: a train state of the expected structure: arrays, or `jax.ShapeDtypeStruct`s with a sharding.

        Raises:
            UserError: the checkpoint is of another architecture, or cannot be read.
        """
        with self._restoring(epoch) as metadata:
            if difference := _first_difference(metadata["arrays"], leaf_shapes(like)):
                raise UserError(
                    f"{self._problem(epoch)}: it is of another architecture: {difference}. Choose another --workdir."
                )
            state = unpack(self._checkpointer.load(epoch, packed_like(like), checkpointable_name=_STATE), like)
            if batches is not None:
                batches.set_state(metadata["data"])
            return state, _scaling(metadata)

    def scaling(self, epoch: int) -> Scaling | None:
        """The scaling of an epoch, without its train state; `UserError` if the checkpoint cannot be read."""
        with self._restoring(epoch) as metadata:
            return _scaling(metadata)

    @contextlib.contextmanager
    def _restoring(self, epoch: int) -> Iterator[Any]:
        """Yield the metadata of a checkpoint; errors in the block become a `UserError`."""
        problem = self._problem(epoch)
        try:
            metadata = self._checkpointer.checkpointables_metadata(epoch).custom_metadata
            if not metadata:
                raise ValueError("it has no metadata")
            if later := metadata.get("format", 1) - FORMAT:
                age, remedy = ("a newer", "Update AERSUT, or choose") if later > 0 else ("an older", "Choose")
                raise UserError(f"{problem}: it was written by {age} version of AERSUT. {remedy} another --workdir.")
            yield metadata
        except UserError:
            raise
        except Exception as error:
            damage = f"it is damaged, or was written by another version ({str(error)[:200]})"
            raise UserError(f"{problem}: {damage}. Choose another --workdir.") from error

    def _problem(self, epoch: int) -> str:
        return f"checkpoint {self.folder / str(epoch)} cannot be restored into this experiment's network"

    def _write_error(self, error: Exception) -> UserError:
        # tensorstore reports a full disk by a ValueError that names each of its layers
        reason = "no space is left on the disk" if "No space left" in str(error) else str(error)[:200]
        return UserError(
            f"a checkpoint cannot be written to {self.folder}: {reason}. The last complete checkpoint is kept. Free "
            "disk space, and run the same command again to resume from it."
        )


def _scaling(metadata: Any) -> Scaling | None:
    found = metadata["scaling"]
    return found and Scaling(*(np.array(found[name], np.float32) for name in ("mean", "deviation")))


def _first_difference(saved: dict[str, str], expected: dict[str, str]) -> str:
    """The first array in which a checkpoint and a train state differ, or ""."""
    for name in [*expected, *saved]:
        if saved.get(name) != expected.get(name):
            saved_shape, expected_shape = saved.get(name, "missing"), expected.get(name, "missing")
            return f"{name} is {saved_shape} in the checkpoint and {expected_shape} in the network"
    return ""
