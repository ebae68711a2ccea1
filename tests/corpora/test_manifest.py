"""The user's own CSV: accepted forms, and the errors for others."""

import codecs
import json
import unicodedata

import numpy as np
import pytest
import soundfile

from aersut.config import Data
from aersut.contracts import Clip, Framing
from aersut.corpora import Manifest
from aersut.data import store
from aersut.data.collection import decode_corpus
from aersut.errors import UserError
from aersut.labels import EMOTIONS


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

    def test_have_notes_on_words_that_no_clip_has_and_on_speakers_of_both_sexes(self, tmp_path, speak):
        speak("a.wav", "b.wav")
        (tmp_path / "manifest.csv").write_text("path,emotion,speaker,sex\na.wav,sad,anna,f\nb.wav,exc,anna,m\n")
        notes = Manifest(labels={"exc": "happy", "sadd": "sad"}, ignore=("xyz", "xxx")).load(tmp_path).notes
        assert notes == (
            "no clip has the words 'sadd', 'xyz' of labels or ignore",
            "speakers with clips of both sexes: 'anna'. Correct the column sex",
        )

    def test_may_have_folds_and_unknown_speakers(self, listing, speak):
        speak("a.wav")
        (clip,) = listing("path,emotion,speaker,fold\na.wav,sad,Unknown,Session2\n").clips
        assert (clip.fold, clip.speaker) == ("Session2", "unknown")

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

    def test_has_the_same_speaker_and_label_in_both_forms_of_unicode(self, listing, speak):
        speak("0.wav", "1.wav")
        names = [unicodedata.normalize(form, "Jürgen") for form in ("NFC", "NFD")]
        words = [unicodedata.normalize(form, "fröhlich") for form in ("NFC", "NFD")]
        rows = [f"{index}.wav,{words[index]},{names[index]}" for index in range(2)]
        one, two = listing("\n".join(["path,emotion,speaker", *rows])).clips
        assert (one.speaker, one.emotion) == (two.speaker, two.emotion) == ("Jürgen", "fröhlich")

    def test_may_end_with_the_separator(self, listing, speak):
        speak("a.wav")
        [clip] = listing("path,emotion,speaker\na.wav,angry,1,\n").clips
        assert (clip.emotion, clip.speaker) == ("angry", "1")

    def test_may_name_any_file_that_libsndfile_reads(self, listing, speak):
        paths = speak("a.ogg", "a.wav")
        assert [clip.path for clip in listing("path,emotion,speaker\na.ogg,sad,1\na.wav,sad,1\n").clips] == paths

    def test_may_name_a_file_anywhere(self, listing, speak, tmp_path):
        paths = speak("a.wav")
        assert [clip.path for clip in listing(f"path,emotion,speaker\n{paths[0]},sad,1\n").clips] == paths
        relative = listing("path,emotion,speaker\n../a.wav,sad,1\n", name="lists/mine.csv").clips
        assert [clip.path.resolve() for clip in relative] == paths


class TestALabel:
    @pytest.mark.parametrize(
        ("word", "label"),
        [("Boredom", "bored"), ("stressed", "stressed"), ("Very Tired", "very tired"), ("exc", "excited")],
    )
    def test_may_be_any_word(self, listing, speak, word, label):
        speak("a.wav")
        assert [clip.emotion for clip in listing(f"path,emotion,speaker\na.wav,{word},1\n").clips] == [label]

    def test_is_that_of_the_mapping(self, tmp_path, speak):
        speak("a.wav", "b.wav", "c.wav")
        (tmp_path / "manifest.csv").write_text("path,emotion,speaker\na.wav,EXC,1\nb.wav,0,1\nc.wav,bad day,1\n")
        corpus = Manifest(labels={"exc": "happiness", "0": "angry"}, ignore=("bad day",))
        listing = corpus.load(tmp_path)
        assert [clip.emotion for clip in listing.clips] == ["happy", "angry"]
        assert [file.damage for file in listing.skipped] == [False]

    def test_of_a_mapping_is_checked_at_once(self):
        with pytest.raises(ValueError, match=r"labels: 'a/b', the label of 'x', is not a label: expected a letter"):
            Manifest(labels={"x": "a/b"})

    def test_that_is_a_number_is_damage_with_a_remedy(self, listing, speak):
        speak("a.wav")
        (file,) = listing("path,emotion,speaker\na.wav,0,1\n").skipped
        assert file.damage
        assert file.reason.startswith("emotion '0' is not a label: expected a letter")
        assert file.reason.endswith("; the corpus's labels may map it to one")


