"""Soft labels come from classifiers that have not seen the speaker, and training uses them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from aersut.contracts import Encoder
from aersut.encoders.soft_labels import soft_labels
from aersut.errors import UserError
from aersut.experiment import load_experiment
from aersut.registry import ENCODERS
from aersut.run import prepare
from aersut.run_folder import Run, start
from aersut.training import soft_labels as module
from aersut.training.loop import train
from aersut.training.records import read_records
from aersut.training.soft_labels import mixed_labels


def clusters(speakers: int = 6, each: int = 30, classes: int = 3) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Embeddings around a center for each class."""
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(classes), speakers * each // classes)
    found = rng.normal(0, 1, (len(labels), 8)).astype(np.float32) + 3 * np.eye(8)[labels]
    return found, labels, [str(number) for number in np.repeat(np.arange(speakers), each)]


def test_they_are_distributions_that_agree_with_separable_labels() -> None:
    found, labels, speakers = clusters()
    soft = soft_labels(found, labels, 4, speakers)
    np.testing.assert_allclose(soft.sum(1), 1, atol=1e-5)
    assert (soft[:, 3] == 0).all(), "no clip has the class"
    assert (soft.argmax(1) == labels).mean() > 0.9


def test_a_clip_is_predicted_without_its_speaker() -> None:
    found, labels, speakers = clusters()
    own = np.array(speakers) == "2"
    labels = labels.copy()
    labels[own] = (labels[own] + 1) % 3  # what this speaker alone would teach
    soft = soft_labels(found, labels, 3, speakers)
    assert (soft[own].argmax(1) == labels[own]).mean() < 0.1


def test_weights_change_the_prior() -> None:
    found, labels, speakers = clusters()
    plain = soft_labels(found * 0, labels, 3, speakers)
    weighted = soft_labels(found * 0, labels, 3, speakers, np.where(labels == 0, 4.0, 1.0))
    np.testing.assert_allclose(plain, 1 / 3, atol=0.02)
    np.testing.assert_allclose(weighted[:, 0], 4 / 6, atol=0.05)


def test_a_single_speaker_is_refused() -> None:
    found, labels, _ = clusters()
    with pytest.raises(UserError, match="soft labels need training clips of two or more speakers; omit the encoders"):
        soft_labels(found, labels, 3, ["1"] * len(labels))


def test_speakers_of_one_emotion_each_are_refused() -> None:
    found, _, speakers = clusters(speakers=2)
    with pytest.raises(UserError, match="two or more emotions without those of any one speaker"):
        soft_labels(found, np.array(speakers).astype(int), 3, speakers)


@dataclass(frozen=True)
class Spectrum(Encoder):
    """Log power in 20 bands of frames of 400 samples."""

    provenance = "written for a test"

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        frames = np.pad(samples, (0, -len(samples) % 400)).reshape(-1, 400)
        power = np.square(np.abs(np.fft.rfft(frames)))[:, :200].reshape(-1, 20, 10).mean(2)
        return np.log(power + 1e-6)


@pytest.fixture
def run(tiny: str, tmp_path: Path) -> Run:
    ENCODERS.register("spectrum")(Spectrum)
    return start(replace(load_experiment(tiny), encoders=(Spectrum(),)), tmp_path / "run")


def test_the_label_of_each_example_is_mixed(run: Run) -> None:
    prepared = prepare(run)
    mixed, examples = mixed_labels(run, prepared), prepared.split.examples("train")
    labels = prepared.labels[examples[:, 0]]
    assert mixed.shape == (len(examples), 8)
    np.testing.assert_allclose(mixed.sum(1), 1, atol=1e-5)
    assert (mixed[np.arange(len(labels)), labels] >= 0.5).all()
    of_clips = {clip: mixed[examples[:, 0] == clip] for clip in set(examples[:, 0])}
    assert all((rows == rows[0]).all() for rows in of_clips.values()), "copies have the labels of their clip"


def test_a_resumed_run_keeps_its_labels_and_needs_no_encoder(run: Run, monkeypatch) -> None:
    first = mixed_labels(run, prepare(run))
    monkeypatch.setattr(module, "embeddings", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(mixed_labels(run, prepare(run)), first)


@pytest.mark.parametrize("content", [b"", b"PK nothing", None])
def test_labels_of_other_clips_are_refused(run: Run, content: bytes | None) -> None:
    mixed_labels(run, prepare(run))
    if content is None:
        np.savez(run.soft_labels, clips=np.array(["another sad"]), labels=np.ones((1, 8)) / 8)
    else:
        run.soft_labels.write_bytes(content)
    with pytest.raises(
        UserError, match=r"soft_labels.npz is damaged, or belongs to other clips. Restore it, or delete"
    ):
        mixed_labels(run, prepare(run))


def test_labels_follow_their_clips_to_another_order(run: Run) -> None:
    prepared = prepare(run)
    first = mixed_labels(run, prepared)
    with np.load(run.soft_labels) as file:
        np.savez(run.soft_labels, clips=file["clips"][::-1], labels=file["labels"][::-1])
    np.testing.assert_array_equal(mixed_labels(run, prepared), first)


def test_training_learns_from_them(run: Run, tmp_path: Path) -> None:
    train(run)
    plain = start(replace(run.experiment, encoders=()), tmp_path / "plain")
    train(plain)
    soft, hard = (read_records(one.records)[0]["train_loss"] for one in (run, plain))
    assert soft != hard
    assert not plain.soft_labels.exists()


def test_a_student_learns_from_them_by_way_of_its_teacher(run: Run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    student = start(replace(run.experiment, teacher=run.experiment.model), tmp_path / "student")
    train(student)
    assert not student.soft_labels.exists()
    (teacher,) = (tmp_path / "runs").glob("*/*")
    assert (teacher / "soft_labels.npz").exists()


def test_a_recording_under_two_speakers_is_predicted_without_itself(run: Run, monkeypatch) -> None:
    """Such speakers count as one, as in the split."""
    prepared = prepare(run)
    seen: list[list[str]] = []

    def labels_of(
        found: np.ndarray, labels: np.ndarray, classes: int, speakers: list[str], weights: None
    ) -> np.ndarray:
        seen.append(speakers)
        return np.eye(classes)[labels]

    monkeypatch.setattr(module, "soft_labels", labels_of)
    clips = np.unique(prepared.split.examples("train")[:, 0])
    contents = list(prepared.collection.contents)
    speakers = [prepared.collection.clips[clip].speaker_id for clip in clips]
    other = next(index for index, name in enumerate(speakers) if name != speakers[0])
    contents[clips[other]] = contents[clips[0]]
    module._computed(run, replace(prepared, collection=replace(prepared.collection, contents=tuple(contents))), clips)
    assert len(set(seen[0])) == len(set(speakers)) - 1
