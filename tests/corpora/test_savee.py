"""SAVEE in both of its layouts."""

import pytest

from aersut.corpora import Savee
from aersut.errors import UserError


@pytest.mark.parametrize("name", ["savee/DC_a01.wav", "savee/ALL/DC_a01.wav", "savee/AudioData/DC/a01.flac"])
def test_a_clip_has_the_labels_of_its_name(tmp_path, speak, name):
    paths = speak(name)
    (clip,) = Savee().load(tmp_path).clips
    assert [clip.path] == paths
    assert (clip.emotion, clip.speaker, clip.corpus, clip.sex, clip.text) == ("angry", "DC", "savee", "male", "a01")


@pytest.mark.parametrize(
    ("code", "emotion"),
    [
        ("a", "angry"),
        ("d", "disgust"),
        ("f", "fear"),
        ("h", "happy"),
        ("n", "neutral"),
        ("sa", "sad"),
        ("su", "surprise"),
    ],
)
def test_has_the_emotion_of_its_letters(tmp_path, speak, code, emotion):
    speak(f"savee/KL_{code}15.wav")
    (clip,) = Savee().load(tmp_path).clips
    assert (clip.emotion, clip.text) == (emotion, f"{code}15")


def test_both_layouts_together_are_one_corpus(tmp_path, speak):
    speak("savee/ALL/JE_su01.wav", "savee/AudioData/JE/su01.wav", "savee/AudioData/JK/su01.wav")
    listing = Savee().load(tmp_path)
    assert [clip.speaker for clip in listing.clips] == ["JE", "JK"]
    assert [(file.reason, file.damage) for file in listing.skipped] == [
        ("is a duplicate of a clip in another folder or format", False)
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("XY_a01.wav", "speaker XY is not one of DC, JE, JK, KL"),
        ("DC_x01.wav", "emotion code x is not one of a, d, f, h, n, sa, su"),
        ("DC_a1.wav", "its name does not have the form DC_a01 or DC/a01"),
        ("a01.wav", "its name does not have the form DC_a01 or DC/a01"),  # in no speaker's folder
    ],
)
def test_a_name_outside_of_the_scheme_is_damage(tmp_path, speak, name, reason):
    speak("savee/DC_a01.wav", f"savee/{name}")
    listing = Savee().load(tmp_path)
    assert len(listing.clips) == 1
    assert [(file.path.name, file.reason, file.damage) for file in listing.skipped] == [(name, reason, True)]


def test_a_missing_corpus_names_the_searched_folder_and_the_download(tmp_path):
    with pytest.raises(UserError, match=r"^savee: no \.wav or \.flac under .*/savee\. Request SAVEE at http"):
        Savee().load(tmp_path)
