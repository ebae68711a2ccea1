"""A folder of speech: its usable clips, its skipped files, and the limit of damaged files."""

import os
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile

from aersut.config import Data, Experiment
from aersut.contracts import Clip, Corpus, Framing, Listing
from aersut.corpora import CremaD, Ravdess, Synthetic
from aersut.data.collection import collect, collection_lines, recordings
from aersut.data.splits import split, to_records
from aersut.errors import UserError
from aersut.labels import EMOTIONS
from aersut.paths import write_json
from aersut.registry import CORPORA
from aersut.run_folder import Run
from tests.data.audio_files import folder_not_utf_8

RATE = 16_000
FRAMING = Framing(sample_rate=RATE, seconds=0.05, frame_length=256, hop_length=256)
FOLDER = "ravdess-emotional-speech-audio/audio_speech_actors_01-24"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 72688\n"


def noise(seed, length=400):
    samples = 0.3 * np.random.default_rng(seed).uniform(-1, 1, length)
    return samples - samples.mean()  # without the DC offset, which would be removed


def ravdess(root, count=1):
    """Write so many short clips, all different, with RAVDESS's names, and return their paths."""
    paths = []
    for number in range(count):
        actor, rest = divmod(number, 64)
        emotion, take = divmod(rest, 8)
        name = f"03-01-{emotion + 1:02}-{take // 4 + 1:02}-{take // 2 % 2 + 1:02}-{take % 2 + 1:02}-{actor + 1:02}.wav"
        path = root / FOLDER / f"Actor_{actor + 1:02}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(os.fsencode(path), noise(number), RATE, format="WAV")  # a folder's name may be no UTF-8
        paths.append(path)
    return paths


def collected(root, framing=FRAMING, **settings):
    return collect(Data(**{"corpora": (Ravdess(),), "root": str(root), **settings}), framing)


def refused(root, **settings):
    """The error message for the data."""
    with pytest.raises(UserError) as caught:
        collected(root, **settings)
    return str(caught.value)


