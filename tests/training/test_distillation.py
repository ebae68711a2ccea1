"""Knowledge distillation: the soft targets of the teacher, and the resumption of teacher and student."""

import dataclasses
import json
import shutil
import threading
from pathlib import Path

import filelock
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
from aersut.run_folder import open_run
from aersut.training import loop, records
from aersut.training.checkpoints import Checkpoints
from aersut.training.distillation import check_split, recorded_teacher
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
    frontend = dataclasses.replace(FRONTEND, scaling=Scaling(np.full(2, 3, np.float32), np.full(2, 5, np.float32)))
    graphs, state = create(SMALL.build(*FRONTEND.shape, 3, nnx.Rngs(0)), SGD().build(10, 10))
    rng = np.random.default_rng(0)
    batch = {"features": rng.standard_normal((6, *FRONTEND.shape)).astype(np.float32), "label": np.arange(6) % 3}
    logits = graphs.network(state.params, state.rest, training=True)((batch["features"] - 3) / 5)
    step = make_train_step(StepSetup(Experiment(loss=loss), frontend, graphs, SGD(), 10, weights, teacher))
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


@pytest.fixture(autouse=True)
def _own_runs(tmp_path, monkeypatch):
    """Teachers are below `runs` in the working directory."""
    monkeypatch.chdir(tmp_path)


def _teacher(parent):
    """The only teacher below `runs` in a folder."""
    [config] = parent.glob("runs/tiny-teacher/*/config.json")
    return config.parent


@pytest.fixture(scope="module")
def distilled(tmp_path_factory):
    """A finished run, with its teacher under `runs` beside it, for reading only."""
    folder = tmp_path_factory.mktemp("distilled") / "run"
    with flagsaver.flagsaver(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder.parent)
        arguments = ["launch.py", f"--experiment={TINY}", f"--workdir={folder}", "--mode=train", *DISTILLED]
        assert cli._run(cli._parse(arguments)) == 0
    return folder


def test_the_teacher_is_an_ordinary_run(launch, tiny, distilled, tmp_path):
    out = _train(
        launch, tiny, tmp_path / "alone", "--experiment.model=ensemble",
        "--experiment.loss.label_smoothing=0.1",
    )  # fmt: skip
    assert "teacher: run folder" not in out
    teacher = _teacher(distilled.parent)
    _assert_equal(_end(tmp_path / "alone"), _end(teacher))
    assert not (distilled / "teacher").exists()
    config = json.loads((teacher / "config.json").read_text())
    assert config["teacher"] is None
    assert config["model"]["name"] == "ensemble"
    assert json.loads((distilled / "config.json").read_text())["teacher"] == config["model"]


def test_distillation_differs_from_training_on_labels(launch, tiny, distilled, tmp_path):
    _train(launch, tiny, tmp_path / "labels", *DISTILLED, "--experiment.teacher=none")
    assert len(records.read_records(distilled / "metrics.jsonl")) == 3
    assert _end(distilled)[0] != _end(tmp_path / "labels")[0]
    assert not Path("runs").exists()


def test_a_finished_run_does_not_need_its_teacher(launch, distilled, tmp_path):
    shutil.copytree(distilled, "run")
    ran = launch("--workdir=run", "--mode=train")
    assert "training is complete: 3 epochs" in ran.out
    assert not Path("runs").exists()


def test_the_run_records_its_teacher(distilled):
    teacher = _teacher(distilled.parent)
    recorded = {"folder": str(teacher.relative_to(distilled.parent)), "digest": teacher.name}
    [session] = records.read_lines(distilled / "sessions.jsonl")
    assert session["teacher"] == recorded
    assert recorded_teacher(open_run(distilled)) == Path(recorded["folder"])


@pytest.fixture
def with_teacher(distilled):
    """A copy of the teacher's run under `runs`, by another name, as a run of its own experiment has."""
    folder = Path("runs") / "trained_before" / "here"
    shutil.copytree(_teacher(distilled.parent), folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"name": "trained_before", "data": {**config["data"], "emotions": []}}  # the classes are in split.json
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_teacher_that_another_run_has_trained_is_used_again(launch, tiny, distilled, with_teacher):
    before = {path: path.stat().st_mtime_ns for path in with_teacher.rglob("*.json*")}
    out = _train(launch, tiny, "run", *DISTILLED)
    assert f"teacher: run folder {with_teacher}" in out
    assert out.count("epoch 3/3") == 1, "only the student is trained"
    assert {path: path.stat().st_mtime_ns for path in with_teacher.rglob("*.json*")} == before
    _assert_equal(_end(Path("run")), _end(distilled))
    assert not list(Path("runs").glob("tiny-teacher/*"))


def test_a_teacher_of_an_earlier_version_is_used_again(launch, tiny, with_teacher):
    config = json.loads((with_teacher / "config.json").read_text())
    for key in ("encoders", "soft_labels"):  # keys that it did not have
        del config[key]
    (with_teacher / "config.json").write_text(json.dumps(config))
    broken = Path("runs") / "broken" / "here" / "config.json"
    broken.parent.mkdir(parents=True)
    broken.write_text(json.dumps({**config, "model": {"name": "of_a_missing_plugin"}}))
    assert f"teacher: run folder {with_teacher}" in _train(launch, tiny, "run", *DISTILLED, "--experiment.epochs=3")


