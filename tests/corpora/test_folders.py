"""The user's own speech in a folder for each label."""

import pytest

from aersut.corpora import Folders
from aersut.errors import UserError


def clips(corpus, root):
    return [(clip.emotion, clip.speaker, clip.split) for clip in corpus.load(root).clips]


def test_a_folder_is_a_label_and_the_next_one_a_speaker(tmp_path, speak):
    speak("Stressed/anna/1.wav", "Stressed/ben/deep/2.ogg", "anger/3.mp3", "other/4.wav")
    listing = Folders().load(tmp_path)
    assert clips(Folders(), tmp_path) == [("stressed", "anna", ""), ("stressed", "ben", ""), ("angry", "unknown", "")]
    assert [(file.path.name, file.damage) for file in listing.skipped] == [("4.wav", False)]
    [note] = listing.notes
    assert note.startswith("the speaker of some files is unknown: expected LABEL/SPEAKER/FILE.")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (r"(?P<speaker>[^/]+)/(?P<emotion>[^/]+)/", "anna/sad/1.wav"),
        (r"(?P<emotion>[^/]+)/(?P<speaker>[^_]+)_", "sad/anna_1.wav"),
        (r".*_(?P<speaker>[a-z]+)-(?P<emotion>[a-z]+)", "x/1_anna-sad.wav"),
    ],
)
def test_another_layout_has_a_pattern(tmp_path, speak, pattern, name):
    speak(name)
    assert clips(Folders(pattern=pattern), tmp_path) == [("sad", "anna", "")]


def test_folders_may_be_the_sets(tmp_path, speak):
    speak("dev/sad/1.wav", "train/calm/1.wav")
    corpus = Folders(pattern=r"(?P<split>[^/]+)/(?P<emotion>[^/]+)/")
    assert clips(corpus, tmp_path) == [("sad", "unknown", "validation"), ("calm", "unknown", "train")]


def test_a_part_of_the_path_may_be_the_fold(tmp_path, speak):
    speak("Session2/angry/F_1.wav")
    corpus = Folders(pattern=r"(?P<fold>[^/]+)/(?P<emotion>[^/]+)/(?P<speaker>[FM])")
    assert [clip.fold for clip in corpus.load(tmp_path).clips] == ["Session2"]


@pytest.mark.parametrize(
    ("names", "found", "clip"),
    [
        (["anna/Angry/1.wav", "ben/SAD/2.wav"], "speakers, not labels: anna, ben", ("angry", "anna", "")),
        (["1001/angry/1.wav", "1002/sad/2.wav"], "speakers, not labels: 1001, 1002", ("angry", "1001", "")),
        (["Train/angry/1.wav", "dev/sad/2.wav"], "sets, not labels: dev, train", ("angry", "unknown", "train")),
    ],
)
def test_speakers_or_sets_in_place_of_labels_are_refused_with_the_pattern(tmp_path, speak, names, found, clip):
    speak(*names)
    with pytest.raises(UserError, match=found) as error:
        Folders().load(tmp_path)
    pattern = str(error.value).split("pattern ")[1].split(" by ")[0]
    assert clip in clips(Folders(pattern=pattern), tmp_path)


def test_names_of_folders_are_mapped_or_ignored(tmp_path, speak):
    speak("data/1/a.wav", "data/2/a.wav", "data/noise/a.wav", "elsewhere/a.wav")
    corpus = Folders(path="data", labels={"1": "low", "2": "high"}, ignore=("noise",))
    assert [label for label, _, _ in clips(corpus, tmp_path)] == ["low", "high"]


def test_a_recording_beside_its_conversion_is_a_duplicate(tmp_path, speak):
    speak("sad/1.wav", "sad/2.wav")
    (tmp_path / "sad/1.m4a").write_bytes(b"x")
    listing = Folders().load(tmp_path)
    assert [clip.path.name for clip in listing.clips] == ["1.wav", "2.wav"]
    assert [(file.path.name, file.damage) for file in listing.skipped] == [("1.m4a", False)]


def test_a_file_outside_of_a_folder_is_damage(tmp_path, speak):
    speak("sad/1.wav", "2.wav")
    (file,) = Folders().load(tmp_path).skipped
    assert (file.reason, file.damage) == ("its path does not match the pattern: expected a folder for each label", True)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "pattern is not a regular expression"), ("(?P<speaker>a)", "pattern has the groups speaker: expected emo")],
)
def test_a_pattern_is_checked_at_once(pattern, message):
    with pytest.raises(ValueError, match=message):
        Folders(pattern=pattern)


def test_no_files_are_refused_with_the_layout(tmp_path):
    with pytest.raises(UserError, match=r"folders: no audio file under .*angry/anna/1\.wav"):
        Folders().load(tmp_path)


def test_one_speaker_is_told_of_protocol_random(launch, speak, tmp_path):
    speak(*(f"{label}/{n}.wav" for label in ("sad", "calm") for n in range(12)))
    options = (
        *("--mode=train", "--experiment=quickstart", "--experiment.data.corpora=folders", "--experiment.epochs=1"),
        *(f"--experiment.data.root={tmp_path}", f"--workdir={tmp_path / 'run'}"),
    )
    ran = launch(*options)
    assert ran.status == 2
    assert "1 speaker and 24 clips are too few" in ran.err
    assert "Set protocol=random, which splits by clip" in ran.err