class TestClips:
    def test_of_several_corpora_are_combined_with_their_classes(self, tmp_path):
        Synthetic(speakers=2, repetitions=1).write(tmp_path, "ravdess")
        Synthetic(speakers=2, repetitions=1).write(tmp_path, "cremad", suffix=".flac")
        both = collected(tmp_path, corpora=(Ravdess(), CremaD()))
        assert len(both) == len(both.clips) == 2 * 8 + 2 * 6
        assert [clip.corpus for clip in both.clips] == ["ravdess"] * 16 + ["cremad"] * 12
        assert [both.emotions[label] for label in both.labels] == [clip.emotion for clip in both.clips]
        assert both.emotions == EMOTIONS
        assert both.skipped == ()
        assert collection_lines(both) == [
            "ravdess: 16 clips of 2 speakers, 8 emotions",
            "cremad: 12 clips of 2 speakers, 6 emotions",
        ]

    def test_have_the_window_that_is_the_input_of_the_frontend(self, tmp_path):
        (path,) = ravdess(tmp_path)
        exact = soundfile.read(path, dtype="int16")[0]
        framing = Framing(sample_rate=RATE, seconds=0.0125, frame_length=64, hop_length=64)  # 200 of the 400 samples
        start = collected(tmp_path, framing, trim_db=None)
        np.testing.assert_array_equal(start.window(0), exact[:200])
        centre = collected(tmp_path, framing, trim_db=None, fit="center")
        np.testing.assert_array_equal(centre.window(0), exact[100:300])
        anywhere = collected(tmp_path, framing, trim_db=None, fit="random")
        np.testing.assert_array_equal(anywhere.window(0), exact[100:300])  # as evaluation sees it
        window = anywhere.window(0, np.random.default_rng(0))
        assert any((exact[n : n + 200] == window).all() for n in range(201))
        assert (window != anywhere.window(0, np.random.default_rng(1))).any()

    def test_of_other_emotions_are_skipped_and_not_counted_as_damage(self, tmp_path):
        ravdess(tmp_path, 64)
        some = collected(tmp_path, emotions=("sad", "happy"))
        assert len(some) == 16
        assert some.emotions == ("sad", "happy")
        assert {clip.emotion: label for clip, label in zip(some.clips, some.labels, strict=True)} == {
            "sad": 0,
            "happy": 1,
        }
        assert len(some.skipped) == 48
        assert not any(file.damage for file in some.skipped)
        assert any(
            line.startswith("skipped 8 (not used): has the emotion calm, which is not one of data.emotions: ")
            for line in collection_lines(some)
        )

    def test_that_are_byte_identical_have_one_content(self, tmp_path):
        paths = ravdess(tmp_path, 3)
        paths[2].write_bytes(paths[0].read_bytes())
        contents = collected(tmp_path).contents
        assert contents[0] == contents[2] != contents[1]

    def test_of_every_sample_format_and_rate_are_used(self, tmp_path):
        paths = ravdess(tmp_path, 6)
        soundfile.write(paths[1], np.stack([noise(1)] * 2, 1), RATE)
        soundfile.write(paths[2], noise(2), RATE, subtype="PCM_U8")
        soundfile.write(paths[3], noise(3), RATE, subtype="PCM_24")
        soundfile.write(paths[4], noise(4), RATE, subtype="FLOAT")
        soundfile.write(paths[5], noise(5, 2400), 96_000)
        one = collected(tmp_path)
        assert len(one) == 6
        assert all(one.window(index).shape == (800,) and one.window(index).any() for index in range(6))

    def test_keep_their_key_until_a_clip_or_a_setting_of_the_windows_changes(self, tmp_path):
        paths = ravdess(tmp_path, 3)
        first = collected(tmp_path).key
        assert collected(tmp_path).key == first
        assert collected(tmp_path, emotions=tuple(reversed(EMOTIONS))).key == first  # a matter of labels alone
        others = [
            collected(tmp_path, fit="center").key,
            collected(tmp_path, trim_db=30).key,
            collected(tmp_path, Framing(RATE, 0.1, 256, 256)).key,
            collected(tmp_path, Framing(8000, 0.1, 256, 256)).key,
            collected(tmp_path, emotions=("calm", "sad", "neutral")) and collected(tmp_path, trim_db=None).key,
        ]
        soundfile.write(paths[1], noise(99), RATE)
        assert len({first, *others, collected(tmp_path).key}) == 7

    def test_of_a_synthetic_corpus_need_no_folder(self, tmp_path):
        assert Synthetic.synthetic
        assert not Ravdess.synthetic
        assert len(collected(tmp_path / "nowhere", corpora=(Synthetic(speakers=2, repetitions=1),))) == 16


