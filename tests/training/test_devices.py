"""Many devices, and many processes, train as one does: the same losses and the same weights, up to rounding."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from aersut.errors import UserError
from aersut.run import open_run
from aersut.training import records
from aersut.training.devices import Devices
from aersut.training.trained import load

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "tiny.py"


def start(folder, *options, devices=1):
    """A training of 20 steps in a process that sees so many devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    command = [
        *(sys.executable, str(ROOT / "launch.py"), "--mode=train", f"--experiment={TINY}", f"--workdir={folder}"),
        # a rate at which rounding does not grow: Adam makes full steps of gradients that are next to nothing
        *("--experiment.optimizer=sgd", "--experiment.optimizer.learning_rate=1e-2", "--experiment.ema=0.9"),
        # the loss of each step is that of an epoch of one step
        *("--experiment.batch_size=96", "--experiment.epochs=20", "--experiment.model.dropout=0.0", *options),
    ]
    environment = {**os.environ, "XLA_FLAGS": flags}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def together(folder, *options):
    """Two processes that train one run; what each printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    where = (f"--coordinator={address}", "--processes=2")
    both = [start(folder, *where, f"--process={index}", *options) for index in range(2)]
    return [finish(process) for process in both]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run of one device in one process."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    finish(start(folder))
    return folder


def assert_equal_training(folder, alone):
    one, other = (records.read(path / "metrics.jsonl") for path in (alone, folder))
    assert [record["epoch"] for record in other] == list(range(1, 21))
    for mine, theirs in zip(one, other, strict=True):
        assert theirs["train_loss"] == pytest.approx(mine["train_loss"], abs=1e-5)
    # whatever wrote the checkpoint, one device of one process reads it
    states = [load(open_run(path)).state for path in (alone, folder)]
    assert states[0].step == states[1].step
    for mine, theirs in zip(*(jax.tree.leaves((state.params, state.average)) for state in states), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-4)


def test_eight_devices_end_where_one_does(alone, tmp_path):
    finish(start(tmp_path / "run", devices=8))
    [session] = [json.loads(line) for line in (tmp_path / "run" / "sessions.jsonl").read_text().splitlines()]
    assert len(session["devices"]) == 8
    assert_equal_training(tmp_path / "run", alone)


@pytest.mark.slow  # four real processes: nothing else shows that a run survives being connected, and divided otherwise
def test_two_processes_end_where_one_does_and_take_over_what_one_has_begun(alone, tmp_path):
    begun = start(tmp_path / "run")
    while len(records.read(tmp_path / "run" / "metrics.jsonl")) < 3:
        assert begun.poll() is None
        time.sleep(0.02)
    begun.kill()
    begun.communicate()
    first, second = together(tmp_path / "run")
    assert "going on after epoch" in first
    assert "epoch 20/20" in first
    assert "epoch" not in second  # only one of them speaks
    assert_equal_training(tmp_path / "run", alone)


@pytest.mark.slow  # three real processes: each of two reads what both have trained
def test_two_processes_learn_from_their_teacher_as_one_does(tmp_path):
    model = {"name": "cnn", "filters": [4], "kernels": [3], "dense": 8, "dropout": 0.0}
    taught = f"--experiment.teacher={json.dumps(model)}"
    finish(start(tmp_path / "alone", taught))
    first, second = together(tmp_path / "run", taught)
    assert first.count("its teacher: run folder") == 1
    assert "epoch" not in second
    assert_equal_training(tmp_path / "run", tmp_path / "alone")


def test_a_batch_that_cannot_be_divided_is_named(monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda: [None] * 3)
    with pytest.raises(UserError, match=r"experiment\.batch_size: 32 cannot be divided among 3 devices; make it "):
        Devices(32)


def test_one_device_leaves_everything_where_it_is():
    batch = {"features": np.zeros((4, 2, 2), np.float32), "label": np.zeros(4, np.int32)}
    devices = Devices(4)
    assert devices.divided(batch) is batch
    assert devices.everywhere(batch) is batch
