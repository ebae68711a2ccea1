"""The user's own CSV: accepted forms, and the errors for others."""

import codecs
import json

import pytest

from aersut.contracts import EMOTIONS, Clip
from aersut.corpora import Manifest
from aersut.errors import UserError


@pytest.fixture
def listing(tmp_path):
    """Write manifest.csv and load it."""

    def load(text, name="manifest.csv", encoding="utf-8"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode(encoding))
        return Manifest(name).load(tmp_path)

    return load


@pytest.fixture
def refused(listing):
    """The error message for a manifest."""

    def message(text, **options):
        with pytest.raises(UserError) as caught:
            listing(text, **options)
        return str(caught.value)

    return message


class TestARow:
    def test_of_three_columns_is_a_clip(self, listing, speak):
        (path,) = speak("a.wav")
        assert listing("path,emotion,speaker\na.wav,happy,anna\n").clips == (Clip(path, "happy", "anna", "manifest"),)

    def test_of_all_columns_in_any_order_is_a_clip(self, listing, speak):
        (path,) = speak("sounds/a.flac")
        text = (
            "split,Speaker,room,sex, intensity ,text,EMOTION,path\nval,7,kitchen,F,loud,hello,Fearful,sounds/a.flac\n"
        )
        clip = Clip(path, "fear", "7", "manifest", "female", "hello", "loud", "validation")
        assert listing(text).clips == (clip,)

    @pytest.mark.parametrize(
        ("word", "emotion"),
        [
            *((emotion, emotion) for emotion in EMOTIONS),
            *(("Anger", "angry"), ("ANG", "angry"), ("joy", "happy"), ("HAP", "happy"), ("sadness", "sad")),
            *(("fearful", "fear"), ("Surprised", "surprise"), ("NEU", "neutral"), ("disgusted", "disgust")),
        ],
    )
    def test_may_name_the_emotion_in_the_usual_ways(self, listing, speak, word, emotion):
        speak("a.wav")
        assert [clip.emotion for clip in listing(f"path,emotion,speaker\na.wav,{word},1\n").clips] == [emotion]

    @pytest.mark.parametrize(
        ("word", "name"),
        [
            *(("train", "train"), ("Training", "train"), ("dev", "validation"), ("val", "validation"), ("", "")),
            *(("validation", "validation"), ("TEST", "test"), ("eval", "test")),
        ],
    )
    def test_may_name_the_set_in_the_usual_ways(self, listing, speak, word, name):
        speak("a.wav")
        assert [clip.split for clip in listing(f"path,emotion,speaker,split\na.wav,sad,1,{word}\n").clips] == [name]

    def test_may_have_the_earlier_column_part_instead_of_split(self, listing, speak):
        speak("a.wav")
        assert [clip.split for clip in listing("path,emotion,speaker,part\na.wav,sad,1,dev\n").clips] == ["validation"]

    def test_may_not_name_the_set_in_two_columns(self, listing, speak):
        speak("a.wav")
        with pytest.raises(UserError, match="two columns 'split'"):
            listing("path,emotion,speaker,part,split\na.wav,sad,1,dev,test\n")

    def test_without_a_known_sex_has_none(self, listing, speak):
        speak("a.wav")
        assert [clip.sex for clip in listing("path,emotion,speaker,sex\na.wav,sad,1,?\n").clips] == [""]

    def test_keeps_the_manifests_order(self, listing, speak):
        paths = speak("b.wav", "a.wav")
        assert [clip.path for clip in listing("path,emotion,speaker\nb.wav,sad,1\na.wav,sad,1\n").clips] == paths

    def test_may_name_any_file_that_libsndfile_reads(self, listing, speak):
        paths = speak("a.ogg", "a.wav")
        assert [clip.path for clip in listing("path,emotion,speaker\na.ogg,sad,1\na.wav,sad,1\n").clips] == paths

    def test_may_name_a_file_anywhere(self, listing, speak, tmp_path):
        paths = speak("a.wav")
        assert [clip.path for clip in listing(f"path,emotion,speaker\n{paths[0]},sad,1\n").clips] == paths
        relative = listing("path,emotion,speaker\n../a.wav,sad,1\n", name="lists/mine.csv").clips
        assert [clip.path.resolve() for clip in relative] == paths


