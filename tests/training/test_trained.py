"""The checkpoint that is selected for evaluation and export."""

import grain
import pytest
from flax import nnx

from aersut.config import Experiment
from aersut.errors import UserError
from aersut.models import CNN
from aersut.run import Run
from aersut.training.checkpoints import Checkpoints
from aersut.training.optimizers import SGD
from aersut.training.state import create
from aersut.training.trained import selected_epoch


def test_it_is_the_best_or_the_last_as_the_experiment_selects(tmp_path):
    run = Run(tmp_path, Experiment())
    network = CNN(filters=(4,), kernels=(3,), dense=8).build(8, 3, 2, nnx.Rngs(0))
    state = create(network, SGD().build(10, 10))[1]
    with Checkpoints(run.checkpoints) as checkpoints:
        for epoch, uar in enumerate((0.2, 0.9, 0.5), start=1):
            checkpoints.save(
                epoch, state, iter(grain.MapDataset.range(9).to_iter_dataset()), None, uar, final=epoch == 3
            )
    assert selected_epoch(run) == 2
    assert selected_epoch(Run(tmp_path, Experiment(select="last"))) == 3


def test_a_run_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(UserError, match=f"run {tmp_path} has no checkpoint yet"):
        selected_epoch(Run(tmp_path, Experiment(select="last")))
