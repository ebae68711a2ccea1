"""Checkpoints are whole or not there, and say what does not fit."""

import gc
import resource

import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from aersut.errors import UserError
from aersut.features.frontend import Scaling
from aersut.models import CNN
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


def test_what_was_saved_comes_back_with_the_position_of_the_data(saved):
    position = batches()
    with Checkpoints(saved) as checkpoints:
        restored = checkpoints.restore(checkpoints.last, state(dense=8), position)
    assert restored.epoch == 1
    assert next(position) == 5
    for mine, theirs in zip(jax.tree.leaves(restored.state), jax.tree.leaves(state()), strict=True):
        if not jnp.issubdtype(mine.dtype, jax.dtypes.prng_key):
            np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(restored.scaling.deviation, SCALING.deviation)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"dense": 9}, r"params\.head\.kernel is float32\[8, 2\], and float32\[9, 2\] in the network"),
        ({"optimizer": Adam()}, r"opt_state\.0\.0\.count is no such array, and int32\[\] in the network"),
    ],
)
def test_the_first_difference_to_another_architecture_is_named(saved, other, difference):
    with Checkpoints(saved) as checkpoints, pytest.raises(UserError, match=difference):
        checkpoints.restore(1, state(**other))


@pytest.mark.parametrize(
    ("more", "problem"),
    [(-1, "it is of a newer version of AERSUT. Update"), (1, "it is of an older version of AERSUT. Choose")],
)
def test_a_checkpoint_of_another_version_is_refused(saved, monkeypatch, more, problem):
    monkeypatch.setattr("aersut.training.checkpoints.FORMAT", FORMAT + more)
    with Checkpoints(saved) as checkpoints, pytest.raises(UserError, match=problem):
        checkpoints.restore(1, state())


@pytest.mark.filterwarnings("ignore:.*Store._get_array_metadatas:pytest.PytestUnraisableExceptionWarning")  # Orbax's
@pytest.mark.parametrize("damaged", ["_CHECKPOINT_METADATA", "state/_METADATA", "state/d/*"])
def test_a_damaged_checkpoint_is_refused_in_words_alone(saved, damaged, caplog):
    for path in (saved / "1").glob(damaged):
        path.write_text("{}")
    with Checkpoints(saved) as checkpoints, pytest.raises(UserError, match=r"it is damaged.* Choose another --workdir"):
        checkpoints.restore(1, state())
    gc.collect()  # what asyncio has to say of a task it says when that goes
    assert not caplog.records


def test_what_cannot_be_written_is_said_and_the_last_whole_checkpoint_is_kept(saved):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    checkpoints = Checkpoints(saved)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))  # no file can grow beyond, as on a full disk
    try:
        with pytest.raises(UserError, match=f"a checkpoint cannot be written into {saved}: .* make room"), checkpoints:
            checkpoints.save(2, state(), batches(6), SCALING, 0.9)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with Checkpoints(saved) as again:
        assert (again.last, again.best) == (1, 1)
        assert again.restore(1, state()).epoch == 1


def test_a_torn_checkpoint_is_never_loaded(saved):
    with Checkpoints(saved) as checkpoints:
        checkpoints.save(2, state(), batches(6), SCALING, 0.1)
    (saved / "2" / "commit_success.txt").unlink(missing_ok=True)
    (saved / "2").rename(saved / "2.orbax-checkpoint-tmp")
    with Checkpoints(saved) as checkpoints:
        assert checkpoints.last == 1
        checkpoints.save(2, state(), batches(7), SCALING, 0.1)
    with Checkpoints(saved) as checkpoints:
        assert checkpoints.last == 2