class TestErrors:
    def test_no_corpus_lists_the_known_ones(self, tmp_path):
        message = refused(tmp_path, corpora=())
        assert message.startswith(
            "data.corpora is empty. Set at least one of clips, cremad, emodb, folders, manifest, "
        )

    def test_missing_root(self, tmp_path):
        message = refused(tmp_path / "input")
        assert message.startswith(f"data.root: the folder {tmp_path / 'input'} does not exist. ")
        assert "--experiment.data.root=FOLDER" in message

    def test_root_that_is_a_file(self, tmp_path):
        (tmp_path / "input").write_text("")
        assert refused(tmp_path / "input") == f"data.root: {tmp_path / 'input'} is a file. Name its folder."

    def test_missing_relative_root_is_named_by_its_absolute_path(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert f"the folder {os.path.realpath(tmp_path)}/input does not exist." in refused("input")

    def test_missing_corpus(self, tmp_path):
        ravdess(tmp_path, 3)
        assert refused(tmp_path, corpora=(Ravdess(), CremaD())).startswith("cremad: no .wav or .flac under ")

    def test_folder_without_files(self, tmp_path):
        (tmp_path / FOLDER / "Actor_01").mkdir(parents=True)
        assert refused(tmp_path).startswith(f"ravdess: no .wav or .flac under {tmp_path / FOLDER}/Actor_*.")

    def test_emotions_without_clips(self, tmp_path):
        ravdess(tmp_path, 8)  # all neutral
        message = refused(tmp_path, emotions=("sad", "happy"))
        assert message.startswith(f"no clip of ravdess under {tmp_path} has one of the emotions sad, happy. Set other ")

    def test_only_git_lfs_pointers(self, tmp_path):
        for path in ravdess(tmp_path, 12):
            path.write_bytes(POINTER)
        message = refused(tmp_path)
        assert message.startswith(
            f"ravdess under {tmp_path}: 12 of 12 files cannot be used, more than 1%; 12 of them: is a Git LFS pointer "
            "instead of audio (run `git lfs pull` in its clone): "
        )
        assert " and 9 more. " in message

    def test_more_than_one_damaged_file_in_a_hundred(self, tmp_path):
        paths = ravdess(tmp_path, 120)
        paths[5].write_bytes(b"")
        paths[7].write_text("not audio")
        message = refused(tmp_path)
        assert "2 of 120 files cannot be used, more than 1%; 1 of them: " in message
        assert str(paths[5]) in message
        assert message.endswith("Fix or delete these files, or download the corpus again.")

    def test_damage_is_counted_for_each_corpus(self, tmp_path):
        ravdess(tmp_path, 200)
        folder = tmp_path / "cremad/AudioWAV"
        folder.mkdir(parents=True)
        for sentence in ("DFA", "IEO"):
            soundfile.write(folder / f"1001_{sentence}_SAD_XX.wav", noise(1), RATE)
        (folder / "1001_DFA_ANG_XX.wav").write_bytes(b"")
        message = refused(tmp_path, corpora=(Ravdess(), CremaD()))
        assert message.startswith(f"cremad under {tmp_path}: 1 of 3 files cannot be used")


def _nan(path):
    samples = noise(0)
    samples[7] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT")


DAMAGE = {
    "is empty": lambda path: path.write_bytes(b""),
    "is a Git LFS pointer": lambda path: path.write_bytes(POINTER),
    "is truncated": lambda path: path.write_bytes(path.read_bytes()[:-10]),
    "cannot be decoded: Format not recognised": lambda path: path.write_text("not audio"),
    "contains samples that are NaN or infinity": _nan,
    "is silent": lambda path: soundfile.write(path, np.zeros(400), RATE),
    "contains no samples": lambda path: soundfile.write(path, np.zeros(0), RATE),
    "emotion code 09 is not one of": lambda path: path.rename(path.with_name("03-01-09-01-01-01-01.wav")),
    "its name does not have seven two-digit codes": lambda path: path.rename(path.with_name("take 7.wav")),
}


class TestOneDamagedFileInAHundred:
    @pytest.mark.parametrize("reason", DAMAGE)
    def test_is_skipped_counted_and_named(self, tmp_path, reason):
        paths = ravdess(tmp_path, 100)
        DAMAGE[reason](paths[42])
        found = collected(tmp_path)
        assert len(found) == 99
        assert paths[42] not in [clip.path for clip in found.clips]
        (file,) = found.skipped
        assert file.damage
        assert file.reason.startswith(reason)
        (line,) = [line for line in collection_lines(found) if line.startswith("skipped")]
        assert line.startswith(f"skipped 1 (damaged): {reason}")
        assert line.endswith(str(file.path))
        # the other clips keep their own hash and audio
        assert len(found.contents) == len(found.clips)
        assert len(set(found.contents)) == len(found.clips)
        after = [clip.path for clip in found.clips].index(paths[43])
        exact = soundfile.read(paths[43], dtype="int16")[0]
        np.testing.assert_array_equal(found.window(after)[: len(exact)], exact)

    def test_a_song_or_a_duplicate_is_not_damage(self, tmp_path):
        paths = ravdess(tmp_path, 4)  # so few that any damage would be refused
        paths[0].rename(paths[0].with_name("03-02-01-01-01-01-01.wav"))
        soundfile.write(paths[1].with_suffix(".flac"), noise(1), RATE)
        found = collected(tmp_path)
        assert len(found) == 3
        reasons = {line.split(": ")[0] + ": " + line.split(": ")[1] for line in collection_lines(found)[1:]}
        assert reasons == {
            "skipped 1 (not used): is a song, not speech",
            "skipped 1 (not used): is a duplicate of a clip in another folder or format",
        }


@dataclass(frozen=True)
class Vanishing(Corpus):
    """A corpus of a hundred clips, of which one is deleted before it is decoded."""

    def load(self, root):
        clips = tuple(Clip(path, "sad", path.stem, "vanishing") for path in sorted(root.glob("*.wav")))
        clips[3].path.unlink(missing_ok=True)
        return Listing(clips)


class TestUnusualDisks:
    def test_a_file_that_is_deleted_after_listing_is_skipped_and_named(self, tmp_path, monkeypatch):
        CORPORA.names()
        monkeypatch.setattr(CORPORA, "_plugins", {**CORPORA._plugins, "vanishing": Vanishing})
        for number in range(100):
            soundfile.write(tmp_path / f"{number:03}.wav", noise(number), RATE)
        found = collected(tmp_path, corpora=(Vanishing(),))
        assert len(found) == 99
        (file,) = found.skipped
        assert file.path.name == "003.wav"
        assert file.reason == "cannot be read: No such file or directory"
        assert file.damage

    def test_names_that_are_not_utf_8_are_used_printed_and_written(self, tmp_path):
        root = folder_not_utf_8(tmp_path)
        paths = ravdess(root, 100)
        bad = paths[42].with_name(os.fsdecode(b"caf\xe9.wav"))
        paths[42].rename(bad)
        found = collected(root)
        assert len(found) == 99
        text = "\n".join(collection_lines(found))
        assert "caf\\udce9.wav" in text
        text.encode()  # a terminal takes it
        data = Data(protocol="random", test=0.25)
        records = to_records(split(data, found.clips, found.contents, 1), found.clips, found.contents)
        run = Run(tmp_path / "run", Experiment())
        write_json(run.split, records)
        assert "caf\\\\udce9" in run.split.read_text(encoding="utf-8")

    def test_damage_in_a_folder_whose_name_is_not_utf_8_is_refused_with_a_message_that_can_be_printed(self, tmp_path):
        root = tmp_path / os.fsdecode(b"caf\xe9")
        try:
            root.mkdir()
        except OSError:
            pytest.skip("this file system takes no such name")
        for path in ravdess(root, 2):
            path.write_text("not audio")
        message = refused(root)
        assert "2 of 2 files cannot be used" in message
        message.encode("utf-8", "backslashreplace")  # as standard error does


def test_real_speech_is_used_whole(real_data):
    one = collect(Data(corpora=(Ravdess(),), root=str(real_data)), Framing())
    assert len(one) == 1080
    assert one.skipped == ()
    corpus, note = collection_lines(one)
    assert corpus == "ravdess: 1,080 clips of 18 speakers, 8 emotions"
    assert note.startswith(
        "ravdess: 1,020 clips of a lower sample rate (16,000 Hz) than the 22,050 Hz of the experiment"
    )
    loud = [np.abs(one.window(index).astype(np.int32)).max() for index in range(0, 1080, 54)]
    assert min(loud) > 30


def test_identical_files_and_overlapping_segments_are_one_recording():
    spans = [(0, 2), (1, 3), (2.5, 4), (4, 5)]
    contents = [*(f"a@{start}-{end}" for start, end in spans), "b", "a@0-2"]
    one, two, three, four, whole, again = recordings(contents)
    assert one == two == three == again, "each overlaps the next one"
    assert len({one, four, whole}) == 3
    contents[4] = "a"
    assert len(set(recordings(contents))) == 1, "the whole file contains all"
    assert len(set(recordings(["a@1e-05-2", "a@3-inf", "a@2-3"]))) == 3
