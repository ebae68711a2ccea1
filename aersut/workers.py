"""The CPU cores that this process may use, worker processes, each on cores of its own, and modules in subprocesses."""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import SpawnProcess
from pathlib import Path, PurePosixPath
from typing import Any

SHUTDOWN_TIMEOUT = 5.0
"""Seconds that interrupted workers have to end by themselves."""


def usable_cores() -> set[int]:
    """The CPU cores that this process may use; empty where they cannot be chosen."""
    return os.sched_getaffinity(0) if sys.platform == "linux" else set()


def core_count(root: Path = Path("/")) -> int:
    """The number of threads that can run at once: by the CPU affinity, and by the limits of the control groups.

    A container or a batch job may use a few cores of a large machine, all of whose cores `os.cpu_count` counts. Python
    3.13 also reads $PYTHON_CPU_COUNT.

    Args:
        root: of the file system in which the limits are read.
    """
    if sys.version_info >= (3, 13):
        allowed = os.process_cpu_count()
    else:
        allowed = len(usable_cores()) or os.cpu_count()
    cores = allowed or 1
    return max(1, min(cores, _control_group_limit(root)))


def _control_group_limit(root: Path) -> int:
    """The number of cores whose time Linux control groups (version 1 or 2) allow, rounded up; else `sys.maxsize`."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # another system than Linux
        return sys.maxsize
    limits = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        path = PurePosixPath(group)
        for parent in (path, *path.parents):  # a container may see its own group as the root
            limits.append(_limit(mount / str(parent).strip("/")))
    return min(limits, default=sys.maxsize)


def _limit(group: Path) -> int:
    """The limit of one control group: `cpu.max` has quota and period in µs, version 1 has a file for each."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            quota, period = map(int, " ".join((group / name).read_text() for name in names).split())
        except (OSError, ValueError):  # no such file; "max" is no limit
            continue
        if quota > 0 and period > 0:
            return -(-quota // period)
    return sys.maxsize


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


def python_module(name: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a subprocess that runs a module of this package, never one of the working folder."""
    package = Path(__file__).parents[1]
    searched = filter(None, [str(package), os.environ.get("PYTHONPATH")])  # an empty entry is the working folder
    return [sys.executable, "-P", "-m", name, *arguments], os.environ | {"PYTHONPATH": os.pathsep.join(searched)}
