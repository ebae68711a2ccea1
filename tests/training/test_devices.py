"""Training on several devices or processes gives the losses and weights of a single one, up to rounding."""

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
from aersut.run_folder import open_run
from aersut.training import records
from aersut.training.devices import Devices
from aersut.training.trained import load_trained

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "tiny.py"


def start(folder, *options, devices=1):
    """A training of 20 steps, or as `options` say, in a process with the given number of devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    command = [
        *(sys.executable, str(ROOT / "launch.py"), "--mode=train", f"--experiment={TINY}", f"--workdir={folder}"),
        # rounding differences do not grow under SGD; Adam turns nearly zero gradients into full steps
        *("--experiment.optimizer=sgd", "--experiment.optimizer.learning_rate=1e-2", "--experiment.ema=0.9"),
        # one step per epoch, so that the loss of each step is recorded
        *("--experiment.batch_size=96", "--experiment.epochs=20", "--experiment.model.dropout=0.0", *options),
    ]
    environment = {**os.environ, "XLA_FLAGS": flags}
    # without the runs of other trainings in its working directory, which share their teachers
    folder.parent.mkdir(exist_ok=True)
    return subprocess.Popen(
        command, env=environment, cwd=folder.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def together(folder, *options):
    """Train one run with two processes; return the output of each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    where = (f"--coordinator={address}", "--processes=2")
    both = [start(folder, *where, f"--process={index}", *options) for index in range(2)]
    return [finish(process) for process in both]


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The run of one device in one process."""
    folder = tmp_path_factory.mktemp("single") / "run"
    finish(start(folder))
    return folder


def assert_equal_training(folder, single, epochs=20):
    one, other = (records.read_records(path / "metrics.jsonl") for path in (single, folder))
    assert [record["epoch"] for record in other] == list(range(1, epochs + 1))
    for mine, theirs in zip(one, other, strict=True):
        assert theirs["train_loss"] == pytest.approx(mine["train_loss"], abs=1e-5)
    # one device of one process reads the checkpoint of several
    states = [load_trained(open_run(path)).state for path in (single, folder)]
    assert states[0].step == states[1].step
    for mine, theirs in zip(*(jax.tree.leaves((state.params, state.average)) for state in states), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-4)


def test_eight_devices_train_as_one(single, tmp_path):
    finish(start(tmp_path / "run", devices=8))
    [session] = [json.loads(line) for line in (tmp_path / "run" / "sessions.jsonl").read_text().splitlines()]
    assert len(session["devices"]) == 8
    assert_equal_training(tmp_path / "run", single)


@pytest.mark.slow  # four real processes: only they show that a run resumes with another number of processes
def test_two_processes_train_as_one_and_resume_the_run_of_one(single, tmp_path):
    begun = start(tmp_path / "run")
    while not any(folder.name.isdigit() for folder in (tmp_path / "run").glob("checkpoints/*")):
        assert begun.poll() is None
        time.sleep(0.02)
    begun.kill()
    begun.communicate()
    first, second = together(tmp_path / "run")
    assert "resuming after epoch" in first
    assert "epoch 20/20" in first
    assert "epoch" not in second  # only the main process prints
    assert_equal_training(tmp_path / "run", single)


ENCODER = '''
"""An encoder."""

from dataclasses import dataclass

import numpy as np

from aersut.contracts import Encoder
from aersut.registry import ENCODERS


@ENCODERS.register("power")
@dataclass(frozen=True)
class Power(Encoder):
    """Log power of frames of 100 samples."""

    provenance = "written for a test"

    def __call__(self, samples):
        frames = np.pad(samples, (0, -len(samples) % 100)).reshape(-1, 100)
        return np.log(np.square(frames).mean(axis=1, keepdims=True) + 1e-6)
'''


@pytest.mark.slow  # three real processes: each of two restores the teacher that both have trained, with soft labels
def test_two_processes_distill_as_one(tmp_path):
    (tmp_path / "power.py").write_text(ENCODER)
    model = {"name": "cnn", "filters": [4], "kernels": [3], "dense": 8, "dropout": 0.0}
    encoder = (f"--experiment.plugins={tmp_path / 'power.py'}", "--experiment.encoders=power")
    teacher = (f"--experiment.teacher={json.dumps(model)}", *encoder, "--experiment.epochs=8")
    finish(start(tmp_path / "single", *teacher))
    assert list(tmp_path.glob("runs/tiny-teacher/*/soft_labels.npz"))
    first, second = together(tmp_path / "run", *teacher)
    assert first.count("teacher: run folder runs/tiny-teacher/") == 1, "all processes find it"
    assert "epoch" not in second
    assert_equal_training(tmp_path / "run", tmp_path / "single", epochs=8)
    (tmp_path / "apart").mkdir()
    first, second = together(tmp_path / "apart" / "run", *teacher)
    assert first.count(f"teacher: run folder {tmp_path / 'apart' / 'run' / 'teacher'}") == 1
    assert "epoch" not in second
    assert (tmp_path / "apart" / "run" / "teacher" / "soft_labels.npz").exists()
    assert_equal_training(tmp_path / "apart" / "run", tmp_path / "single", epochs=8)


def test_a_batch_size_that_is_not_a_multiple_of_the_devices_is_refused(monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda: [None] * 3)
    with pytest.raises(UserError, match=r"experiment\.batch_size: 32 cannot be divided among 3 devices; make it "):
        Devices(32)


def test_one_device_leaves_batches_as_they_are():
    batch = {"features": np.zeros((4, 2, 2), np.float32), "label": np.zeros(4, np.int32)}
    assert Devices(4).shard(batch) is batch
