"""Several processes, on one machine or many, that train one run; JAX connects them."""

import os
from collections.abc import Callable

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Float

from aersut.errors import UserError

AUTO = "auto"
"""The coordinator that JAX finds in the environment of a cluster (Slurm, Open MPI, Cloud TPU, Kubernetes)."""


def connect(coordinator: str | None, count: int | None, index: int | None) -> None:
    """Connect this process with the others; call it before any computation.

    None stands for the environment's JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID. Without a
    coordinator, this process trains alone.

    Args:
        coordinator: host:port of the first process, or `AUTO`.
        count: number of processes.
        index: of this process, from 0.

    Raises:
        UserError: a value is missing, or the other processes do not answer.
    """
    coordinator = coordinator or os.environ.get("JAX_COORDINATOR_ADDRESS")
    if not coordinator:
        if count is not None or index is not None:
            raise UserError("--processes and --process need --coordinator=HOST:PORT, the address of the first process.")
        return
    count = _from_environment("JAX_NUM_PROCESSES") if count is None else count
    index = _from_environment("JAX_PROCESS_ID") if index is None else index
    try:
        if coordinator == AUTO:
            jax.distributed.initialize()
        elif count is None or index is None or ":" not in coordinator:
            raise ValueError("expected --coordinator=HOST:PORT --processes=COUNT --process=INDEX")
        elif not 0 <= index < count:
            raise ValueError(f"there is no process {index} of {count}; the index counts from 0")
        else:
            jax.distributed.initialize(coordinator, count, index, cluster_detection_method="deactivate")
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"the processes cannot be connected over {coordinator}: {reason}.") from None


def is_main_process() -> bool:
    """Whether this process, the first, writes the results of all of them."""
    return bool(jax.process_index() == 0)


def broadcast_from_main(value: bool) -> bool:
    """The main process's value, in every process."""
    if jax.process_count() == 1:
        return value
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(value)))


def array_from_main(
    compute: Callable[[], Float[np.ndarray, "..."]], shape: tuple[int, ...]
) -> Float[np.ndarray, "..."]:
    """The array that the main process computes, in every process.

    Raises:
        UserError: raised by `compute`; the other processes name the main process.
    """
    if jax.process_count() == 1:
        return compute()
    found, problem = np.zeros(shape, np.float32), None
    if is_main_process():
        try:
            found = compute()
        except UserError as error:
            problem = error
    if broadcast_from_main(problem is not None):
        raise problem or UserError("process 0 cannot go on; see its error.")
    return np.asarray(multihost_utils.broadcast_one_to_all(found))


def in_all_processes(value: bool) -> bool:
    """Whether a condition holds in every process."""
    if jax.process_count() == 1:
        return value
    return bool(multihost_utils.process_allgather(np.asarray(value)).all())


def _from_environment(name: str) -> int | None:
    value = os.environ.get(name, "")
    if value and not value.isdigit():
        raise UserError(f"the environment's {name} is '{value}': expected a number.")
    return int(value) if value else None
