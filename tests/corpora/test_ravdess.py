"""RAVDESS as it is found on people's disks: what is a clip, what it says, and what is left out with which reason."""

from collections import Counter

import pytest

from aersut.contracts import EMOTIONS
from aersut.corpora import Ravdess, Synthetic
from aersut.errors import UserError
from aersut.testing import check_corpus

FOLDER = "ravdess-emotional-speech-audio/audio_speech_actors_01-24"


def put(root, *names, folder=FOLDER, content=b"RIFF and so on"):
    """Write files under the folder of their actor."""
    for name in names:
        path = root / folder / f"Actor_{name[18:20]}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def only(root):
    """The one clip under a root."""
    (clip,) = Ravdess().load(root).clips
    return clip


class TestAClip:
    def test_says_what_its_name_says(self, tmp_path):
        put(tmp_path, "03-01-06-02-01-02-12.wav")
        clip = only(tmp_path)
        assert clip.path == tmp_path / FOLDER / "Actor_12" / "03-01-06-02-01-02-12.wav"
        assert (clip.emotion, clip.speaker, clip.corpus, clip.sex) == ("fear", "12", "ravdess", "female")
        assert (clip.text, clip.intensity, clip.part) == ("01", "strong", "")
        assert clip.speaker_id == "ravdess:12"

    @pytest.mark.parametrize(
        ("code", "emotion"),
        [  # the corpus's own documentation
            ("01", "neutral"),
            ("02", "calm"),
            ("03", "happy"),
            ("04", "sad"),
            ("05", "angry"),
            ("06", "fear"),
            ("07", "disgust"),
            ("08", "surprise"),
        ],
    )
    def test_has_the_emotion_of_its_third_code(self, tmp_path, code, emotion):
        put(tmp_path, f"03-01-{code}-01-01-01-01.wav")
        assert only(tmp_path).emotion == emotion

    def test_is_a_mans_where_the_actors_number_is_odd(self, tmp_path):
        put(tmp_path, *(f"03-01-01-01-01-01-{actor:02}.wav" for actor in range(1, 25)))
        clips = Ravdess().load(tmp_path).clips
        assert {int(clip.speaker) % 2: clip.sex for clip in clips} == {1: "male", 0: "female"}
        assert tuple(clip.speaker for clip in clips) == Ravdess.all_speakers

    @pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
    def test_is_a_wav_or_a_flac(self, tmp_path, suffix):
        put(tmp_path, f"03-01-01-01-01-01-01{suffix}")
        assert only(tmp_path).path.suffix == suffix