class TestASegment:
    @pytest.mark.parametrize(
        ("start", "end"), [("2", "4.5"), ("0 days 00:00:02", "0 days 00:00:04.500000"), ("00:02", "00:00:04.5")]
    )
    def test_is_a_clip_of_its_own(self, listing, speak, start, end):
        (path,) = speak("a.wav")
        listed = listing(f"path,emotion,speaker,start,end\na.wav,sad,1,{start},{end}\na.wav,angry,2,5,\n").clips
        assert listed == (
            Clip(path, "sad", "1", "manifest", start=2.0, end=4.5),
            Clip(path, "angry", "2", "manifest", start=5.0),
        )
        assert [clip.location for clip in listed] == [f"{path}#t=2,4.5", f"{path}#t=5"]

    def test_without_times_is_the_whole_file(self, listing, speak):
        (path,) = speak("a.wav")
        text = "path,emotion,speaker,start,end\na.wav,sad,1,,\n"
        assert listing(text).clips == (Clip(path, "sad", "1", "manifest"),)
        assert listing(text.replace(",,", ",0,NaT")).clips == listing(text).clips

    @pytest.mark.parametrize(("start", "end"), [("3", "2"), ("-1", "2"), ("soon", "2"), ("2", "2")])
    def test_that_is_no_part_of_a_file_is_refused(self, refused, start, end):
        error = refused(f"path,emotion,speaker,start,end\na.wav,sad,1,{start},{end}\n")
        assert f"line 2: the segment from {start} to {end} is not a part of a file. Times are in s" in error

    def test_has_its_own_sound_in_the_store(self, listing, tmp_path):
        rate = 16_000
        tones = [np.sin(2 * np.pi * pitch * np.arange(rate) / rate) * 0.3 for pitch in (200, 400)]
        soundfile.write(tmp_path / "a.wav", np.concatenate(tones), rate)
        rows = ("a.wav,sad,1,0,1", "a.wav,angry,2,1,2", "a.wav,angry,2,1,3", "a.wav,sad,3,2.5,", "a.wav,calm,4,,")
        listing("\n".join(["path,emotion,speaker,start,end", *rows]))
        framing = Framing(sample_rate=rate, seconds=0.5, frame_length=256, hop_length=256)
        found = decode_corpus(Manifest(), Data(corpora=(Manifest(),), root=str(tmp_path), trim_db=None), framing)
        assert [clip.location.partition("#")[2] for clip in found.clips] == ["t=0,1", "t=1,2", ""]
        for entry, tone in enumerate(tones):
            np.testing.assert_allclose(found.store[entry] / 32768, tone, atol=1e-3)
        assert len(set(found.store.contents)) == 3
        assert [info.seconds for info in found.store.infos] == [1, 1, 2]
        assert [file.reason for file in found.skipped] == [
            "lasts 2 s: it has no segment from 1 s to 3 s",
            "lasts 2 s: it has no segment from 2.5 s to its end",
        ]

    def test_of_a_file_is_decoded_with_its_others(self, listing, speak, tmp_path, monkeypatch):
        speak("a.wav", "b.wav", "c.wav")
        rows = [f"{name}.wav,sad,{name},{start},{start + 0.02:.2f}" for start in (0.0, 0.02, 0.04) for name in "bac"]
        listing("\n".join(["path,emotion,speaker,start,end", *rows]))
        parsed, parse = [], store.parse_recording
        monkeypatch.setattr(store, "parse_recording", lambda data: parsed.append(data) or parse(data))
        framing = Framing(sample_rate=16_000, seconds=0.5, frame_length=256, hop_length=256)
        found = decode_corpus(Manifest(), Data(corpora=(Manifest(),), root=str(tmp_path), trim_db=None), framing)
        assert [clip.speaker for clip in found.clips] == [*"bbbaaaccc"]
        assert len(parsed) <= 4, "once, and again where the work of two cores meets"


