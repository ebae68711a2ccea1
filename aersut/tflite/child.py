"""Jobs in processes of their own, each a fork of a process that has imported what the job needs.

A model may hang or crash the interpreter that runs it. A new Python for each job would import for longer than most jobs
take. So a server (`python -m aersut.tflite.child MODULE`) imports a module and forks for each job: it calls the
module's `child(progress, *arguments)`. The server itself has one thread and runs no model. Where it does not fork,
outside Linux, it runs one job and ends.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from aersut.workers import python_module

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
        # a session of its own: Ctrl-C is for this process, and `kill` ends a job with its server
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )

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
                if answer.endswith(b"\n"):
                    return int(answer.rpartition(b"=")[2])
        return None

    def kill(self) -> None:
        if FORKS and not self.ended:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self.end()

    def end(self) -> None:
        """End an idle server, which reads the end of its input."""
        with self._process, contextlib.suppress(BrokenPipeError):
            self._process.communicate()


_lock = threading.Lock()
_servers: defaultdict[str, list[_Server]] = defaultdict(list)
"""The idle servers of each module."""
_inherited: list[_Server] = []
"""Those of the parent of this process, which forked it."""


def _end_servers() -> None:
    for waiting in _servers.values():
        while waiting:
            waiting.pop().end()


def _disown_servers() -> None:
    _inherited.extend(server for waiting in _servers.values() for server in waiting)
    _servers.clear()


atexit.register(_end_servers)
if FORKS:
    os.register_at_fork(after_in_child=_disown_servers)


def _serve(name: str) -> None:
    module = importlib.import_module(name)
    for needed in getattr(module, "PRELOADED", ()):
        with contextlib.suppress(ImportError):  # the job reports it
            importlib.import_module(needed)
    answers = os.dup(1)
    for line in sys.stdin:
        log, *arguments = json.loads(line)
        job = os.fork() if FORKS else 0
        if job == 0:
            _run(module.child, answers, log, arguments)
        status = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
        os.write(answers, f"={status}\n".encode())


def _run(child: Callable[..., None], answers: int, log: str, arguments: Sequence[str]) -> None:
    """Run a job, and end the process without what libraries do at its end."""
    status = 1
    try:
        with Path(log).open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        child(lambda: os.write(answers, b"."), *arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1])
