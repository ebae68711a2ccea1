"""The checkpoint that is selected for evaluation and export."""

from dataclasses import replace

import grain
import numpy as np
import pytest
from flax import nnx
from scipy.optimize import minimize_scalar

from aersut.config import Experiment
from aersut.errors import UserError
from aersut.models import CNN
from aersut.run import prepare
from aersut.run_folder import Run
from aersut.training.checkpoints import Checkpoints
from aersut.training.forward import cross_entropy, temperature
from aersut.training.optimizers import SGD
from aersut.training.records import read_records
from aersut.training.state import create
from aersut.training.trained import load_trained, selected_epoch


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


@pytest.mark.parametrize("seed", range(5))
def test_the_temperature_has_the_lowest_cross_entropy(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 4000)
    logits = (rng.normal(size=(4000, 4)) + np.eye(4)[labels]) * rng.uniform(0.5, 4)
    best = minimize_scalar(lambda t: cross_entropy(logits / t, labels), bounds=(0.1, 10), method="bounded")
    assert temperature(logits, labels) == pytest.approx(best.x, rel=0.02)


def test_a_few_clips_without_an_error_do_not_make_the_classifier_certain():
    labels = np.tile(np.arange(4), 10)
    confidence = np.exp(5 / temperature(np.eye(4)[labels] * 5, labels))
    assert 0.85 < confidence / (confidence + 3) < 0.95
    assert temperature(-np.eye(4)[labels] * 5, labels) == pytest.approx(10)
    assert np.isfinite(temperature(np.zeros((4, 2)), np.array([0, 1, 0, 1])))


def test_probabilities_are_calibrated_on_the_validation_set(finished):
    trained, prepared = load_trained(finished), prepare(finished)
    [record] = [one for one in read_records(finished.records) if one["epoch"] == trained.epoch]
    assert trained.temperature == record["temperature"] != 1
    examples = prepared.split.examples("validation")
    features, labels = prepared.features(examples), prepared.labels[examples[:, 0]]
    plain = replace(trained, temperature=1.0).logits(features)
    np.testing.assert_allclose(trained.logits(features) * trained.temperature, plain, rtol=1e-4, atol=1e-5)
    assert cross_entropy(plain, labels) == pytest.approx(record["validation_loss"], rel=1e-4)
    unknown = 8 / (len(labels) + 8)  # one more clip of each class, with an unknown label

    def objective(temperature):
        scaled = plain / temperature
        uniform = np.mean([cross_entropy(scaled, np.full(len(labels), label)) for label in range(8)])
        return (1 - unknown) * cross_entropy(scaled, labels) + unknown * uniform

    assert objective(trained.temperature) < min(map(objective, (1.0, *(trained.temperature * np.array([0.95, 1.05])))))
    network = trained.network()(trained.frontend.scaled(features))
    np.testing.assert_allclose(network, trained.logits(features), rtol=1e-3, atol=1e-4)