class TestNotes:
    def test_name_columns_that_are_not_read(self, listing, speak):
        speak("a.wav")
        notes = listing(",path,emotion,speaker,room,valence\n0,a.wav,sad,1,hall,2\n").notes
        assert notes == ("columns that are not read: room, valence",)

    def test_name_speakers_that_differ_only_in_cases_zeros_or_spaces(self, listing, speak):
        speak("a.wav", "b.wav", "c.wav", "d.wav", "e.wav", "f.wav")
        names = ("Anna", "anna", "s 1", "s01", "10", "100")
        rows = [f"{letter}.wav,sad,{name}" for letter, name in zip("abcdef", names, strict=True)]
        (note,) = listing("\n".join(["path,emotion,speaker", *rows])).notes
        assert note == (
            "speakers differ only in cases, zeros or spaces: 'Anna' and 'anna', 's 1' and 's01'. "
            "If they are one, give them one name"
        )

    @pytest.mark.parametrize("folder", ["C:\\Users\\me\\data\\", "/home/me/data/", "D:/data/"])
    def test_say_that_absolute_paths_of_another_machine_are_found_by_their_ends(self, listing, speak, folder):
        paths = speak("a.wav", "data/b.wav")
        found = listing(f"path,emotion,speaker\n{folder}a.wav,sad,1\n{folder}b.wav,sad,1\n{folder}c.wav,sad,1\n")
        assert [clip.path for clip in found.clips] == paths
        assert [file.reason for file in found.skipped] == ["cannot be read: No such file or directory"]
        assert found.notes == (
            f"2 absolute paths do not exist; the files are found below the manifest: {folder}a.wav at {paths[0]}",
        )


class TestTheFile:
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
    @pytest.mark.parametrize("first", ["", "sep=;\r\n"])
    def test_may_be_that_of_excel(self, listing, speak, first, encoding):
        speak("ä.wav")
        text = f"{first}path;emotion;speaker\r\nä.wav;sad;1\r\n"
        assert [clip.speaker for clip in listing(text, encoding=encoding).clips] == ["1"]

    def test_has_a_hint_at_columns_with_names_of_other_programs(self, refused):
        assert (
            "has no column 'path'. Did you mean 'file'? Rename it to 'path'. It has no column 'emotion'. Did you mean "
            "'label'? Rename it to 'emotion'. Its first line must name the columns"
        ) in refused("file,label,who\n")

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
            ("path,emotion,speaker\n", "has no row below its header"),
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

    @pytest.mark.parametrize("word", ["xxx", "Other", "no_agreement", "NaN"])
    def test_but_not_as_damage_is_a_word_that_is_no_label(self, listing, speak, word):
        speak("a.wav")
        (file,) = listing(f"path,emotion,speaker\na.wav,{word},1\n").skipped
        assert (file.reason, file.damage) == (f"has the word {word} in place of a label, which is ignored", False)

    @pytest.mark.parametrize(("name", "error"), [("gone.wav", "No such file or directory"), (".", "Is a directory")])
    def test_as_damage_is_not_a_file(self, listing, name, error):
        (file,) = listing(f"path,emotion,speaker\n{name},sad,1\n").skipped
        assert (file.reason, file.damage) == (f"cannot be read: {error}", True)

    def test_twice_in_other_words_is_one_clip(self, listing, speak):
        speak("a.wav")
        found = listing("path,emotion,speaker,start,end\na.wav,sad,1,0.5,1\n./a.wav,sad,1,00:00:00.5,1.0\n")
        assert [(clip.start, clip.end) for clip in found.clips] == [(0.5, 1.0)]
        assert not any(file.damage for file in found.skipped)

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
    data = launch("--mode=data", *options[:1], "--experiment.data.protocol=speaker")
    assert "clips have a split, which protocol 'speaker' does not use: set data.protocol=given for it" in data.out
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