class TestTheFile:
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_may_separate_by(self, listing, speak, separator):
        speak("a.wav")
        text = "path,emotion,speaker\na.wav,sad,1\n".replace(",", separator)
        assert [clip.speaker for clip in listing(text).clips] == ["1"]

    def test_may_come_from_windows(self, listing, speak):
        (path,) = speak("sounds/ä.wav")
        text = 'path,emotion,speaker,text\r\n"sounds\\ä.wav",sad,1,"oh, well"\r\n\r\n,,,\r\n'
        (clip,) = listing(codecs.BOM_UTF8.decode() + text).clips
        assert (clip.path, clip.text) == (path, "oh, well")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "has no column 'path'. Its first line must name the columns, at least path, emotion, speaker."),
            ("path,emotoin,speaker\n", "has no column 'emotion'. Did you mean 'emotoin'?"),
            ("path,emotion\na.wav,sad\n", "has no column 'speaker'"),
            ("path,emotion,speaker\na.wav,sad,\n", "line 2: no speaker. Every row needs path, emotion, speaker."),
            ("path,emotion,speaker\na.wav,sad\n", "line 2: no speaker"),
            ("path,emotion,speaker\n\n,sad,1\n", "line 3: no path"),
            ("path,emotion,speaker,text\na.wav,sad,1,oh, well\n", "line 2: 5 cells, but 4 columns. Quote a cell"),
            ("path,emotion,speaker,split\na.wav,sad,1,tset\n", "line 2: split 'tset' is not one of train, validation"),
            ('path,emotion,speaker\na.wav,"' + "x" * 200_000 + '",1\n', "field larger than field limit"),
        ],
    )
    def test_is_refused_if_required_columns_or_cells_are_missing(self, refused, tmp_path, text, message):
        error = refused(text)
        assert error.startswith(f"manifest: {tmp_path / 'manifest.csv'}")
        assert message in error

    def test_is_refused_if_it_is_not_text(self, refused):
        assert "is not UTF-8 text" in refused("path,emotion,speaker\nä.wav,sad,1\n", encoding="latin-1")

    def test_that_is_missing_is_named(self, tmp_path):
        with pytest.raises(UserError) as caught:
            Manifest().load(tmp_path)
        assert f"{tmp_path / 'manifest.csv'} cannot be read: No such file" in str(caught.value)
        assert "--experiment.data.corpora.0.path=FILE" in str(caught.value)


class TestSkipped:
    def test_as_damage_is_a_label_that_is_not_an_emotion(self, listing, speak):
        speak("a.wav")
        (file,) = listing("path,emotion,speaker\na.wav,angyr,1\n").skipped
        assert file.damage
        assert file.reason == (
            "emotion 'angyr' is not one of neutral, calm, happy, sad, angry, fear, disgust, surprise. "
            "Did you mean 'angry'?"
        )

    def test_but_not_as_damage_is_an_emotion_other_than_the_eight(self, listing, speak):
        speak("a.wav")
        (file,) = listing("path,emotion,speaker\na.wav,Boredom,1\n").skipped
        assert (file.reason, file.damage) == ("has the emotion boredom, which is not one of the eight", False)

    @pytest.mark.parametrize(("name", "error"), [("gone.wav", "No such file or directory"), (".", "Is a directory")])
    def test_as_damage_is_not_a_file(self, listing, name, error):
        (file,) = listing(f"path,emotion,speaker\n{name},sad,1\n").skipped
        assert (file.reason, file.damage) == (f"cannot be read: {error}", True)

    def test_as_damage_is_a_file_with_two_labels(self, listing, speak):
        speak("a.wav", "b.wav")
        found = listing("path,emotion,speaker\na.wav,sad,1\nb.wav,sad,1\nb.wav,sad,1\na.wav,calm,1\n")
        assert [clip.path.name for clip in found.clips] == ["b.wav"]  # listed twice with equal values: one clip
        assert [(file.path.name, file.reason) for file in found.skipped] == [
            ("a.wav", "is listed twice with different values")
        ]


def test_its_column_split_is_the_split_on_the_command_line(launch, speak, tmp_path):
    """A whole run on a manifest, from the terminal."""
    rows = ["path,emotion,speaker,split"]
    for speaker, name_of_set in enumerate(("train", "train", "dev", "test")):
        for emotion in ("angry", "sad"):
            for take in range(4):
                name = f"{speaker}{emotion}{take}.wav"
                speak(name)
                rows.append(f"{name},{emotion},{speaker},{name_of_set}")
    (tmp_path / "mine.csv").write_text("\n".join(rows))
    options = [f"--experiment={tmp_path / 'own.py'}", f"--workdir={tmp_path / 'run'}", "--mode=train"]
    (tmp_path / "own.py").write_text(
        f"""
from aersut.config import Data, Experiment
from aersut.contracts import Framing
from aersut.corpora import Manifest
from aersut.models import CNN

def get_config():
    return Experiment(
        data=Data(corpora=(Manifest("mine.csv"),), root={str(tmp_path)!r}, protocol="given"),
        framing=Framing(sample_rate=8_000, seconds=0.5, frame_length=256, hop_length=128),
        model=CNN(filters=(4,), kernels=(3,), dense=8),
        epochs=1,
        batch_size=4,
    )
"""
    )
    ran = launch(*options)
    assert (ran.status, ran.err.count("error")) == (0, 0), ran.err
    records = json.loads((tmp_path / "run" / "split.json").read_text())
    text = json.dumps(records)
    assert all(name in text for name in ("train", "validation", "test"))
    speakers = {(clip["speaker"], *clip["splits"]) for clip in records["clips"]}
    assert speakers == {("0", "train"), ("1", "train"), ("2", "validation"), ("3", "test")}


def test_two_manifests_are_refused(launch):
    ran = launch("--mode=data", "--experiment=cnn_combined", "--experiment.data.corpora=manifest,manifest")
    assert ran.status == 2
    assert "corpora contains 'manifest' twice" in ran.err
