"""Several processes, on one machine or on many, that train one run together; JAX connects them."""

import os

import jax
import numpy as np
from jax.experimental import multihost_utils

from aersut.errors import UserError

AUTO = "auto"
"""In place of a coordinator: a cluster's own environment (Slurm, Open MPI, Cloud TPU, Kubernetes) says all."""


def join(coordinator: str | None, count: int | None, index: int | None) -> None:
    """Connect this process with the others; None stands for JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES, JAX_PROCESS_ID.

    Nothing is done where there is no coordinator. To be called before anything is computed.

    Args:
        coordinator: host:port at which the first process listens, or `AUTO`.
        count: of the processes.
        index: of this one, from 0.

    Raises:
        UserError: something is missing, or the others do not answer.
    """
    coordinator = coordinator or os.environ.get("JAX_COORDINATOR_ADDRESS")
    if not coordinator:
        if count is not None or index is not None:
            raise UserError("--processes and --process need --coordinator=HOST:PORT, where the first process listens.")
        return
    count = _from_environment("JAX_NUM_PROCESSES") if count is None else count
    index = _from_environment("JAX_PROCESS_ID") if index is None else index
    try:
        if coordinator == AUTO:
            jax.distributed.initialize()
        elif count is None or index is None or ":" not in coordinator:
            raise ValueError("expected --coordinator=HOST:PORT --processes=COUNT --process=INDEX")
        elif not 0 <= index < count:
            raise ValueError(f"there is no process {index} of {count}; they count from 0")
        else:
            jax.distributed.initialize(coordinator, count, index, cluster_detection_method="deactivate")
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"the processes cannot be connected over {coordinator}: {str(error).splitlines()[0]}."
        ) from None


def leads() -> bool:
    """Whether this process is the one that writes what all of them have come to."""
    return bool(jax.process_index() == 0)


def share() -> tuple[int, int]:
    """(index, count) of this process."""
    return jax.process_index(), jax.process_count()


def agree(failed: bool) -> bool:
    """Whether the leading process has failed, known to all of them."""
    if jax.process_count() == 1:
        return failed
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(failed)))


def _from_environment(name: str) -> int | None:
    value = os.environ.get(name, "")
    if value and not value.isdigit():
        raise UserError(f"the environment's {name} is '{value}': expected a number.")
    return int(value) if value else None
