"""A checkpoint is complete or absent, and a checkpoint that cannot be restored is refused with the reason."""

import gc
import resource
import subprocess
import sys
import threading
from pathlib import Path

import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from aersut.errors import UserError
from aersut.features.frontend import Scaling
from aersut.models import CNN
from aersut.training import checkpoints as checkpoints_module
from aersut.training.checkpoints import FORMAT, Checkpoints
from aersut.training.optimizers import SGD, Adam
from aersut.training.state import create

SCALING = Scaling(np.zeros(3, np.float32), np.ones(3, np.float32))


def state(optimizer=None, **fields):
    network = CNN(filters=(4,), kernels=(3,), **{"dense": 8, **fields}).build(8, 3, 2, nnx.Rngs(0))
    return create(network, (optimizer or SGD()).build(10, 10))[1]


def batches(taken=0):
    iterator = iter(grain.MapDataset.range(9).to_iter_dataset())
    for _ in range(taken):
        next(iterator)
    return iterator


@pytest.fixture
def saved(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state(), batches(5), SCALING, 0.5)
    return tmp_path


def test_state_scaling_and_data_position_are_restored(saved):
    position = batches()
    with Checkpoints(saved) as checkpoints:
        restored, scaling = checkpoints.restore(checkpoints.last, state(dense=8), position)
    assert next(position) == 5
    for mine, theirs in zip(jax.tree.leaves(restored), jax.tree.leaves(state()), strict=True):
        if not jnp.issubdtype(mine.dtype, jax.dtypes.prng_key):
            np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(scaling.deviation, SCALING.deviation)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"dense": 9}, r"params\.head\.kernel is float32\[8, 2\] in the checkpoint and float32\[9, 2\] in the network"),
        ({"optimizer": Adam()}, r"opt_state\.0\.0\.count is missing in the checkpoint and int32\[\] in the network"),
    ],
)
def test_the_first_difference_to_another_architecture_is_reported(saved, other, difference):
    with Checkpoints(saved) as checkpoints, pytest.raises(UserError, match=difference):
        checkpoints.restore(1, state(**other))


@pytest.mark.parametrize(
    ("more", "problem"),
    [(-1, "written by a newer version of AERSUT. Update"), (1, "written by an older version of AERSUT. Choose")],
)
def test_a_checkpoint_of_another_version_is_refused(saved, monkeypatch, more, problem):
    monkeypatch.setattr("aersut.training.checkpoints.FORMAT", FORMAT + more)
    with Checkpoints(saved) as checkpoints, pytest.raises(UserError, match=problem):
        checkpoints.restore(1, state())


@pytest.mark.filterwarnings("ignore:.*Store._get_array_metadatas:pytest.PytestUnraisableExceptionWarning")  # Orbax's
@pytest.mark.parametrize("damaged", ["_CHECKPOINT_METADATA", "state/_METADATA", "state/d/*"])
def test_a_damaged_checkpoint_is_refused_without_other_messages(saved, damaged, caplog):
    for path in (saved / "1").glob(damaged):
        path.write_text("{}")
    with pytest.raises(UserError, match=r"it is damaged.* Choose another --workdir"), Checkpoints(saved) as checkpoints:
        checkpoints.restore(1, state())
    gc.collect()  # asyncio reports the exception of a task when the task is collected
    assert not caplog.records


def test_a_write_error_is_reported_and_the_last_complete_checkpoint_is_kept(saved):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    checkpoints = Checkpoints(saved)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))  # larger files fail, as on a full disk
    try:
        with (
            pytest.raises(UserError, match=f"a checkpoint cannot be written to {saved}: .* Free disk space"),
            checkpoints,
        ):
            checkpoints.save(2, state(), batches(6), SCALING, 0.9)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with Checkpoints(saved) as again:
        assert (again.last, again.best) == (1, 1)
        again.restore(1, state())


def test_a_save_keeps_no_thread_and_no_open_file(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints_module, "INTERVAL", 0.0)
    before = threading.active_count(), len(list(Path("/dev/fd").iterdir()))
    with Checkpoints(tmp_path) as checkpoints:
        for epoch in range(1, 31):
            checkpoints.save(epoch, state(), batches(), SCALING, 0.5)
        assert threading.active_count() < before[0] + 20
        assert len(list(Path("/dev/fd").iterdir())) < before[1] + 40
    assert checkpoints.last == 30


def test_messages_of_orbax_are_suppressed_only_while_a_context_is_open(tmp_path):
    script = """
import logging, pathlib, sys
from orbax.checkpoint import v1

def hooks():
    return sys.unraisablehook, *(list(logging.getLogger(name).filters) for name in ("absl", "asyncio"))

before = hooks()
from aersut.training.checkpoints import Checkpoints
assert hooks() == before, "the import changes nothing"
folder = pathlib.Path(sys.argv[1])
with Checkpoints(folder / "one"):
    during = hooks()
    assert all(one != other for one, other in zip(during, before))
    with Checkpoints(folder / "two"):
        assert hooks() == during
    assert hooks() == during
assert hooks() == before
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)


def test_an_incomplete_checkpoint_is_never_loaded(saved):
    with Checkpoints(saved) as checkpoints:
        checkpoints.save(2, state(), batches(6), SCALING, 0.1)
    (saved / "2" / "commit_success.txt").unlink(missing_ok=True)
    incomplete = (saved / "2").rename(saved / "2.orbax-checkpoint-tmp")
    with Checkpoints(saved) as checkpoints:
        assert checkpoints.last == 1
    assert incomplete.exists(), "another process may be writing it"
    with Checkpoints(saved, locked=True) as checkpoints:
        checkpoints.save(2, state(), batches(7), SCALING, 0.1)
    assert not incomplete.exists()
    with Checkpoints(saved) as checkpoints:
        assert checkpoints.last == 2


@pytest.mark.parametrize(
    ("interval", "keep_best", "written", "kept"),
    [
        # the first of each session, those with the best UAR so far (or an equal one) if it is kept, and the final one
        (1000, True, [1, 2, 4, 6], {4, 6}),
        (1000, False, [1, 4, 6], {6}),
        (0, False, [1, 2, 3, 4, 5, 6], {6}),
    ],
)
def test_epochs_within_the_interval_are_passed_over(tmp_path, monkeypatch, interval, keep_best, written, kept):
    monkeypatch.setattr(checkpoints_module, "INTERVAL", interval)
    seen = []
    for epochs in ((1, 2, 3), (4, 5, 6)):
        with Checkpoints(tmp_path, keep_best) as checkpoints:
            for epoch in epochs:
                uar = (0.5, 0.9, 0.7, 0.9, 0.6, 0.1)[epoch - 1]
                checkpoints.save(epoch, state(), batches(), SCALING, uar, final=epoch == 6)
                if checkpoints.last == epoch:
                    seen.append(epoch)
    assert seen == written
    assert {int(folder.name) for folder in tmp_path.iterdir()} == kept
