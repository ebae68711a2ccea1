"""Jobs in forks of a process: exit status, log, time limit, crashes, several at once."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aersut.tflite import child
from aersut.tflite.child import run_in_child

JOBS = "tests.tflite.jobs"


def ended(process):
    """Whether a process has ended, perhaps without anyone that waits for it."""
    for _ in range(100):
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "_servers", type(child._servers)(list))
    monkeypatch.setattr(child, "_alive", set())

    def run(*arguments, seconds=30.0, log="log"):
        status = run_in_child(JOBS, arguments, tmp_path / log, seconds)
        return status, (tmp_path / log).read_text()

    yield run
    child._end_servers()
    assert not child._alive


def test_the_status_and_the_log_are_those_of_the_job(run):
    status, log = run("ends")
    assert (status, log.startswith("ends in ")) == (0, True)
    status, log = run("raises")
    assert (status, log.splitlines()[-1]) == (1, "ValueError: no reason")
    assert run("crashes")[0] == -11
    assert run("ends")[0] == 0


def test_jobs_are_forks_of_one_server(run):
    processes = {run("ends")[1].split()[-1] for _ in range(3)}
    [server] = child._servers[JOBS]
    assert len(processes) == 3
    threads = Path(f"/proc/{server._process.pid}/task")
    assert len(list(threads.iterdir())) == 1, "a process with threads cannot fork safely"
    assert str(server._process.pid) not in processes


def test_the_time_limit_is_until_progress(run):
    assert run("waits", "4", "0.4", seconds=1.2)[0] == 0
    [server] = child._servers[JOBS]
    status, log = run("hangs", seconds=0.3)
    assert status is None
    assert server.ended
    assert ended(log.split()[-1])
    assert run("ends")[0] == 0


def test_a_job_whose_server_was_killed_is_killed_too(run, tmp_path):
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(run, "hangs", seconds=1.5)
        while not (tmp_path / "log").exists() or not (tmp_path / "log").read_text():
            time.sleep(0.01)
        [server] = child._alive
        server._process.kill()
        assert result.result()[0] in (None, -9)
    assert ended((tmp_path / "log").read_text().split()[-1])


def test_a_job_ends_with_the_process_that_waits_for_it(tmp_path):
    code = f"""
from pathlib import Path
from aersut.tflite.child import run_in_child
run_in_child({JOBS!r}, ["hangs"], Path({str(tmp_path)!r}) / "log", 600.0)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2]) as parent:
        while not (tmp_path / "log").exists() or not (tmp_path / "log").read_text():
            time.sleep(0.01)
        parent.kill()
    assert ended((tmp_path / "log").read_text().split()[-1])


def test_a_server_that_has_ended_is_replaced(run):
    run("ends")
    [server] = child._servers[JOBS]
    server._process.kill()
    server._process.wait()
    assert run("ends")[0] == 0


def test_several_run_at_once(run):
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda name: run("waits", "2", "0.2", log=name), ("one", "two")))
    assert [status for status, _ in results] == [0, 0]
    assert len(child._servers[JOBS]) == 2


def test_a_forked_process_has_servers_of_its_own_and_all_end_with_their_processes(tmp_path):
    code = f"""
import os, sys
from pathlib import Path
from aersut.tflite import child
def run(name):
    status = child.run_in_child({JOBS!r}, ["ends"], Path({str(tmp_path)!r}) / name, 30.0)
    [server] = child._servers[{JOBS!r}]
    print(status, server._process.pid, flush=True)
run("one")
if os.fork():
    os.wait()
    run("three")
else:
    run("two")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert (done.returncode, set(done.stderr.splitlines())) == (0, {"a line at its import"})
    statuses, servers = zip(*(line.split() for line in done.stdout.splitlines()), strict=True)
    assert set(statuses) == {"0"}
    assert servers[0] == servers[2] != servers[1]
    assert all(map(ended, servers))


def test_without_forks_a_server_runs_one_job(run, monkeypatch):
    monkeypatch.setenv("PYTHONSTARTUP", "")
    code = "import aersut.tflite.child as child, sys; child.FORKS = False; child._serve(sys.argv[1])"

    def start(module, *arguments):
        return [sys.executable, "-c", code, *arguments], dict(os.environ)

    monkeypatch.setattr(child, "python_module", start)
    assert run("raises")[0] == 1
    assert run("ends")[0] == 0
    assert not child._servers[JOBS]
