"""`Clips.of`: a corpus from arrays, bytes and files in Python."""

import shutil

import numpy as np
import pandas
import pytest
import soundfile

import aersut
from aersut.config import Data
from aersut.contracts import Framing
from aersut.corpora import Clips, Synthetic
from aersut.data.collection import collect
from aersut.errors import UserError
from aersut.paths import cache_dir


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """Clips of the synthetic corpus."""
    return Synthetic(speakers=10, repetitions=1).load(tmp_path_factory.mktemp("none")).clips


def rows(listed, form=lambda path: path):
    return [{"audio": form(clip.path), "emotion": clip.emotion, "speaker": clip.speaker, "id": 3} for clip in listed]


def as_array(path):
    samples, rate = soundfile.read(path, dtype="float32")
    return {"path": None, "array": samples, "sampling_rate": rate}


def as_pair(path):
    return soundfile.read(path, dtype="int16")


@pytest.mark.parametrize("form", [as_array, as_pair, lambda path: {"bytes": path.read_bytes(), "path": None}])
def test_arrays_and_bytes_are_the_clips_of_the_files(listed, form):
    data = [Data(corpora=(Clips.of(rows(listed[:9], how)),), root="none") for how in (form, str)]
    one, files = (collect(configured, Framing(sample_rate=16_000)) for configured in data)
    for index in range(9):
        np.testing.assert_array_equal(one.recording(index), files.recording(index))
    assert one.labels == files.labels
    assert [clip.speaker_id for clip in one.clips] == [f"clips:{clip.speaker}" for clip in listed[:9]]


def test_the_digest_depends_on_samples_and_labels_alone(listed):
    first = rows(listed[:3], as_array)
    corpus = Clips.of(iter(first))
    shutil.rmtree(cache_dir() / "clips")
    assert Clips.of(rows(listed[:3], as_array)) == corpus, "clips whose cache was deleted are made again"
    louder = {**first[0], "audio": {**first[0]["audio"], "array": first[0]["audio"]["array"] * 0.5}}
    for changed in (first[:2], [louder, *first[1:]], [{**first[0], "speaker": "9"}, *first[1:]], first[::-1]):
        assert Clips.of(changed) != corpus


def test_a_run_is_trained_from_them_and_found_again(listed, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = aersut.load_experiment(tiny, epochs=1, **{"data.corpora": [Clips.of(rows(listed, as_array))]})
    training = aersut.train(experiment)
    evaluation = aersut.evaluate(training.run.folder)
    assert {row["corpus"] for row in evaluation.predictions} == {"clips"}
    assert evaluation.metrics["speakers"] == 2
    shutil.rmtree(cache_dir() / "clips")
    with pytest.raises(UserError, match=r"not in the cache.*Clips\.of in Python, from the same audio and labels"):
        aersut.evaluate(training)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"audio": "gone.wav", "emotion": "sad", "speaker": "1"}, r"clip 1: gone\.wav cannot be read: No such file"),
        ({"audio": b"", "speaker": "1"}, "clip 1: no 'emotion'"),
        ({"audio": b"", "emotion": "sad", "speaker": None}, "clip 1: no 'speaker'"),
        ({"emotion": "sad", "speaker": "1"}, "clip 1: no 'audio'"),
        ({"audio": 3, "emotion": "sad", "speaker": "1"}, "clip 1: a clip is a number: a list contains several clips"),
        ({"audio": (np.full(9, 300.0), 8000), "emotion": "sad", "speaker": "1"}, "clip 1: samples reach 300: expected"),
        ({"audio": (np.full(9, np.nan), 8000), "emotion": "sad", "speaker": "1"}, "clip 1: samples are NaN"),
        ({"audio": (np.zeros(0), 8000), "emotion": "sad", "speaker": "1"}, "clip 1: the array contains no samples"),
        ({"audio": (np.ones(9), "8000"), "emotion": "sad", "speaker": "1"}, "clip 1: the sample rate is '8000'"),
        ({"audio": float("nan"), "emotion": "sad", "speaker": "1"}, "clip 1: no 'audio'"),
        ({"audio": b"", "emotion": float("nan"), "speaker": "1"}, "clip 1: no 'emotion'"),
        ({"audio": b"", "emotion": "sad", "speaker": pandas.NA}, "clip 1: no 'speaker'"),
        (
            {"audio": b"", "emotion": np.int64(3), "speaker": "1"},
            "its emotion is the number 3: expected its name",
        ),
        ({"audio": b"", "emotion": "hapy", "speaker": "1"}, "clip 1: emotion 'hapy' is not one of.*mean 'happy'"),
        ({"audio": b"", "emotion": "sad", "speaker": "1", "split": "tset"}, "clip 1: split 'tset' is not one of train"),
    ],
)
def test_a_clip_that_cannot_be_used_is_refused_by_its_number(row, message):
    with pytest.raises(UserError, match=message):
        Clips.of([row])


def test_the_rows_may_be_those_of_a_pandas_table(listed):
    table = pandas.DataFrame(rows(listed[:3], str)).assign(sex=["female", None, float("nan")])
    corpus = Clips.of(table.to_dict("records"))
    assert [clip.sex for clip in corpus.load(cache_dir()).clips] == ["female", "", ""]
    for refused in (table, table.to_dict("list"), table.iterrows()):
        with pytest.raises(UserError, match=r'clip 1: the row is (str|tuple): .*table\.to_dict\("records"\)'):
            Clips.of(refused)


def test_clips_of_another_emotion_are_skipped_as_in_a_manifest(listed):
    bored = {"audio": str(listed[0].path), "emotion": "other", "speaker": "1"}
    listing = Clips.of([bored, *rows(listed[:2])]).load(cache_dir())
    assert (len(listing.clips), [one.damage for one in listing.skipped]) == (2, [False])


def test_the_clips_remain_when_their_files_are_moved_or_changed(listed, tmp_path):
    before, after = tmp_path / "a.wav", tmp_path / "b.wav"
    shutil.copy(listed[0].path, before)
    row = {"emotion": "sad", "speaker": "1"}
    corpus = Clips.of([{"audio": before, **row}])
    content = before.read_bytes()
    before.rename(after)
    assert Clips.of([{"audio": after, **row}]) == Clips.of([{"audio": content, **row}]) == corpus
    after.write_bytes(listed[1].path.read_bytes())
    [clip] = corpus.load(tmp_path).clips
    assert clip.path.read_bytes() == content
    assert Clips.of([{"audio": after, **row}]) != corpus


def test_a_damaged_folder_of_the_cache_is_made_again(listed):
    corpus = Clips.of(rows(listed[:2]))
    folder = cache_dir() / "clips" / corpus.digest
    (folder / "0000001").unlink()
    assert len(corpus.load(folder).clips) == 1
    assert Clips.of(rows(listed[:2])) == corpus
    assert len(corpus.load(folder).clips) == 2
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_no_clips_are_refused():
    with pytest.raises(UserError, match="there are no clips"):
        Clips.of([])