class TestItIsFound:
    @pytest.mark.parametrize(
        "folder", [FOLDER, "ravdess-emotional-speech-audio", "audio_speech_actors_01-24", "."], ids=lambda name: name
    )
    def test_at_every_depth_that_people_unpack_it_to(self, tmp_path, folder):
        put(tmp_path, "03-01-01-01-01-01-01.wav", folder=folder)
        assert only(tmp_path).speaker == "1"

    def test_once_where_the_download_holds_every_folder_twice(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        put(tmp_path, "03-01-01-01-01-01-01.wav", folder="ravdess-emotional-speech-audio")
        assert only(tmp_path).path.is_relative_to(tmp_path / FOLDER)

    def test_in_the_same_order_whatever_the_disks_is(self, tmp_path):
        names = [f"03-01-{emotion:02}-01-01-01-{actor:02}.wav" for actor in (2, 1) for emotion in (8, 3, 1)]
        put(tmp_path, *names)
        paths = [clip.path for clip in Ravdess().load(tmp_path).clips]
        assert paths == sorted(paths)

    @pytest.mark.parametrize("there", ["nothing", "an empty folder", "folders of actors without files", "other files"])
    def test_nowhere_and_the_message_says_where_it_was_looked_for_and_how_to_get_it(self, tmp_path, there):
        if there == "an empty folder":
            (tmp_path / FOLDER).mkdir(parents=True)
        elif there == "folders of actors without files":
            (tmp_path / FOLDER / "Actor_01").mkdir(parents=True)
        elif there == "other files":
            (tmp_path / "1001_DFA_ANG_XX.wav").write_bytes(b"RIFF")
        with pytest.raises(UserError) as caught:
            Ravdess().load(tmp_path)
        message = str(caught.value)
        assert message.startswith(f"ravdess: no .wav or .flac under {tmp_path / FOLDER}/Actor_*. Download ")
        assert "Zenodo record 1188976" in message
        assert "data.root" in message


class TestLeftOut:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("angry_take_of_act_01.wav", "its name is not seven two-digit codes like 03-01-05-01-02-01-12"),
            ("03-01-05-01-02-01-01 (1).wav", "its name is not seven two-digit codes"),
            ("03-01-05-01-02-01-1.wav", "its name is not seven two-digit codes"),
            ("03-01-09-01-02-01-01.wav", "emotion code 09 is none of 01 to 08"),
            ("03-01-00-01-02-01-01.wav", "emotion code 00 is none of 01 to 08"),
            ("03-01-05-03-02-01-01.wav", "intensity code 03 is none of 01 and 02"),
            ("03-01-05-01-02-01-25.wav", "actor 25 is none of 01 to 24"),
            ("03-01-05-01-02-01-00.wav", "actor 00 is none of 01 to 24"),
            ("01-01-05-01-02-01-01.wav", "its name says modality 01 and channel 01; expected 03-01, audio-only speech"),
        ],
    )
    def test_as_damage_is_a_name_off_the_scheme(self, tmp_path, name, reason):
        put(tmp_path, "03-01-01-01-01-01-01.wav", name)
        listing = Ravdess().load(tmp_path)
        assert len(listing.clips) == 1
        (item,) = listing.left_out
        assert item.path.name == name
        assert item.reason.startswith(reason)
        assert item.damage

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "zero length"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 13\n", "a Git LFS pointer"),
        ],
    )
    def test_as_damage_is_what_is_no_audio(self, tmp_path, content, reason):
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        put(tmp_path, "03-01-02-01-01-01-01.wav", content=content)
        listing = Ravdess().load(tmp_path)
        assert [clip.emotion for clip in listing.clips] == ["neutral"]
        (item,) = listing.left_out
        assert item.reason.startswith(reason)
        assert item.damage

    def test_and_no_damage_are_songs(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav", "03-02-01-01-01-01-01.wav")
        (item,) = Ravdess().load(tmp_path).left_out
        assert (item.path.name, item.reason, item.damage) == ("03-02-01-01-01-01-01.wav", "a song", False)

    def test_and_no_damage_is_a_second_format_of_the_same_clip(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav", "03-01-01-01-01-01-01.flac")
        listing = Ravdess().load(tmp_path)
        assert len(listing.clips) == 1
        (item,) = listing.left_out
        assert item.reason == "the same clip is there in another folder or format"
        assert not item.damage

    def test_a_format_that_is_no_audio_does_not_stand_in_the_way_of_the_other(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.flac", content=b"")
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        assert only(tmp_path).path.suffix == ".wav"

    def test_never_mentioned_are_hidden_and_other_files(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        actor = tmp_path / FOLDER / "Actor_01"
        for name in ("._03-01-01-01-01-01-01.wav", ".DS_Store", "notes.txt", "01-01-01-01-01-01-01.mp4"):
            (actor / name).write_bytes(b"x")
        listing = Ravdess().load(tmp_path)
        assert len(listing.clips) == 1
        assert listing.left_out == ()

    def test_never_mentioned_is_a_folder_with_a_sound_files_name(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        (tmp_path / FOLDER / "Actor_01" / "03-01-02-01-01-01-01.wav").mkdir()
        listing = Ravdess().load(tmp_path)
        assert (len(listing.clips), listing.left_out) == (1, ())

    def test_as_damage_is_a_link_that_leads_nowhere(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        (tmp_path / FOLDER / "Actor_01" / "03-01-02-01-01-01-01.wav").symlink_to(tmp_path / "gone")
        (item,) = Ravdess().load(tmp_path).left_out
        assert item.reason == "cannot be read: No such file or directory"


def test_the_loader_keeps_the_contract_of_a_corpus(tmp_path):
    Synthetic(speakers=2, repetitions=1).write(tmp_path, "ravdess", sample_rate=16_000, suffix=".flac")
    check_corpus(Ravdess(), tmp_path)


def test_real_speech_is_listed_whole(real_data):
    listing = Ravdess().load(real_data)
    assert listing.left_out == ()
    assert len(listing.clips) == 1080
    speakers = {clip.speaker: clip.sex for clip in listing.clips}
    assert len(speakers) == 18
    assert set(speakers) < set(Ravdess.all_speakers)
    assert all(Counter(clip.speaker for clip in listing.clips)[speaker] == 60 for speaker in speakers)
    assert Counter(clip.emotion for clip in listing.clips) == {
        emotion: 72 if emotion == "neutral" else 144 for emotion in EMOTIONS
    }
    assert Counter(clip.sex for clip in listing.clips) == Counter(
        {sex: 60 * list(speakers.values()).count(sex) for sex in ("male", "female")}
    )
    assert {clip.intensity for clip in listing.clips if clip.emotion == "neutral"} == {"normal"}
