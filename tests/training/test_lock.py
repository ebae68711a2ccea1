"""A run folder that another process trains is refused; the lock of a killed process is released."""

import subprocess
import sys

import pytest

HOLD = """
import filelock, sys, time
lock = filelock.FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(99)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock of the run folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / ".lock")], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_process_is_refused_until_the_first_has_died(launch, tiny, tmp_path, other):
    arguments = [f"--experiment={tiny}", f"--workdir={tmp_path}", "--mode=train", "--experiment.epochs=1"]
    refused = launch(*arguments)
    assert refused.status == 2
    assert f"run folder {tmp_path} is being trained by another process. Wait for it, or choose" in refused.err
    assert not (tmp_path / "metrics.jsonl").exists()
    other.kill()  # SIGKILL: without any clean-up
    other.wait()
    assert launch(*arguments).status == 0
