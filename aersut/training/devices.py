"""Data-parallel training on all devices of all processes: the batch is sharded, the train state is replicated."""

from typing import Any, TypeVar

import jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec, Sharding

from aersut.data.pipeline import Batch
from aersut.errors import UserError

T = TypeVar("T")


class Devices:
    """The mesh of all devices, over which batches are sharded. With a single device, batches stay as they are.

    The training step needs no changes: XLA partitions the computation over the sharded batch, and BatchNorm's
    statistics and the loss are those of the whole batch.

    Attributes:
        replicated: the sharding of a replicated array; None for a single device.

    Raises:
        UserError: the batch size is not a multiple of the number of devices.
    """

    replicated: Sharding | None = None

    def __init__(self, batch_size: int) -> None:
        devices = jax.devices()
        if batch_size % len(devices):
            raise UserError(
                f"experiment.batch_size: {batch_size} cannot be divided among {len(devices)} devices; make it a "
                f"multiple of {len(devices)}."
            )
        if len(devices) > 1:
            mesh = jax.make_mesh((len(devices),), ("batch",), axis_types=(AxisType.Auto,), devices=devices)
            self.replicated = NamedSharding(mesh, PartitionSpec())  # type: ignore[no-untyped-call]
            self._sharded = NamedSharding(mesh, PartitionSpec("batch"))  # type: ignore[no-untyped-call]

    def replicate(self, tree: T) -> T:
        """Copy a pytree, which is equal in all processes, to each device.

        A single device gets it as well: a step with an array that was placed and others that were not would be compiled
        again for its own result, of which all arrays are placed.
        """
        if self.replicated is None:
            placed: T = jax.device_put(tree, jax.devices()[0])
            return placed
        return jax.jit(lambda leaves: leaves, out_shardings=self.replicated)(tree)

    def shard(self, batch: Batch) -> Any:
        """Distribute the examples of this process over its devices, in order."""
        if self.replicated is None:
            return batch
        return jax.make_array_from_process_local_data(self._sharded, batch)  # type: ignore[no-untyped-call]
