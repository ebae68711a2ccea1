"""SAVEE in both of its layouts."""

import pytest

from aersut.corpora import Savee
from aersut.errors import UserError


@pytest.mark.parametrize("name", ["savee/DC_a01.wav", "savee/ALL/DC_a01.wav", "savee/AudioData/DC/a01.flac"])
def test_a_clip_says_what_its_name_says(tmp_path, speak, name):
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


def test_both_layouts_beside_each_other_are_one_corpus(tmp_path, speak):
    speak("savee/ALL/JE_su01.wav", "savee/AudioData/JE/su01.wav", "savee/AudioData/JK/su01.wav")
    listing = Savee().load(tmp_path)
    assert [clip.speaker for clip in listing.clips] == ["JE", "JK"]
    assert [(item.reason, item.damage) for item in listing.left_out] == [
        ("the same clip is there in another folder or format", False)
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("XY_a01.wav", "speaker XY is none of DC, JE, JK, KL"),
        ("DC_x01.wav", "emotion code x is none of a, d, f, h, n, sa, su"),
        ("DC_a1.wav", "its name is neither of the form DC_a01 nor DC/a01"),
        ("a01.wav", "its name is neither of the form DC_a01 nor DC/a01"),  # in no speaker's folder
    ],
)
def test_a_name_off_the_scheme_is_damage(tmp_path, speak, name, reason):
    speak("savee/DC_a01.wav", f"savee/{name}")
    listing = Savee().load(tmp_path)
    assert len(listing.clips) == 1
    assert [(item.path.name, item.reason, item.damage) for item in listing.left_out] == [(name, reason, True)]


def test_nowhere_says_where_it_was_looked_for_and_how_to_get_it(tmp_path):
    with pytest.raises(UserError, match=r"^savee: no \.wav or \.flac under .*/savee\. Ask for SAVEE at http"):
        Savee().load(tmp_path)