def test_a_teacher_with_another_seed_is_not_used(launch, tiny, with_teacher):
    _train(launch, tiny, "run", *DISTILLED, "--experiment.seed=1", "--experiment.epochs=1")
    assert _teacher(Path()).is_dir()


def test_a_teacher_with_another_split_is_not_used(launch, tiny, with_teacher):
    """It may have been trained on speakers of the student's test set."""
    split = json.loads((with_teacher / "split.json").read_text())
    first, *_ = (clip for clip in split["clips"] if clip["splits"][0] == "test")
    first["splits"] = ["train"] * len(first["splits"])
    (with_teacher / "split.json").write_text(json.dumps(split))
    out = _train(launch, tiny, "run", *DISTILLED)
    assert f"teacher: run folder {_teacher(Path())}" in out
    shutil.copy(with_teacher / "split.json", _teacher(Path()) / "split.json")
    assert f"teacher: run folder {Path('other') / 'teacher'}" in _train(launch, tiny, "other", *DISTILLED)
    with pytest.raises(UserError, match="may have been trained on the student's test set"):
        check_split(open_run(Path("run")), open_run(with_teacher))


def test_a_teacher_in_the_folder_of_its_student_is_used_again(launch, tiny, distilled):
    """As earlier versions kept it."""
    teacher = shutil.copytree(_teacher(distilled.parent), Path("run") / "teacher")
    for name in ("config.json", "split.json"):
        shutil.copy(distilled / name, Path("run") / name)
    config = json.loads((teacher / "config.json").read_text())
    (teacher / "config.json").write_text(json.dumps({**config, "name": "tiny"}))
    out = _train(launch, tiny, "run", *DISTILLED)
    assert f"teacher: run folder {teacher}" in out
    assert out.count("epoch 3/3") == 1
    assert recorded_teacher(open_run(Path("run"))) == teacher
    _assert_equal(_end(Path("run")), _end(distilled))


def test_a_teacher_that_another_process_trains_is_waited_for(launch, tiny, distilled, with_teacher, monkeypatch):
    lock = filelock.FileLock(with_teacher / ".lock", thread_local=False)
    lock.acquire()
    monkeypatch.setattr(loop, "POLL", 0.1)
    timer = threading.Timer(3.0, lock.release)
    timer.start()
    out = _train(launch, tiny, "run", *DISTILLED)
    timer.join()
    assert f"waiting for the process that trains run folder {with_teacher}" in out
    _assert_equal(_end(Path("run")), _end(distilled))


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
    ran = launch(f"--experiment={tiny}", "--workdir=run", "--mode=train", *DISTILLED)
    assert ran.status == 130
    assert (saved[-1].parent.name != "run") == (number == 2)
    assert Path("run/split.json").exists(), "the split is written before the teacher is trained"
    monkeypatch.setattr(Checkpoints, "save", save)
    assert launch("--workdir=run", "--mode=train").status == 0
    _assert_equal(_end(Path("run")), _end(distilled))
    _assert_equal(_end(_teacher(tmp_path)), _end(_teacher(distilled.parent)))


def test_a_teacher_that_cannot_be_built_is_refused_with_its_key(launch, tiny, tmp_path):
    ran = launch(
        f"--experiment={tiny}", f"--workdir={tmp_path}", "--mode=train", "--experiment.teacher=cnn",
        "--experiment.teacher.filters=" + ",".join(["4"] * 7), "--experiment.teacher.kernels=" + ",".join(["3"] * 7),
    )  # fmt: skip
    assert ran.status == 2
    assert "the teacher, experiment.teacher, cannot be trained: experiment.model 'cnn'" in ran.err


def test_data_that_changed_after_the_training_of_the_teacher_is_refused(launch, tiny, distilled, tmp_path):
    """Otherwise the teacher may be trained on speakers of the student's test set."""
    for name in ("config.json", "split.json"):
        shutil.copy(distilled / name, tmp_path / name)
    split = json.loads((tmp_path / "split.json").read_text())
    split["clips"].pop()
    (tmp_path / "split.json").write_text(json.dumps(split))
    ran = launch(f"--workdir={tmp_path}", "--mode=train")
    assert ran.status == 2
    assert "the data has changed since run" in ran.err


def test_a_comparison_of_all_runs_lists_a_run_without_the_teacher_in_its_folder(distilled):
    """As earlier versions kept it."""
    shutil.copytree(distilled, "run")
    teacher = shutil.copytree(_teacher(distilled.parent), Path("run/teacher"))
    assert find_runs([Path()]) == [Path("run")]
    assert find_runs([teacher]) == [teacher]


def test_a_teacher_that_does_not_exist_is_refused_with_its_key():
    with pytest.raises(UserError, match=r"experiment\.teacher: .*Did you mean 'cnn'\?"):
        load_experiment(Experiment(), [("teacher", "cn")])
    with pytest.raises(UserError, match=r"experiment\.teacher: dropout must"):
        load_experiment(Experiment(), [("teacher", "cnn"), ("teacher.dropout", "2")])
