"""Knowledge distillation: the soft targets of the teacher, and the resumption of teacher and student."""

import dataclasses
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from absl.testing import flagsaver
from flax import nnx

from aersut import cli
from aersut.config import Experiment, Loss
from aersut.contracts import Framing
from aersut.errors import UserError
from aersut.evaluation.comparison import find_runs
from aersut.experiment import load_experiment
from aersut.features import RMS, ZCR
from aersut.features.frontend import Frontend, Scaling
from aersut.models import CNN, Ensemble
from aersut.run import open_run
from aersut.training import records
from aersut.training.checkpoints import Checkpoints
from aersut.training.optimizers import SGD
from aersut.training.state import create
from aersut.training.step import StepSetup, make_train_step
from aersut.training.trained import Trained, load_trained

TINY = Path(__file__).parents[1] / "tiny.py"
FRAMING = Framing(sample_rate=8_000, seconds=0.5, frame_length=256, hop_length=128)
FRONTEND = Frontend(FRAMING, (RMS(), ZCR()), (), classes=3)
SMALL = CNN(filters=(4,), kernels=(3,), dense=8, dropout=0.0)
DISTILLED = ["--experiment.teacher=ensemble", "--experiment.loss.label_smoothing=0.1"]


def _first_loss(loss, weights=None, teacher=None):
    optimizer = SGD().build(10, 10)
    frontend = dataclasses.replace(FRONTEND, scaling=Scaling(np.full(2, 3, np.float32), np.full(2, 5, np.float32)))
    graphs, state = create(SMALL.build(*FRONTEND.shape, 3, nnx.Rngs(0)), optimizer)
    rng = np.random.default_rng(0)
    batch = {"features": rng.standard_normal((6, *FRONTEND.shape)).astype(np.float32), "label": np.arange(6) % 3}
    logits = graphs.network(state.params, state.rest, training=True)((batch["features"] - 3) / 5)
    step = make_train_step(StepSetup(Experiment(loss=loss), frontend, graphs, optimizer, weights, teacher))
    return batch, logits, step(state, batch)[1]


@pytest.mark.parametrize(
    ("loss", "weights"),
    [(Loss(label_smoothing=0.3), None), (Loss(focal=2.0), None), (Loss(), np.array([1, 2, 3], np.float32))],
)
def test_the_loss_is_the_plain_cross_entropy_with_the_soft_targets(loss, weights):
    """Teacher and student each use their own scaling."""
    network = Ensemble((SMALL, SMALL)).build(*FRONTEND.shape, 3, nnx.Rngs(1))
    graphs, state = create(network, optax.sgd(0.1))
    scaled = dataclasses.replace(FRONTEND, scaling=Scaling(np.ones(2, np.float32), np.full(2, 2, np.float32)))
    teacher = Trained(Experiment(), 1, graphs, state, scaled)
    batch, logits, metrics = _first_loss(loss, weights, teacher)
    teacher_logits = teacher.network()((batch["features"] - 1) / 2)
    expected = optax.softmax_cross_entropy(logits, jax.nn.softmax(teacher_logits)).mean()
    assert float(metrics["loss"]) == pytest.approx(float(expected), rel=1e-5)
    assert float(metrics["accuracy"]) == pytest.approx(float(jnp.mean(logits.argmax(1) == batch["label"])))
    label = optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean()
    assert float(_first_loss(Loss())[2]["loss"]) == pytest.approx(float(label), rel=1e-5)
    assert float(_first_loss(loss, weights)[2]["loss"]) != pytest.approx(float(label), rel=1e-3)


def _train(launch, tiny, folder, *options):
    ran = launch(f"--experiment={tiny}", f"--workdir={folder}", "--mode=train", *options)
    assert ran.status == 0, ran.err
    return ran.out


def _end(folder):
    """The records of a training, without its speed, and its final state."""
    lines = [
        {k: v for k, v in line.items() if k != "clips_per_second"}
        for line in records.read_records(folder / "metrics.jsonl")
    ]
    state = load_trained(open_run(folder)).state
    return lines, [np.asarray(leaf) for leaf in jax.tree.leaves((state.params, state.opt_state))]


def _assert_equal(one, other):
    assert one[0] == other[0]
    for mine, theirs in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.fixture(scope="module")
def distilled(tmp_path_factory):
    """A finished run with its teacher, for reading only."""
    folder = tmp_path_factory.mktemp("distilled") / "run"
    with flagsaver.flagsaver():
        arguments = ["launch.py", f"--experiment={TINY}", f"--workdir={folder}", "--mode=train", *DISTILLED]
        assert cli._run(cli._parse(arguments)) == 0
    return folder


