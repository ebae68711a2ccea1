"""Many devices train as one does: the same losses and the same weights, up to rounding."""

import json
import os
import subprocess
import sys
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


def train(tiny, folder, devices):
    """A training of 20 steps in a process that sees so many devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    command = [
        *(sys.executable, str(ROOT / "launch.py"), "--mode=train", f"--experiment={tiny}", f"--workdir={folder}"),
        # a rate at which rounding does not grow: Adam makes full steps of gradients that are next to nothing
        *("--experiment.optimizer=sgd", "--experiment.optimizer.learning_rate=1e-2", "--experiment.ema=0.9"),
        # the loss of each step is that of an epoch of one step
        *("--experiment.batch_size=96", "--experiment.epochs=20", "--experiment.model.dropout=0.0"),
    ]
    return subprocess.run(command, env={**os.environ, "XLA_FLAGS": flags}, capture_output=True, text=True, timeout=300)


def test_eight_devices_end_where_one_does(tiny, tmp_path):
    for devices in (1, 8):
        ran = train(tiny, tmp_path / str(devices), devices)
        assert ran.returncode == 0, ran.stderr
    one, eight = (records.read(tmp_path / name / "metrics.jsonl") for name in ("1", "8"))
    assert len(one) == 20
    for alone, together in zip(one, eight, strict=True):
        assert together["train_loss"] == pytest.approx(alone["train_loss"], abs=1e-5)
    [session] = [json.loads(line) for line in (tmp_path / "8" / "sessions.jsonl").read_text().splitlines()]
    assert len(session["devices"]) == 8
    # a checkpoint of eight devices is read by one
    states = [load(open_run(tmp_path / name)).state for name in ("1", "8")]
    assert states[0].step == states[1].step
    for mine, theirs in zip(*(jax.tree.leaves((state.params, state.average)) for state in states), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-4)


def test_a_batch_that_cannot_be_divided_is_named(monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda: [None] * 3)
    with pytest.raises(UserError, match=r"experiment\.batch_size: 32 cannot be divided among 3 devices; make it "):
        Devices(32)


def test_one_device_leaves_everything_where_it_is():
    batch = {"features": np.zeros((4, 2, 2), np.float32), "label": np.zeros(4, np.int32)}
    devices = Devices(4)
    assert devices.divided(batch) is batch
    assert devices.everywhere(batch) is batch
