"""Training on every device of every process: the batch is divided among them, the state is on each."""

import functools
from typing import Any, TypeVar

import jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec, Sharding

from aersut.data.pipeline import Batch
from aersut.errors import UserError

T = TypeVar("T")


class Devices:
    """Where the state and the batches go. On one device they stay as they are.

    The step itself knows nothing of it: XLA divides what is computed of a batch that is divided, BatchNorm's statistics
    and the loss being those of the whole batch.

    Raises:
        UserError: the batch cannot be divided evenly.
    """

    def __init__(self, batch_size: int) -> None:
        devices = jax.devices()
        if batch_size % len(devices):
            raise UserError(
                f"experiment.batch_size: {batch_size} cannot be divided among {len(devices)} devices; make it a "
                f"multiple of {len(devices)}."
            )
        self._mesh = None
        if len(devices) > 1:
            self._mesh = jax.make_mesh((len(devices),), ("batch",), axis_types=(AxisType.Auto,), devices=devices)

    @property
    def replicated(self) -> Sharding | None:
        """Where a copy on each device lies; None where there is but one."""
        return None if self._mesh is None else self._sharding()

    def everywhere(self, tree: T) -> T:
        """A copy of a pytree on each device; every process has the same one."""
        if self._mesh is None:
            return tree
        return jax.jit(lambda leaves: leaves, out_shardings=self._sharding())(tree)

    def divided(self, batch: Batch) -> Any:
        """Each device's share of this process's share of a batch, in their order."""
        if self._mesh is None:
            return batch
        place: Any = functools.partial(jax.make_array_from_process_local_data, self._sharding("batch"))
        return {name: place(values) for name, values in batch.items()}

    def _sharding(self, *axes: str) -> NamedSharding:
        assert self._mesh is not None
        return NamedSharding(self._mesh, PartitionSpec(*axes))  # type: ignore[no-untyped-call]
