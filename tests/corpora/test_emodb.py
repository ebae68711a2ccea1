"""EmoDB: emotions by German initials."""

import pytest

from aersut.config import Data
from aersut.contracts import Framing
from aersut.corpora import EmoDB
from aersut.data.collection import collect, collection_lines
from aersut.errors import UserError
from aersut.labels import EMOTIONS


@pytest.mark.parametrize("name", ["emodb/03a01Fa.wav", "emodb/wav/03a01Fa.wav", "emodb/download/wav/03a01Fa.flac"])
def test_a_clip_has_the_labels_of_its_name(tmp_path, speak, name):
    paths = speak(name)
    (clip,) = EmoDB().load(tmp_path).clips
    assert [clip.path] == paths
    assert (clip.emotion, clip.speaker, clip.corpus, clip.sex, clip.text) == ("happy", "03", "emodb", "male", "a01")


@pytest.mark.parametrize(
    ("letter", "emotion"),
    [("W", "angry"), ("E", "disgust"), ("A", "fear"), ("F", "happy"), ("T", "sad"), ("N", "neutral")],
)
def test_has_the_emotion_of_its_german_initial(tmp_path, speak, letter, emotion):
    speak(f"emodb/08b10{letter}b.wav")
    (clip,) = EmoDB().load(tmp_path).clips
    assert clip.emotion == emotion


def test_speakers_have_the_sex_that_the_corpus_documents(tmp_path, speak):
    speak(*(f"emodb/{speaker}a02Na.wav" for speaker in EmoDB.all_speakers))
    clips = EmoDB().load(tmp_path).clips
    assert tuple(clip.speaker for clip in clips) == EmoDB.all_speakers
    assert [clip.speaker for clip in clips if clip.sex == "male"] == ["03", "10", "11", "12", "15"]
    assert [clip.speaker for clip in clips if clip.sex == "female"] == ["08", "09", "13", "14", "16"]


def test_boredom_is_a_label_that_may_be_omitted(tmp_path, speak):
    speak("emodb/03a01Fa.wav", *(f"emodb/{speaker}a01La.wav" for speaker in EmoDB.all_speakers))
    framing = Framing(sample_rate=16_000, seconds=0.05, frame_length=256, hop_length=256)
    collection = collect(Data(corpora=(EmoDB(),), root=str(tmp_path)), framing)
    assert {clip.emotion for clip in collection.clips} == {"happy", "bored"}
    assert collection.emotions == ("happy", "bored")
    eight = collect(Data(corpora=(EmoDB(),), root=str(tmp_path), emotions=EMOTIONS), framing)
    assert [clip.emotion for clip in eight.clips] == ["happy"]
    assert any(
        line.startswith("skipped 10 (not used): has the emotion bored, which is not one of data.emotions: ")
        for line in collection_lines(eight)
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("04a01Fa.wav", "speaker 04 is not one of 03, 08, 09, 10, 11, 12, 13, 14, 15, 16"),
        ("03a01Xa.wav", "emotion code X is not one of W, E, A, F, T, N, L"),
        ("03a01F.wav", "its name does not have the form 03a01Fa"),
    ],
)
def test_a_name_outside_of_the_scheme_is_damage(tmp_path, speak, name, reason):
    speak("emodb/03a01Fa.wav", f"emodb/{name}")
    listing = EmoDB().load(tmp_path)
    assert len(listing.clips) == 1
    assert [(file.path.name, file.reason, file.damage) for file in listing.skipped] == [(name, reason, True)]


def test_a_missing_corpus_names_the_searched_folder_and_the_download(tmp_path):
    with pytest.raises(UserError, match=r"^emodb: no \.wav or \.flac under .*/emodb\. Download EmoDB from http"):
        EmoDB().load(tmp_path)
