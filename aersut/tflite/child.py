"""Jobs in processes of their own, each a fork of a process that has imported what the job needs.

A model may hang or crash the interpreter that runs it. A new Python for each job would import for longer than most jobs
take. So a server (`python -m aersut.tflite.child MODULE`) imports a module and forks for each job: it calls the
module's `child(progress, *arguments)`. The server runs no model, and its libraries start no threads. It ends with its
parent, and a job with it. Where it does not fork, outside Linux, it runs one job and ends.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import select
import selectors
import signal
import subprocess
import sys
import threading
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from aersut.workers import SHUTDOWN_TIMEOUT, python_module

FORKS = sys.platform == "linux"


def run_in_child(module: str, arguments: Sequence[str], log: Path, seconds: float) -> int | None:
    """Call `child(progress, *arguments)` of a module in a process of its own.

    Args:
        module: its `PRELOADED` names modules that the server imports too, if they are installed.
        arguments: text; paths are absolute.
        log: the file for what the job prints.
        seconds: time limit until the job ends or calls `progress`, from one call to the next.

    Returns:
        The exit status: 0; 1 if `child` raises an exception, whose traceback is in the log; -n for signal n. None if
        the time limit is exceeded: the job is killed.
    """
    with _lock:
        waiting = _servers[module]
        server = waiting.pop() if waiting else None
    if server is not None and server.ended:
        server.end()
        server = None
    server = server or _Server(module)
    status = None
    try:
        status = server.run([str(log), *arguments], seconds)
    finally:  # also after an interruption
        if status is None or server.ended:
            server.kill()
        else:
            with _lock:
                _servers[module].append(server)
    return status


class _Server:
    """A server with at most one job."""

    def __init__(self, module: str) -> None:
        command, environment = python_module("aersut.tflite.child", module)
        # a process with threads cannot fork safely
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        # a session of its own: Ctrl-C is for this process, and `kill` ends a job with its server
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        _alive.add(self)

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def run(self, job: Sequence[str], seconds: float) -> int | None:
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):  # it has ended, as `read` shows
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        answer = b""
        with selectors.DefaultSelector() as output:  # select() takes no file descriptor above 1023
            output.register(self._process.stdout, selectors.EVENT_READ)
            while output.select(seconds):
                received = os.read(self._process.stdout.fileno(), 1024)
                if not received:
                    return self._process.wait()
                answer += received
                *lines, _ = answer.split(b"\n")
                for line in lines:
                    if line.startswith(b"="):
                        return int(line[1:])
        return None

    def kill(self) -> None:
        """End the server and its job."""
        if FORKS:
            with contextlib.suppress(ProcessLookupError):  # also where the server has ended, but not its job
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self.end()

    def end(self) -> None:
        """End an idle server, which reads the end of its input."""
        _alive.discard(self)
        self.close()
        try:
            self._process.wait(SHUTDOWN_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Close this process's ends of the pipes."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


_lock = threading.Lock()
_servers: defaultdict[str, list[_Server]] = defaultdict(list)
"""The idle servers of each module."""
_alive: set[_Server] = set()
_inherited: list[_Server] = []
"""Those of the parent of this process, which forked it."""


def _end_servers() -> None:
    for waiting in _servers.values():
        while waiting:
            waiting.pop().end()


def _disown_servers() -> None:
    """In a forked process: leave the servers, their pipes and a lock that a thread may have held to the parent."""
    global _lock
    _lock = threading.Lock()
    for server in _alive:
        server.close()
    _inherited.extend(_alive)
    _alive.clear()
    _servers.clear()


atexit.register(_end_servers)
if FORKS:
    os.register_at_fork(after_in_child=_disown_servers)


def _serve(name: str) -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # a library may print when it is imported
    module = importlib.import_module(name)
    for needed in getattr(module, "PRELOADED", ()):
        with contextlib.suppress(Exception):  # the job imports it again, and reports the reason
            importlib.import_module(needed)
    with open(0, "rb", buffering=0, closefd=False) as requests:
        while line := requests.readline():
            log, *arguments = json.loads(line)
            job = os.fork() if FORKS else 0
            if job == 0:
                _run(module.child, answers, log, arguments)
            os.write(answers, f"={_status(job)}\n".encode())


def _status(job: int) -> int:
    """The exit status of a job. If the parent ends before it, which closes the input, this kills it and exits."""
    with contextlib.suppress(OSError):  # Linux before 5.3 has no pidfd
        running = os.pidfd_open(job)
        ready, _, _ = select.select([0, running], [], [])
        os.close(running)
        if 0 in ready and running not in ready:
            os.kill(job, signal.SIGKILL)
            sys.exit()
    return os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])


def _run(child: Callable[..., None], answers: int, log: str, arguments: Sequence[str]) -> None:
    """Run a job, and end the process without what libraries do at its end."""
    status = 1
    try:
        with Path(log).open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        child(lambda: os.write(answers, b".\n"), *arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1])
