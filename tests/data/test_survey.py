"""--mode=data: every problem is counted and named, and only those that block training are errors."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from aersut.config import Data
from aersut.contracts import Framing
from aersut.corpora import CremaD, Ravdess
from aersut.data.survey import survey, survey_as_json, survey_table

FRAMING = Framing(sample_rate=8_000, seconds=0.05, frame_length=128, hop_length=128)
FOLDER = "ravdess-emotional-speech-audio/audio_speech_actors_01-24"
RNG = np.random.default_rng(0)


def put(root, name, samples=None, sample_rate=8_000, content=None):
    """Write one file under its actor's folder."""
    path = root / FOLDER / f"Actor_{name[18:20]}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is not None:
        path.write_bytes(content)
    else:
        soundfile.write(path, 0.3 * RNG.uniform(-1, 1, 800) if samples is None else samples, sample_rate)
    return path


@pytest.fixture
def root(tmp_path):
    """200 intact clips of two actors, balanced over emotions, so that one damaged file is below the limit."""
    for number in range(200):
        emotion, rest = number % 8 + 1, number // 8
        name = f"03-01-{emotion:02}-{rest % 2 + 1:02}-{rest // 2 % 2 + 1:02}-{rest // 4 + 1:02}-{number % 2 + 1:02}.wav"
        put(tmp_path, name)
    return tmp_path


def found(root, corpus=None):
    (one,) = survey(Data(corpora=(corpus or Ravdess(),), root=str(root)), FRAMING)
    return one


def test_counts_clips_hours_speakers_and_emotions(root):
    numbers = survey_as_json([found(root)])["ravdess"]
    assert (numbers["clips"], numbers["speakers"], numbers["skipped"], numbers["blocking"]) == (200, 2, {}, [])
    assert numbers["hours"] == pytest.approx(200 * 0.1 / 3600, abs=1e-4)
    assert numbers["emotions"] == dict.fromkeys(
        ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise"), 25
    )
    assert json.loads(json.dumps(numbers)) == numbers


EXTRA = "03-01-05-02-02-09-01.wav"


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ({"content": b""}, "is empty"),
        ({"content": b"RIFF, it says, but it is text"}, "cannot be decoded"),
        ({"content": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 1\n"}, "is a Git LFS pointer"),
        ({"samples": np.zeros(800)}, "is silent"),
        ({"samples": np.zeros(0)}, "contains no samples"),
    ],
)
def test_a_bad_file_is_skipped_with_its_reason(root, trouble, reason):
    path = put(root, EXTRA, **trouble)
    one = found(root)
    (skipped,) = survey_as_json([one])["ravdess"]["skipped"].items()
    assert skipped[0].startswith(reason)
    assert skipped[1] == 1
    assert str(path) in survey_table([one])
    assert one.blocking == ()


def test_a_truncated_file_is_skipped(root):
    path = put(root, EXTRA)
    path.write_bytes(path.read_bytes()[:-400])
    assert survey_as_json([found(root)])["ravdess"]["skipped"] == {
        "is truncated: its header announces 400 more bytes": 1
    }


@pytest.mark.parametrize(
    ("samples", "sample_rate", "note"),
    [
        (np.clip(3 * np.sin(0.2 * np.arange(800)), -1, 1), 8_000, "1 clips have 0.1% or more of their samples at full"),
        (
            0.3 * RNG.uniform(-1, 1, 600 * 8_000),
            8_000,
            "1 clips last 30 s or longer, of which the window covers a small part",
        ),
        (None, 96_000, "sample rates differ: 8,000 Hz (200 clips), 96,000 Hz (1 clips); all are resampled"),
    ],
)
def test_an_odd_file_is_used_and_noted(root, samples, sample_rate, note):
    put(root, EXTRA, samples, sample_rate)
    one = found(root)
    assert survey_as_json([one])["ravdess"]["clips"] == 201
    assert any(line.startswith(note) for line in one.notes), one.notes
    assert one.blocking == ()


def test_byte_identical_files_are_named(root):
    first = next((root / FOLDER).rglob("*.wav"))
    put(root, EXTRA, content=first.read_bytes())
    (note,) = [line for line in found(root).notes if "byte-identical" in line]
    assert note.startswith("2 files are byte-identical to another: ")
    assert EXTRA in note
    assert first.name in note


def test_missing_speakers_are_named(root):
    assert any(line.startswith("22 of 24 speakers are missing: 3, 4, 5") for line in found(root).notes)


def test_unbalanced_classes_are_named(tmp_path):
    for number in range(12):
        put(tmp_path, f"03-01-05-01-01-{number + 1:02}-01.wav")
    put(tmp_path, "03-01-02-01-01-01-01.wav")
    assert "classes are imbalanced: 12 angry, 1 calm" in found(tmp_path).notes


def test_more_than_one_bad_file_in_a_hundred_blocks_training(root):
    for number in range(3):
        put(root, f"03-01-05-02-02-1{number}-01.wav", content=b"")
    (unusable,) = found(root).blocking
    assert unusable.startswith("3 of 203 files cannot be used, more than 1%; 3 of them: is empty: ")
    assert "ravdess: BLOCKS TRAINING: 3 of 203" in survey_table([found(root)])


def test_a_missing_corpus_does_not_hide_the_others(root):
    present, missing = survey(Data(corpora=(Ravdess(), CremaD()), root=str(root)), FRAMING)
    assert present.corpus is not None
    assert missing.corpus is None
    assert missing.blocking[0].startswith("cremad: no .wav or .flac under")
    assert survey_as_json([missing])["cremad"]["clips"] == 0
    assert "ravdess         200" in survey_table([present, missing])


def test_a_folder_that_cannot_be_read_is_named(root, monkeypatch):
    closed, scandir = str(root / FOLDER / "Actor_02"), os.scandir

    def refuse(path="."):
        if str(path) == closed:  # as for everybody but root, for whom no folder is closed
            raise PermissionError(13, "Permission denied", closed)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    (unusable,) = found(root).blocking
    assert unusable == f"folder {closed} cannot be read: Permission denied. Change its permissions."


def test_recordings_of_a_lower_sample_rate_than_the_experiment_have_a_note(tmp_path):
    """CREMA-D has 16 kHz, and the paper's experiments 22.05 kHz."""
    put(tmp_path, "03-01-01-01-01-01-01.wav")
    lower, equal = (
        survey(Data(corpora=(Ravdess(),), root=str(tmp_path)), replace(FRAMING, sample_rate=rate))[0].notes
        for rate in (16_000, 8_000)
    )
    note = "1 clip of a lower sample rate (8,000 Hz) than the 16,000 Hz of the experiment"
    assert [any(line.startswith(note) for line in lines) for lines in (lower, equal)] == [True, False]
