"""Fixtures of the sweep's tests: a real PostgreSQL server, if one is installed."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Server:
    """A PostgreSQL server that can be stopped and restarted."""

    tools: Path
    folder: Path
    user: list[str]
    port: str
    process: Any = field(default=None)

    @property
    def url(self) -> str:
        return f"postgresql://aersut@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        data, tools, port = self.folder / "data", self.tools, self.port
        serve = [*self.user, tools / "postgres", "-F", "-D", data, "-h", "127.0.0.1", "-p", port, "-k", self.folder]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(serve, stdout=log, stderr=log, cwd=self.folder)
        ready = [tools / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port]
        deadline = time.monotonic() + 60
        while subprocess.run(ready).returncode:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "the server does not respond"
            time.sleep(0.1)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # requests a fast shutdown
        self.process.wait(60)


@pytest.fixture(scope="session")
def _server() -> Iterator[Server]:
    """A server for this test session: loopback, a free port, a temporary folder."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("PostgreSQL is not installed (/usr/lib/postgresql/*/bin; Debian: apt-get install postgresql)")
    # the server refuses to run as root, and other users cannot enter pytest's folders
    root = os.geteuid() == 0
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if root else []
    folder = Path(tempfile.mkdtemp(prefix="aersut-postgres-"))
    if root:
        shutil.chown(folder, "postgres", "postgres")
    try:
        data, tools = folder / "data", found[-1]
        make = [*user, tools / "initdb", "--auth=trust", "--username=aersut", "--no-sync", "-D", data]
        subprocess.run(make, check=True, capture_output=True, cwd=folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        server = Server(tools, folder, user, port)
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def server(_server: Server) -> Iterator[Server]:
    """The server; a test may stop it."""
    yield _server
    if _server.process.poll() is not None:
        _server.start()


@pytest.fixture
def postgres(server: Server) -> str:
    """The URL of a database on the server."""
    return server.url
