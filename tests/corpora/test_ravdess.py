"""RAVDESS in the layouts of real disks: its clips, their labels, and its skipped files with reasons."""

from collections import Counter

import pytest

from aersut.corpora import Ravdess, Synthetic
from aersut.errors import UserError
from aersut.labels import EMOTIONS
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
    def test_has_the_labels_of_its_name(self, tmp_path):
        put(tmp_path, "03-01-06-02-01-02-12.wav")
        clip = only(tmp_path)
        assert clip.path == tmp_path / FOLDER / "Actor_12" / "03-01-06-02-01-02-12.wav"
        assert (clip.emotion, clip.speaker, clip.corpus, clip.sex) == ("fear", "12", "ravdess", "female")
        assert (clip.text, clip.intensity, clip.split) == ("01", "strong", "")
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

    def test_is_by_a_man_if_the_actors_number_is_odd(self, tmp_path):
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
    def test_at_every_usual_depth(self, tmp_path, folder):
        put(tmp_path, "03-01-01-01-01-01-01.wav", folder=folder)
        assert only(tmp_path).speaker == "1"

    def test_once_if_the_download_contains_every_folder_twice(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        put(tmp_path, "03-01-01-01-01-01-01.wav", folder="ravdess-emotional-speech-audio")
        assert only(tmp_path).path.is_relative_to(tmp_path / FOLDER)

    def test_in_an_order_that_does_not_depend_on_the_disk(self, tmp_path):
        names = [f"03-01-{emotion:02}-01-01-01-{actor:02}.wav" for actor in (2, 1) for emotion in (8, 3, 1)]
        put(tmp_path, *names)
        paths = [clip.path for clip in Ravdess().load(tmp_path).clips]
        assert paths == sorted(paths)

    @pytest.mark.parametrize("there", ["nothing", "an empty folder", "folders of actors without files", "other files"])
    def test_missing_names_the_searched_folder_and_the_download(self, tmp_path, there):
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


class TestSkipped:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("angry_take_of_act_01.wav", "its name does not have seven two-digit codes like 03-01-05-01-02-01-12"),
            ("03-01-05-01-02-01-01_1.wav", "its name does not have seven two-digit codes"),
            ("03-01-05-01-02-01-1.wav", "its name does not have seven two-digit codes"),
            ("03-01-09-01-02-01-01.wav", "emotion code 09 is not one of 01 to 08"),
            ("03-01-00-01-02-01-01.wav", "emotion code 00 is not one of 01 to 08"),
            ("03-01-05-03-02-01-01.wav", "intensity code 03 is not 01 or 02"),
            ("03-01-05-01-02-01-25.wav", "actor 25 is not one of 01 to 24"),
            ("03-01-05-01-02-01-00.wav", "actor 00 is not one of 01 to 24"),
            ("01-01-05-01-02-01-01.wav", "has modality 01 and vocal channel 01, expected 03 and 01: audio-only speech"),
        ],
    )
    def test_as_damage_is_a_name_outside_of_the_scheme(self, tmp_path, name, reason):
        put(tmp_path, "03-01-01-01-01-01-01.wav", name)
        listing = Ravdess().load(tmp_path)
        assert len(listing.clips) == 1
        (file,) = listing.skipped
        assert file.path.name == name
        assert file.reason.startswith(reason)
        assert file.damage

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "is empty"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 13\n", "is a Git LFS pointer"),
        ],
    )
    def test_as_damage_is_not_audio(self, tmp_path, content, reason):
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        put(tmp_path, "03-01-02-01-01-01-01.wav", content=content)
        listing = Ravdess().load(tmp_path)
        assert [clip.emotion for clip in listing.clips] == ["neutral"]
        (file,) = listing.skipped
        assert file.reason.startswith(reason)
        assert file.damage

    def test_but_not_as_damage_are_songs(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav", "03-02-01-01-01-01-01.wav")
        (file,) = Ravdess().load(tmp_path).skipped
        assert (file.path.name, file.reason, file.damage) == (
            "03-02-01-01-01-01-01.wav",
            "is a song, not speech",
            False,
        )

    def test_but_not_as_damage_is_a_second_format_of_the_same_clip(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav", "03-01-01-01-01-01-01.flac")
        listing = Ravdess().load(tmp_path)
        assert len(listing.clips) == 1
        (file,) = listing.skipped
        assert file.reason == "is a duplicate of a clip in another folder or format"
        assert not file.damage

    def test_a_format_that_is_not_audio_does_not_hide_the_other(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.flac", content=b"")
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        assert only(tmp_path).path.suffix == ".wav"

    def test_without_mention_are_hidden_and_other_files(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        actor = tmp_path / FOLDER / "Actor_01"
        for name in ("._03-01-01-01-01-01-01.wav", ".DS_Store", "notes.txt", "01-01-01-01-01-01-01.mp4"):
            (actor / name).write_bytes(b"x")
        listing = Ravdess().load(tmp_path)
        assert len(listing.clips) == 1
        assert listing.skipped == ()

    def test_with_a_note_are_audio_and_video_files_of_other_formats(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        (tmp_path / FOLDER / "Actor_01" / "01-01-01-01-01-01-01.mp4").write_bytes(b"x")
        (note,) = Ravdess().load(tmp_path).notes
        assert note.startswith("1 file of another format, not read (.mp4): ")

    @pytest.mark.parametrize("folder", [FOLDER, "ravdess", ".", "actor_01", "ravdess/ACTOR_01"])
    def test_but_not_files_in_another_layout(self, tmp_path, folder):
        for name in ("03-01-01-01-01-01-01.wav", "03-01-01-01-01-01-02 (2).wav"):
            put(tmp_path, name)
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / FOLDER / f"Actor_{name[18:20]}" / name).rename(tmp_path / folder / name)
        listing = Ravdess().load(tmp_path)
        assert [clip.speaker for clip in listing.clips] == ["1", "2"]
        assert listing.skipped == ()

    def test_without_mention_is_a_folder_with_the_name_of_an_audio_file(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        (tmp_path / FOLDER / "Actor_01" / "03-01-02-01-01-01-01.wav").mkdir()
        listing = Ravdess().load(tmp_path)
        assert (len(listing.clips), listing.skipped) == (1, ())

    def test_as_damage_is_a_broken_link(self, tmp_path):
        put(tmp_path, "03-01-01-01-01-01-01.wav")
        (tmp_path / FOLDER / "Actor_01" / "03-01-02-01-01-01-01.wav").symlink_to(tmp_path / "gone")
        (file,) = Ravdess().load(tmp_path).skipped
        assert file.reason == "cannot be read: No such file or directory"


def test_the_loader_keeps_the_contract_of_a_corpus(tmp_path):
    Synthetic(speakers=2, repetitions=1).write(tmp_path, "ravdess", sample_rate=16_000, suffix=".flac")
    check_corpus(Ravdess(), tmp_path)


def test_real_speech_is_listed_completely(real_data):
    listing = Ravdess().load(real_data)
    assert listing.skipped == ()
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
