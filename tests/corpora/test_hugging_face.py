"""`Clips.of` and recognizers with real datasets of Hugging Face's `datasets`, without PyTorch and network."""

import re
import sys

import pytest

import aersut
from aersut.corpora import Clips, Synthetic
from aersut.errors import UserError
from aersut.paths import cache_dir


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return Synthetic(speakers=10, repetitions=1).load(tmp_path_factory.mktemp("none")).clips[:9]


@pytest.fixture(scope="module")
def library():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        import datasets

        datasets.disable_progress_bars()
        yield datasets


@pytest.fixture(scope="module")
def dataset(library, clips):
    """Files with class labels, and audio that is decoded when a row is read."""
    columns = {"audio": [str(one.path) for one in clips], "speaker": [int(one.speaker) for one in clips]}
    names = sorted({one.emotion for one in clips})
    plain = library.Dataset.from_dict({**columns, "emotion": [one.emotion for one in clips]})
    return plain.cast_column("emotion", library.ClassLabel(names=names)).cast_column("audio", library.Audio())


@pytest.fixture(scope="module")
def corpus(clips):
    """The same clips from their files."""
    return Clips.of({"audio": one.path, "emotion": one.emotion, "speaker": one.speaker} for one in clips)


def test_a_dataset_with_class_labels_is_the_corpus_of_its_files(dataset, corpus, clips):
    assert Clips.of(dataset) == corpus
    listed = corpus.load(cache_dir()).clips
    assert [(one.emotion, one.speaker) for one in listed] == [(one.emotion, one.speaker) for one in clips]
    assert "torch" not in sys.modules


def test_a_dataset_from_disk_a_stream_and_undecoded_audio_are_the_same_corpus(library, dataset, corpus, tmp_path):
    dataset.save_to_disk(tmp_path)  # which stores the files' contents
    stored = library.load_from_disk(tmp_path)
    assert stored.cast_column("audio", library.Audio(decode=False))[0]["audio"]["bytes"]
    for same in (stored, dataset.to_iterable_dataset(), stored.cast_column("audio", library.Audio(decode=False))):
        assert Clips.of(same) == corpus
    assert Clips.of(stored.with_format("numpy")) == corpus
    assert Clips.of(stored.select(range(3))) != corpus


def test_a_recognizer_takes_the_column_of_undecoded_audio(library, dataset, clips):
    recognizer = aersut.load("micro_speech")
    column = dataset.cast_column("audio", library.Audio(decode=False)).select(range(2))["audio"]
    assert recognizer(column) == recognizer([one.path for one in clips[:2]])


def test_a_dataset_that_cannot_be_used_is_refused_with_the_remedy(library, dataset):
    unlabelled = dataset.select(range(1)).remove_columns("emotion").add_column("emotion", [-1])
    unlabelled = unlabelled.cast_column("emotion", dataset.features["emotion"])
    for refused, message in (
        (library.DatasetDict(train=dataset), "clip 1: the row is str: .* of a DatasetDict one split"),
        (dataset.rename_column("emotion", "label"), "clip 1: no 'emotion' among audio, speaker, label; expected"),
        (unlabelled, "clip 1: no 'emotion'; expected"),
        ([{**dataset.remove_columns("audio")[0], "audio": b""}], re.escape("Pass a Hugging Face dataset itself")),
    ):
        with pytest.raises(UserError, match=message):
            Clips.of(refused)
