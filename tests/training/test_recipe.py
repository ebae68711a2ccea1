"""Learning-rate schedules, gradient clipping and accumulation, losses, averaged weights and early stopping."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from sklearn.utils.class_weight import compute_class_weight

from aersut.config import Experiment, Loss
from aersut.contracts import Framing
from aersut.features import RMS, ZCR
from aersut.features.frontend import Frontend
from aersut.models import CNN, CNNLSTM
from aersut.run_folder import open_run
from aersut.training import records
from aersut.training.checkpoints import Checkpoints
from aersut.training.loss import class_weights, losses
from aersut.training.optimizers import SGD, Adam, AdamW, Lion
from aersut.training.state import create
from aersut.training.step import StepSetup, make_train_step
from aersut.training.trained import load_trained

RNG = np.random.default_rng(0)


def rates(optimizer, steps=100, loss=lambda step: 1.0, steps_per_epoch=10):
    """The learning rate of each step, which is the step size of plain gradient descent for a gradient of 1."""
    transform = optax.with_extra_args_support(optimizer.build(steps, steps_per_epoch))
    params = {"w": jnp.zeros(1)}
    state, found = transform.init(params), []
    update = jax.jit(lambda state, value: transform.update({"w": jnp.ones(1)}, state, params, value=value))
    for step in range(steps):
        updates, state = update(state, jnp.float32(loss(step)))
        found.append(-float(updates["w"][0]))
    return np.array(found)


class TestLearningRate:
    def test_is_constant_by_default(self):
        np.testing.assert_allclose(rates(SGD(learning_rate=0.1, momentum=0.0)), 0.1, rtol=1e-6)

    @pytest.mark.parametrize("schedule", ["constant", "cosine", "exponential", "plateau"])
    def test_rises_linearly_first(self, schedule):
        found = rates(SGD(learning_rate=0.1, momentum=0.0, schedule=schedule, warmup=0.2))
        np.testing.assert_allclose(found[:20], 0.1 * np.arange(20) / 20, atol=1e-6)
        assert found[20] == pytest.approx(0.1, rel=1e-5)

    def test_falls_as_a_cosine_to_its_final_fraction(self):
        found = rates(SGD(learning_rate=0.1, momentum=0.0, schedule="cosine", final=0.1), steps=101)
        assert found[50] == pytest.approx(0.055, rel=0.05)
        assert found[-1] == pytest.approx(0.01, rel=0.05)
        assert (np.diff(found) < 0).all()

    def test_falls_exponentially_to_its_final_fraction(self):
        found = rates(SGD(learning_rate=0.1, momentum=0.0, schedule="exponential", final=0.01), steps=101)
        np.testing.assert_allclose(found[1:] / found[:-1], 0.01 ** (1 / 101), rtol=1e-4)

    def test_is_lowered_when_the_loss_has_not_improved_for_some_epochs(self):
        plateau = SGD(learning_rate=0.1, momentum=0.0, schedule="plateau", patience=2, factor=0.5)
        stuck = rates(plateau, loss=lambda step: 1.0)
        assert stuck[25] == pytest.approx(0.1)
        assert stuck[-1] < 0.03
        np.testing.assert_allclose(rates(plateau, loss=lambda step: 1 / (1 + step)), 0.1, rtol=1e-6)

    @pytest.mark.parametrize(("accumulate", "steps_per_epoch"), [(1, 4), (2, 4), (3, 5), (4, 6), (4, 3), (7, 3)])
    def test_is_lowered_after_the_same_epochs_with_accumulation(self, accumulate, steps_per_epoch):
        plateau = SGD(1.0, momentum=0.0, schedule="plateau", patience=3, factor=0.5, accumulate=accumulate)
        steps = 6 * steps_per_epoch
        stuck = rates(plateau, steps, lambda step: 2.0, steps_per_epoch)
        updates = np.flatnonzero(stuck)
        assert (stuck[updates] == np.where(updates < 4 * steps_per_epoch - 1, 1.0, 0.5)).all()
        assert stuck[steps_per_epoch - 1 :: steps_per_epoch].all(), "each epoch ends with an update"

        def falling(step):  # the last step of two has the same loss in all epochs, the mean of an epoch falls
            return 4 - 0.4 * (step // steps_per_epoch) if step % steps_per_epoch % 2 == 0 else 1.0

        lowered = rates(plateau, steps, falling, steps_per_epoch)
        np.testing.assert_array_equal(lowered[updates], 1.0)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"learning_rate": 0.0}, "learning_rate must be above 0, got 0.0"),
            ({"learning_rate": float("nan")}, "learning_rate must be above 0, got nan"),
            ({"warmup": 1.0}, "warmup is a fraction of the run, from 0 to below 1, got 1.0"),
            ({"final": 0.0}, "final must be above 0 and at most 1"),
            ({"factor": 1.0}, "factor must be above 0 and below 1, got 1.0"),
            ({"patience": 0}, "patience must be at least 1"),
            ({"accumulate": 0}, "accumulate must be at least 1"),
            ({"clip_norm": 0.0}, "clip_norm must be above 0, or none"),
        ],
    )
    @pytest.mark.parametrize("optimizer", [Adam, AdamW, Lion, SGD])
    def test_refuses_invalid_fields(self, optimizer, fields, message):
        with pytest.raises(ValueError, match=message):
            optimizer(**fields)

    def test_refuses_a_momentum_of_1(self):
        with pytest.raises(ValueError, match="momentum must be from 0 to below 1"):
            SGD(momentum=1.0)


def apply(optimizer, gradients, params=None):
    """The weights after each of the gradients."""
    transform = optax.with_extra_args_support(optimizer.build(100, 10))
    params = jnp.zeros(2) if params is None else params
    state, found = transform.init(params), []
    for gradient in gradients:
        updates, state = transform.update(jnp.asarray(gradient, jnp.float32), state, params, value=1.0)
        params = optax.apply_updates(params, updates)
        found.append(np.asarray(params))
    return found


def test_long_gradients_are_clipped_and_short_ones_are_not():
    clipped = apply(SGD(learning_rate=1.0, momentum=0.0, clip_norm=0.5), [[3.0, 4.0], [0.03, 0.04]])
    np.testing.assert_allclose(clipped[0], [-0.3, -0.4], rtol=1e-6)
    np.testing.assert_allclose(clipped[1] - clipped[0], [-0.03, -0.04], rtol=1e-5)


def test_accumulation_averages_the_gradients_of_several_steps():
    moved = apply(SGD(learning_rate=1.0, momentum=0.0, accumulate=3), [[3.0, 0.0], [0.0, 3.0], [0.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(moved[:2], 0)
    np.testing.assert_allclose(moved[2], [-1, -1], rtol=1e-6)
    np.testing.assert_allclose(moved[3], [-1, -1], rtol=1e-6)


def test_the_last_update_of_an_epoch_averages_the_steps_that_are_left():
    moved = apply(SGD(learning_rate=1.0, momentum=0.0, accumulate=4), [[8.0, 0.0]] * 8 + [[1.0, 0.0], [3.0, 0.0]])
    np.testing.assert_allclose([step[0] for step in moved], [0, 0, 0, -8, -8, -8, -8, -16, -16, -18], rtol=1e-6)


def test_the_schedule_ends_with_the_run_under_accumulation():
    found = rates(SGD(0.1, momentum=0.0, schedule="exponential", final=0.01, accumulate=3), 50, steps_per_epoch=5)
    updates = found[found > 0]
    np.testing.assert_allclose(updates, 0.1 * 0.01 ** (np.arange(20) / 20), rtol=1e-4)


@pytest.mark.parametrize("optimizer", [AdamW(weight_decay=0.5), Lion(weight_decay=0.5), SGD(weight_decay=0.5)])
def test_weight_decay_reduces_weights_without_a_gradient(optimizer):
    (after,) = apply(optimizer, [[0.0, 0.0]], jnp.array([1.0, -2.0]))
    assert (np.abs(after) < [1, 2]).all()
    assert (np.sign(after) == [1, -1]).all()


class TestLoss:
    LOGITS = jnp.asarray(RNG.standard_normal((6, 4)), jnp.float32)
    TARGET = jnp.eye(4)[jnp.array([0, 1, 2, 3, 0, 1])]
    ONES = np.ones(4, np.float32)

    def test_is_plain_cross_entropy_by_default(self):
        expected = optax.softmax_cross_entropy(self.LOGITS, self.TARGET)
        np.testing.assert_allclose(losses(self.LOGITS, self.TARGET, Loss(), self.ONES), expected, rtol=1e-6)

    def test_smooths_labels_as_optax_does(self):
        expected = optax.softmax_cross_entropy(self.LOGITS, optax.smooth_labels(self.TARGET, 0.1))
        found = losses(self.LOGITS, self.TARGET, Loss(label_smoothing=0.1), self.ONES)
        np.testing.assert_allclose(found, expected, rtol=1e-5)

    def test_focal_loss_reduces_the_loss_of_confident_examples(self):
        plain = np.asarray(losses(self.LOGITS, self.TARGET, Loss(), self.ONES))
        found = losses(self.LOGITS, self.TARGET, Loss(focal=2.0), self.ONES)
        np.testing.assert_allclose(found, (1 - np.exp(-plain)) ** 2 * plain, rtol=1e-4)

    @pytest.mark.parametrize("focal", [0.0, 0.5, 2.0])
    def test_has_a_finite_gradient_at_high_confidence(self, focal):
        confident = jnp.array([[200.0, 0.0, 0.0, 0.0], [-200.0, 0.0, 0.0, 0.0]])
        target = jnp.eye(4)[jnp.array([0, 0])]
        slope = jax.grad(lambda x: losses(x, target, Loss(focal=focal), self.ONES).sum())(confident)
        assert bool(jnp.isfinite(slope).all())

    def test_class_weights_are_those_of_scikit_learn(self):
        labels = np.array([0] * 10 + [1] * 5 + [3] * 1)
        found = class_weights(labels, 4)
        expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
        np.testing.assert_allclose(found[[0, 1, 3]], expected, rtol=1e-6)
        assert found[2] == 0
        weighed = losses(self.LOGITS, self.TARGET, Loss(), found)
        plain = losses(self.LOGITS, self.TARGET, Loss(), self.ONES)
        np.testing.assert_allclose(weighed, found[[0, 1, 2, 3, 0, 1]] * plain, rtol=1e-5)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [({"label_smoothing": 1.0}, "label_smoothing must"), ({"focal": -1.0}, "focal must be 0")],
    )
    def test_refuses_invalid_fields(self, fields, message):
        with pytest.raises(ValueError, match=message):
            Loss(**fields)


FRAMING = Framing(sample_rate=8_000, seconds=0.5, frame_length=256, hop_length=128)
FRONTEND = Frontend(FRAMING, (RMS(), ZCR()), (), classes=3)


def test_averaged_weights_follow_the_weights_and_are_evaluated():
    optimizer = SGD(learning_rate=0.1)
    network = CNN(filters=(4,), kernels=(3,), dense=8).build(*FRONTEND.shape, 3, nnx.Rngs(0))
    graphs, state = create(network, optimizer.build(100, 10), averaged=True)
    step = make_train_step(StepSetup(Experiment(ema=0.9), FRONTEND, graphs, optimizer, 10))
    batch = {
        "features": RNG.standard_normal((6, *FRONTEND.shape)).astype(np.float32),
        "label": np.arange(6, dtype=np.int32) % 3,
    }
    expected = [np.asarray(leaf) for leaf in jax.tree.leaves(state.params)]
    for number in range(30):
        state, _ = step(state, batch)
        decay = min(0.9, (1 + number) / (10 + number))
        now = jax.tree.leaves(state.params)
        expected = [decay * old + (1 - decay) * np.asarray(new) for old, new in zip(expected, now, strict=True)]
    for found, wanted in zip(jax.tree.leaves(state.weights), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    assert any(
        np.abs(np.asarray(a) - np.asarray(b)).max() > 1e-4
        for a, b in zip(jax.tree.leaves(state.weights), jax.tree.leaves(state.params), strict=True)
    )


@pytest.mark.parametrize("model", [CNN(filters=(4,), kernels=(3,), dense=8), CNNLSTM((4,), (3,), (4,), 8)])
def test_bfloat16_is_for_computation_and_weights_stay_in_float32(model):
    optimizer = Adam(learning_rate=1e-3)
    batch = {
        "features": RNG.standard_normal((6, *FRONTEND.shape)).astype(np.float32),
        "label": np.arange(6, dtype=np.int32) % 3,
    }
    found = {}
    for precision in ("float32", "bfloat16"):
        graphs, state = create(model.build(*FRONTEND.shape, 3, nnx.Rngs(0)), optimizer.build(10, 10))
        step = make_train_step(StepSetup(Experiment(precision=precision), FRONTEND, graphs, optimizer, 10))
        text = str(jax.make_jaxpr(step)(state, batch))
        assert ("bf16" in text) == (precision == "bfloat16")
        for _ in range(3):
            state, metrics = step(state, batch)
        found[precision] = float(metrics["loss"])
        arrays = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.floating)]
        assert {leaf.dtype for leaf in arrays} == {jnp.dtype("float32")}
    assert found["bfloat16"] != found["float32"]
    assert found["bfloat16"] == pytest.approx(found["float32"], rel=0.03)


RECIPE = [
    "--experiment.optimizer=adamw", "--experiment.optimizer.schedule=plateau", "--experiment.optimizer.warmup=0.1",
    "--experiment.optimizer.clip_norm=1.0", "--experiment.optimizer.accumulate=2", "--experiment.ema=0.9",
    "--experiment.loss.label_smoothing=0.1", "--experiment.loss.class_weights=true", "--experiment.loss.focal=1.0",
    "--experiment.optimizer.learning_rate=1e-2", "--experiment.augment=noise,mixup",
]  # fmt: skip


def test_a_run_with_all_options_resumes_bit_for_bit(launch, tiny, tmp_path):
    """Interrupted after two epochs and resumed: the checkpoint contains everything that changes."""
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    ran = launch(f"--experiment={tiny}", f"--workdir={whole}", "--mode=train", *RECIPE, "--experiment.epochs=4")
    assert ran.status == 0, ran.err
    # the same run, interrupted after its second epoch as by Ctrl-C
    run = _interrupted(launch, tiny, resumed)
    assert launch(f"--workdir={resumed}", "--mode=train").status == 0
    for one, other in zip(
        records.read_records(whole / "metrics.jsonl"), records.read_records(run.records), strict=True
    ):
        assert {k: v for k, v in one.items() if k != "clips_per_second"} == {
            k: v for k, v in other.items() if k != "clips_per_second"
        }
    for one, other in zip(_leaves(whole), _leaves(resumed), strict=True):
        np.testing.assert_array_equal(one, other)


def _interrupted(launch, tiny, folder):
    save = Checkpoints.save
    with pytest.MonkeyPatch.context() as patch:

        def interrupt(self, epoch, *arguments):
            if epoch == 3:
                raise KeyboardInterrupt
            save(self, epoch, *arguments)

        patch.setattr(Checkpoints, "save", interrupt)
        ran = launch(f"--experiment={tiny}", f"--workdir={folder}", "--mode=train", *RECIPE, "--experiment.epochs=4")
    assert ran.status == 130
    return open_run(folder)


def _leaves(folder):
    state = load_trained(open_run(folder)).state
    return [np.asarray(leaf) for leaf in jax.tree.leaves((state.params, state.opt_state, state.average))]


class TestEarlyStopping:
    def test_counts_the_epochs_since_the_best_one(self):
        history = [{"validation_uar": score} for score in (0.1, 0.3, 0.2, 0.3, 0.25)]
        assert records.stops_early(history, 3)  # an equal UAR is not better
        assert not records.stops_early(history, 4)
        assert not records.stops_early(history, None)
        assert not records.stops_early([], 1)

    def test_completes_the_run(self, launch, tiny, tmp_path):
        arguments = [
            f"--experiment={tiny}", f"--workdir={tmp_path}", "--mode=train", "--experiment.patience=2",
            "--experiment.epochs=50", "--experiment.optimizer.learning_rate=1e-9",
        ]  # fmt: skip
        first = launch(*arguments)
        assert first.status == 0, first.err
        assert "early stopping: no better validation UAR for 2 epochs" in first.out
        done = len(records.read_records(tmp_path / "metrics.jsonl"))
        assert 3 <= done < 50
        assert f"training is complete: {done} epochs" in launch(*arguments).out
        assert json.loads((tmp_path / "config.json").read_text())["patience"] == 2


def test_a_loss_that_is_not_finite_stops_with_its_step_and_keeps_the_checkpoint(launch, tiny, tmp_path, monkeypatch):
    from aersut.training import loop

    def without_loss(setup):
        step = make_train_step(setup)

        def failing(state, batch, arguments):
            state, metrics = step.jitted(state, batch, arguments)
            return state, {**metrics, "loss": metrics["loss"] * jnp.nan}

        return replace(step, jitted=jax.jit(failing))

    monkeypatch.setattr(loop, "make_train_step", without_loss)
    ran = launch(f"--experiment={tiny}", f"--workdir={tmp_path}", "--mode=train")
    assert ran.status == 2
    assert "the loss became nan in step 1; the last checkpoint is kept. Lower" in ran.err


def test_a_subclass_does_not_promise_what_its_base_promises():
    class Own(AdamW):
        pass

    assert AdamW.elementwise
    assert AdamW.traced == ("learning_rate", "weight_decay")
    assert not Own.elementwise
    assert Own.traced == ()
