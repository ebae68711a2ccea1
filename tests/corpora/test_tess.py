"""TESS with its irregularities: a misspelt name, a file of another rate, a download with all files twice."""

import pytest

from aersut.config import Data
from aersut.contracts import Framing
from aersut.corpora import Tess
from aersut.data.survey import survey, survey_as_json
from aersut.errors import UserError

KAGGLE = "tess/TESS Toronto emotional speech set data"


def test_a_clip_has_the_labels_of_its_name(tmp_path, speak):
    (path,) = speak(f"{KAGGLE}/OAF_fear/OAF_back_fear.wav", sample_rate=24_414)
    (clip,) = Tess().load(tmp_path).clips
    assert clip.path == path
    assert (clip.emotion, clip.speaker, clip.corpus, clip.sex, clip.text) == ("fear", "OAF", "tess", "female", "back")
    assert (clip.intensity, clip.split) == ("", "")


@pytest.mark.parametrize(
    ("folder", "code", "emotion"),
    [
        ("YAF_angry", "angry", "angry"),
        ("YAF_disgust", "disgust", "disgust"),
        ("YAF_fear", "fear", "fear"),
        ("YAF_happy", "happy", "happy"),
        ("YAF_neutral", "neutral", "neutral"),
        ("YAF_pleasant_surprised", "ps", "surprise"),
        ("YAF_sad", "sad", "sad"),
    ],
)
def test_the_emotion_is_that_of_the_file_not_of_the_folder(tmp_path, speak, folder, code, emotion):
    speak(f"tess/{folder}/YAF_back_{code}.wav")
    (clip,) = Tess().load(tmp_path).clips
    assert (clip.emotion, clip.speaker) == (emotion, "YAF")


@pytest.mark.parametrize("name", ["OAF_Fear/OAF_back_Fear.WAV", "oaf_fear/oaf_back_fear.wav", "OAF_back_fear (2).wav"])
@pytest.mark.parametrize("folder", ["tess", "TESS"])
def test_the_cases_of_mirrors_and_the_names_of_copies_are_read(tmp_path, speak, folder, name):
    paths = speak(f"{folder}/{name}")
    (clip,) = Tess().load(tmp_path).clips
    assert [clip.path] == paths
    assert (clip.emotion, clip.speaker, clip.text) == ("fear", "OAF", "back")


@pytest.mark.parametrize("code", ["Surprise", "pleasant_surprised", "PS"])
def test_the_surprise_of_mirrors_is_read(tmp_path, speak, code):
    speak(f"tess/YAF_back_{code}.wav")
    assert [clip.emotion for clip in Tess().load(tmp_path).clips] == ["surprise"]


def test_a_copy_beside_the_original_is_a_duplicate(tmp_path, speak):
    speak("tess/OAF_back_fear.wav", "tess/OAF_back_fear (1).wav", "tess/OAF_back_Fear - Copy.wav")
    listing = Tess().load(tmp_path)
    assert (len(listing.clips), len(listing.skipped)) == (1, 2)
    assert not any(file.damage for file in listing.skipped)


def test_links_to_folders_are_followed_and_each_real_folder_is_listed_once(tmp_path, speak):
    speak("disk/OAF_angry/OAF_back_angry.wav", "tess/YAF_sad/YAF_back_sad.wav")
    (tmp_path / "tess" / "A_link").symlink_to(tmp_path / "disk" / "OAF_angry")
    (tmp_path / "tess" / "B_link").symlink_to(tmp_path / "disk" / "OAF_angry")
    (tmp_path / "tess" / "A_link_to_its_sibling").symlink_to(tmp_path / "tess" / "YAF_sad")
    (tmp_path / "disk" / "OAF_angry" / "loop").symlink_to(tmp_path / "tess")
    listing = Tess().load(tmp_path)
    assert [str(clip.path.relative_to(tmp_path)) for clip in listing.clips] == [
        "tess/A_link/OAF_back_angry.wav",
        "tess/YAF_sad/YAF_back_sad.wav",  # by its own name, not by that of the link
    ]
    assert listing.skipped == ()


