"""What the sweep's tests share: a real PostgreSQL server, where one is installed."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a database on a server of this session's own: loopback, a free port, a scratch folder."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("PostgreSQL is not installed (/usr/lib/postgresql/*/bin; Debian: apt-get install postgresql)")
    # the server refuses to run as root, and pytest's own folders are closed to others
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
        serve = [*user, tools / "postgres", "-F", "-D", data, "-h", "127.0.0.1", "-p", port, "-k", folder]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(serve, stdout=log, stderr=log, cwd=folder)
        try:
            ready = [tools / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port]
            deadline = time.monotonic() + 60
            while subprocess.run(ready).returncode:
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.1)
            yield f"postgresql://aersut@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # its word for a fast shutdown
            server.wait(60)
    finally:
        shutil.rmtree(folder)
