"""The compiled step, which runs of one configuration share."""

from dataclasses import dataclass, field, replace

import jax
import numpy as np
import pytest
from flax import nnx

from aersut.config import Experiment, Loss
from aersut.contracts import Augmenter, Framing
from aersut.features import RMS, ZCR
from aersut.features.frontend import Frontend, Scaling
from aersut.models import CNN
from aersut.training.forward import Forward
from aersut.training.optimizers import SGD, Adam, AdamW
from aersut.training.state import create
from aersut.training.step import StepSetup, make_train_step

FRAMING = Framing(sample_rate=8_000, seconds=0.5, frame_length=256, hop_length=128)
FRONTEND = Frontend(FRAMING, (RMS(), ZCR()), (), classes=3)
MODEL = CNN(filters=(4,), kernels=(3,), dense=8, dropout=0.0)


def scaling(mean, deviation):
    return Scaling(np.full(2, mean, np.float32), np.full(2, deviation, np.float32))


def setup(optimizer=SGD(), experiment=Experiment(), frontend=FRONTEND, weights=None):  # noqa: B008  (frozen)
    """A setup and its train state, whose initial weights depend on the seed."""
    network = MODEL.build(*FRONTEND.shape, 3, nnx.Rngs(experiment.seed))
    graphs, state = create(network, optimizer.build(100, 10))
    return StepSetup(replace(experiment, epochs=10), frontend, graphs, optimizer, 10, weights), state


def compiled(*arguments, **keywords):
    return make_train_step(setup(*arguments, **keywords)[0]).jitted


def trained(optimizer, **keywords):
    """The parameters after three steps."""
    made, state = setup(optimizer, **keywords)
    step, rng = make_train_step(made), np.random.default_rng(0)
    batch = {"features": rng.standard_normal((6, *FRONTEND.shape)).astype(np.float32), "label": np.arange(6) % 3}
    for _ in range(3):
        state, _ = step(state, batch)
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state.params)]


def test_rate_seed_scaling_and_class_weights_share_one_compilation():
    first = compiled(AdamW(learning_rate=1e-3), frontend=FRONTEND.with_scaling(scaling(0, 1)))
    second = compiled(
        AdamW(learning_rate=1e-2, weight_decay=0.3),
        experiment=Experiment(seed=7),
        frontend=FRONTEND.with_scaling(scaling(1, 2)),
        weights=np.array([1, 2, 3], np.float32),
    )
    assert first is second


@pytest.mark.parametrize(
    "other",
    [
        {"optimizer": SGD(momentum=0.5)},
        {"experiment": Experiment(loss=Loss(label_smoothing=0.1))},
        {"experiment": Experiment(precision="bfloat16")},
        {"frontend": replace(FRONTEND, per_utterance=True)},
    ],
)
def test_what_changes_the_computation_is_compiled_anew(other):
    assert compiled(**other) is not compiled()


@dataclass(frozen=True)
class Recorded(Augmenter):
    """An augmenter that reads a file when it is traced."""

    domain = "features"
    content: list[str] = field(default_factory=list, compare=False)

    def fingerprint(self):
        return self.content[0]

    def __call__(self, key, example):
        return example


def test_what_an_augmenter_reads_is_part_of_the_compilation():
    augmenter = Recorded(["a"])
    frontend = replace(FRONTEND, augment=(augmenter,))
    before = compiled(frontend=frontend)
    assert compiled(frontend=frontend) is before
    augmenter.content[0] = "b"
    assert compiled(frontend=frontend) is not before


@dataclass(frozen=True)
class Constant(AdamW):
    """AdamW whose numbers are constants of the step."""

    traced = ()


def test_a_traced_number_has_the_effect_of_a_constant():
    values = {"learning_rate": 3e-2, "weight_decay": 0.2, "schedule": "cosine", "warmup": 0.1}
    for one, other in zip(trained(AdamW(**values)), trained(Constant(**values)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_each_run_has_its_own_arguments():
    """Steps that share a compilation do not share rates, scaling or class weights."""
    base = trained(SGD(learning_rate=0.1))
    for other in (
        trained(SGD(learning_rate=0.2)),
        trained(SGD(learning_rate=0.1), frontend=FRONTEND.with_scaling(scaling(1, 2))),
        trained(SGD(learning_rate=0.1), weights=np.array([1, 2, 3], np.float32)),
    ):
        assert any(not np.array_equal(one, two) for one, two in zip(base, other, strict=True))
    for one, two in zip(base, trained(SGD(learning_rate=0.1)), strict=True):
        np.testing.assert_array_equal(one, two)


def test_forward_passes_share_a_compilation_and_not_a_scaling():
    made, state = setup(Adam())
    features = np.random.default_rng(0).standard_normal((5, *FRONTEND.shape)).astype(np.float32)
    plain, scaled = (Forward(made.graphs, FRONTEND.with_scaling(one)) for one in (scaling(0, 1), scaling(1, 2)))
    assert plain._forward is scaled._forward
    np.testing.assert_allclose(scaled(state, features), plain(state, (features - 1) / 2), rtol=1e-5, atol=1e-6)