def test_apple_double_files_are_skipped_and_other_formats_are_counted(tmp_path, speak):
    speak("tess/OAF_back_fear.wav")
    for name in ("._OAF_back_fear.wav", "OAF_bar_fear.m4a", "OAF_bath_fear.MP3", "list.txt"):
        (tmp_path / "tess" / name).write_bytes(b"x")
    listing = Tess().load(tmp_path)
    assert (len(listing.clips), listing.skipped) == (1, ())
    (note,) = listing.notes
    assert note.startswith("2 files of another format, not read (.m4a, .mp3): ")


def test_the_misspelt_name_is_the_older_womans(tmp_path, speak):
    speak("tess/OAF_neutral/OA_bite_neutral.wav")
    (clip,) = Tess().load(tmp_path).clips
    assert (clip.speaker, clip.text, clip.emotion) == ("OAF", "bite", "neutral")


@pytest.mark.parametrize("folder", ["tess", "tess/OAF_sad", f"{KAGGLE}/OAF_sad", "tess/a/b/c"])
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_is_found_at_any_depth_in_both_formats(tmp_path, speak, folder, suffix):
    paths = speak(f"{folder}/OAF_back_sad{suffix}")
    assert [clip.path for clip in Tess().load(tmp_path).clips] == paths


def test_the_second_copy_in_kaggles_download_is_skipped(tmp_path, speak):
    speak(
        "tess/OAF_sad/OAF_back_sad.wav",
        "tess/OAF_neutral/OA_bite_neutral.wav",
        f"{KAGGLE}/OAF_sad/OAF_back_sad.wav",
        f"{KAGGLE}/OAF_neutral/OAF_bite_neutral.wav",  # one copy may have the name corrected
    )
    listing = Tess().load(tmp_path)
    assert len(listing.clips) == 2
    assert {(file.reason, file.damage) for file in listing.skipped} == {
        ("is a duplicate of a clip in another folder or format", False)
    }
    assert len(listing.skipped) == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("MAF_back_fear.wav", "speaker code MAF is not one of OAF, YAF, OA"),
        ("OAF_back_bored.wav", "emotion code bored is not one of angry, disgust, fear, happy, neutral, ps, sad"),
        ("OAF_back.wav", "its name does not have the form OAF_back_fear"),
        ("OAF_back_fear_1.wav", "its name does not have the form OAF_back_fear"),
    ],
)
def test_a_name_outside_of_the_scheme_is_damage(tmp_path, speak, name, reason):
    speak("tess/OAF_back_sad.wav", f"tess/{name}")
    listing = Tess().load(tmp_path)
    assert len(listing.clips) == 1
    assert [(file.path.name, file.reason, file.damage) for file in listing.skipped] == [(name, reason, True)]


def test_a_missing_corpus_names_the_searched_folder_and_the_download(tmp_path):
    with pytest.raises(
        UserError, match=r"^tess: no \.wav or \.flac under .*/tess\. Download TESS .*unpack it there\.$"
    ):
        Tess().load(tmp_path)


def test_the_file_of_another_rate_is_read_and_named(tmp_path, speak):
    speak("tess/OAF_fear/OAF_back_fear.wav", "tess/OAF_fear/OAF_bar_fear.wav", sample_rate=24_414)
    speak("tess/OAF_fear/OAF_food_fear.wav", sample_rate=96_000)
    framing = Framing(sample_rate=16_000, seconds=0.05, frame_length=256, hop_length=256)
    (found,) = survey(Data(corpora=(Tess(),), root=str(tmp_path)), framing)
    assert survey_as_json([found])["tess"]["clips"] == 3
    assert "sample rates differ: 24,414 Hz (2 clips), 96,000 Hz (1 clips); all are resampled" in found.notes
    lengths = [len(found.corpus.store[entry]) for entry in range(3)]
    assert max(lengths) - min(lengths) <= 2  # a tenth of a second each, whatever the rate
    assert any(note.startswith("1 of 2 speakers are missing: YAF") for note in found.notes)
