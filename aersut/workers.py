"""Worker processes on this machine, each on CPU cores of its own."""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

SHUTDOWN_TIMEOUT = 5.0
"""Seconds that interrupted workers have to end by themselves."""


def usable_cores() -> set[int]:
    """The CPU cores that this process may use; empty where they cannot be chosen."""
    return os.sched_getaffinity(0) if sys.platform == "linux" else set()


def divide_cores(cores: set[int], workers: int) -> list[set[int]]:
    """Divide the CPU cores among the workers; more workers than cores share cores.

    Each worker has every n-th core: on most machines, this keeps the two threads of a physical core together.

    >>> divide_cores({0, 1, 2, 3}, 2)
    [{0, 2}, {1, 3}]
    """
    ordered = sorted(cores)
    return [set(ordered[worker % len(ordered) :: workers]) if ordered else set() for worker in range(workers)]


def use_cores(cores: set[int]) -> None:
    """Restrict this thread and its future children to these cores; do nothing for an empty set."""
    if cores and sys.platform == "linux":
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def worker_processes(
    target: Callable[..., None], arguments: Sequence[tuple[Any, ...]], cores: Sequence[set[int]]
) -> Iterator[list[SpawnProcess]]:
    """Start a process for each tuple of arguments, and wait for all of them at the end of the block.

    They end by themselves, or with this process when the block raises: the processes are then interrupted.

    Args:
        cores: of each process. XLA starts one thread per core of the process.
    """
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=target, args=given) for given in arguments]
    before = usable_cores()
    try:
        try:
            for process, subset in zip(processes, cores, strict=True):
                use_cores(subset)  # a process inherits its parent's cores
                process.start()
        finally:
            use_cores(before)
        yield processes
    except BaseException as error:
        deadline = time.monotonic() + (SHUTDOWN_TIMEOUT if isinstance(error, KeyboardInterrupt) else 0)
        for process in filter(_started, processes):
            # the terminal interrupts the workers as well, and a second interrupt would stop their clean-up
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive() and process.pid:
                os.kill(process.pid, signal.SIGINT)
        raise
    finally:
        for process in filter(_started, processes):
            process.join()


def _started(process: SpawnProcess) -> bool:
    return process.pid is not None


@contextlib.contextmanager
def output_to(log: Path) -> Iterator[None]:
    """Append the block's output to a file, since the outputs of several trainings at once are unreadable."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        yield