def test_the_teacher_is_an_ordinary_run(launch, tiny, distilled, tmp_path):
    out = _train(
        launch, tiny, tmp_path / "alone", "--experiment.model=ensemble",
        "--experiment.loss.label_smoothing=0.1",
    )  # fmt: skip
    assert "teacher: run folder" not in out
    _assert_equal(_end(tmp_path / "alone"), _end(distilled / "teacher"))
    config = json.loads((distilled / "teacher" / "config.json").read_text())
    assert config["teacher"] is None
    assert config["model"]["name"] == "ensemble"
    assert json.loads((distilled / "config.json").read_text())["teacher"] == config["model"]


def test_distillation_differs_from_training_on_labels(launch, tiny, distilled, tmp_path):
    _train(launch, tiny, tmp_path / "labels", *DISTILLED, "--experiment.teacher=none")
    assert len(records.read_records(distilled / "metrics.jsonl")) == 3
    assert _end(distilled)[0] != _end(tmp_path / "labels")[0]
    assert not (tmp_path / "labels" / "teacher").exists()


def test_a_finished_run_does_not_need_its_teacher(launch, distilled, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(distilled, folder)
    shutil.rmtree(folder / "teacher")
    ran = launch(f"--workdir={folder}", "--mode=train")
    assert "training is complete: 3 epochs" in ran.out
    assert not (folder / "teacher").exists()


@pytest.mark.parametrize("number", [2, 5])
def test_teacher_and_student_resume_bit_for_bit(launch, tiny, distilled, tmp_path, monkeypatch, number):
    """Interrupted at one of the teacher's three checkpoints, or at one of the student's three."""
    save, saved = Checkpoints.save, []

    def interrupt(self, *arguments):
        saved.append(self.folder)
        if len(saved) == number:
            raise KeyboardInterrupt
        save(self, *arguments)

    monkeypatch.setattr(Checkpoints, "save", interrupt)
    ran = launch(f"--experiment={tiny}", f"--workdir={tmp_path}", "--mode=train", *DISTILLED)
    assert ran.status == 130
    assert (saved[-1].parent.name == "teacher") == (number == 2)
    assert (tmp_path / "split.json").exists(), "the split is written before the teacher is trained"
    monkeypatch.setattr(Checkpoints, "save", save)
    assert launch(f"--workdir={tmp_path}", "--mode=train").status == 0
    for name in (".", "teacher"):
        _assert_equal(_end(tmp_path / name), _end(distilled / name))


def test_a_teacher_that_cannot_be_built_is_refused_with_its_key(launch, tiny, tmp_path):
    ran = launch(
        f"--experiment={tiny}", f"--workdir={tmp_path}", "--mode=train", "--experiment.teacher=cnn",
        "--experiment.teacher.filters=" + ",".join(["4"] * 7), "--experiment.teacher.kernels=" + ",".join(["3"] * 7),
    )  # fmt: skip
    assert ran.status == 2
    assert "the teacher, experiment.teacher, cannot be trained: experiment.model 'cnn'" in ran.err


def test_data_that_changed_after_the_training_of_the_teacher_is_refused(launch, tiny, distilled, tmp_path):
    """Otherwise the teacher may be trained on speakers of the student's test set."""
    for name in ("config.json", "split.json", "teacher"):
        copy = shutil.copytree if name == "teacher" else shutil.copy
        copy(distilled / name, tmp_path / name)
    split = json.loads((tmp_path / "split.json").read_text())
    split["clips"].pop()
    (tmp_path / "split.json").write_text(json.dumps(split))
    ran = launch(f"--workdir={tmp_path}", "--mode=train")
    assert ran.status == 2
    assert "the data has changed since run" in ran.err


def test_a_comparison_of_all_runs_lists_the_run_without_its_teacher(distilled):
    assert find_runs([distilled.parent]) == [distilled]
    assert find_runs([distilled / "teacher"]) == [distilled / "teacher"]


def test_a_teacher_that_does_not_exist_is_refused_with_its_key():
    with pytest.raises(UserError, match=r"experiment\.teacher: .*Did you mean 'cnn'\?"):
        load_experiment(Experiment(), [("teacher", "cn")])
    with pytest.raises(UserError, match=r"experiment\.teacher: dropout must"):
        load_experiment(Experiment(), [("teacher", "cnn"), ("teacher.dropout", "2")])
