"""A download is put where its loader reads, once, and nothing else is changed."""

import hashlib
import json

import pytest

from aersut.corpora import CremaD, Ravdess, Synthetic
from aersut.data.download import SOURCES, download
from aersut.errors import UserError
from tests.data.download.server import CLIPS, NAMES, audio_bytes, files, packed, pointer


class TestRavdess:
    def test_is_put_where_its_loader_reads(self, ravdess, root, cache):
        folder = ravdess()
        assert folder == root / "ravdess-emotional-speech-audio/audio_speech_actors_01-24"
        listing = Ravdess().load(root)
        assert [clip.path.stem for clip in listing.clips] == CLIPS
        assert not listing.skipped
        assert all(clip.path.read_bytes() == audio_bytes(clip.path.stem) for clip in listing.clips)
        assert files(root) == {
            f"ravdess-emotional-speech-audio/audio_speech_actors_01-24/Actor_{clip[-2:]}/{clip}.wav" for clip in CLIPS
        }
        assert files(cache) == set()

    def test_has_the_permissions_of_the_root(self, ravdess, root):
        assert ravdess().stat().st_mode == root.stat().st_mode

    def test_prints_licence_and_citation_before_the_download(self, ravdess, server, capsys):
        server.refusals = [404]
        with pytest.raises(UserError):
            ravdess()
        printed = capsys.readouterr().err
        assert "CC BY-NC-SA 4.0" in printed
        assert "Livingstone" in printed

    def test_is_not_changed_if_it_exists(self, ravdess, server, root, capsys):
        folder = root / "audio_speech_actors_01-24/Actor_07"  # another folder that the loader searches
        folder.mkdir(parents=True)
        (folder / "03-01-05-01-01-01-07.flac").write_bytes(b"fLaC, the user's own")
        assert ravdess() == folder
        assert server.asked == []
        assert files(root) == {"audio_speech_actors_01-24/Actor_07/03-01-05-01-01-01-07.flac"}
        assert "5 are missing" in capsys.readouterr().err

    def test_does_not_replace_other_files(self, ravdess, server, root):
        target = root / SOURCES["ravdess"].target
        target.mkdir(parents=True)
        (target / "notes.txt").write_text("mine")
        with pytest.raises(UserError, match="contains files, but no clip.*Move it away"):
            ravdess()
        assert server.asked == []
        assert files(target) == {"notes.txt"}

    def test_reports_an_unexpected_number_of_clips(self, ravdess, capsys):
        ravdess(clips=1440)
        assert "6 clips" in (printed := capsys.readouterr().err)
        assert "expected 1,440" in printed


class TestCremaD:
    def test_is_put_where_its_loader_reads(self, cremad, root, cache, capsys):
        assert cremad() == root / "cremad/AudioWAV"
        listing = CremaD().load(root)
        assert [clip.path.name for clip in listing.clips] == NAMES
        assert not listing.skipped
        assert all(clip.path.read_bytes() == audio_bytes(clip.path.name) for clip in listing.clips)
        assert files(root) == {f"cremad/AudioWAV/{name}" for name in NAMES}
        assert files(cache) == set()
        printed = capsys.readouterr().err
        assert "Open Database License 1.0" in printed
        assert "Cao H" in printed

    def test_resumes_with_the_missing_clips_only(self, cremad, server, root, cache):
        lost = server.files.pop(f"/media/{NAMES[-1]}")
        with pytest.raises(UserError, match=r"404 Not Found.*LFS budget.*of 6 clips are downloaded.*git lfs clone"):
            cremad()
        assert not list(root.rglob("*.wav"))  # a loader would take six clips of 7,442 for the corpus
        there = {path.name for path in (cache / "cremad/clips").iterdir()}
        server.files[f"/media/{NAMES[-1]}"] = lost
        server.asked.clear()
        cremad()
        assert {path for path, _ in server.asked} == {f"/media/{name}" for name in {*NAMES} - there} | {"/master.zip"}
        assert len(CremaD().load(root).clips) == 6

    def test_survives_broken_connections(self, cremad, server, root):
        server.breaks = [50, 5_000, 10_000, 0]
        cremad()
        assert len(CremaD().load(root).clips) == 6

    def test_keeps_its_pointers_when_only_the_connection_broke(self, cremad, server, root, cache):
        server.breaks = [10**6] + [0] * 100
        with pytest.raises(UserError, match="broke the connection"):
            cremad(attempts=2)
        assert "cremad/master.zip" in files(cache)
        server.breaks.clear()
        server.asked.clear()
        cremad()
        assert "/master.zip" not in {path for path, _ in server.asked}
        assert len(CremaD().load(root).clips) == 6

    def test_refuses_a_clip_with_a_wrong_checksum(self, cremad, server, root, cache):
        wrong = audio_bytes("another")
        server.files[f"/media/{NAMES[0]}"] = wrong[: len(audio_bytes(NAMES[0]))]
        with pytest.raises(UserError) as error:
            cremad()
        assert hashlib.sha256(audio_bytes(NAMES[0])).hexdigest() in str(error.value)
        assert hashlib.sha256(wrong).hexdigest() in str(error.value)
        assert files(root) == set()
        assert not [name for name in files(cache) if NAMES[0] in name]

    def test_reports_a_repository_without_pointers(self, cremad, server, root):
        server.files["/master.zip"] = packed([(f"CREMA-D-master/AudioWAV/{NAMES[0]}", audio_bytes(1))])
        with pytest.raises(UserError, match="to be a Git LFS pointer"):
            cremad()
        assert not root.exists()

    def test_refuses_clips_that_are_too_large(self, cremad, root):
        with pytest.raises(UserError, match=r"lists files of 0\.1 MB"):
            cremad(largest=100_000)
        assert not root.exists()

    def test_refuses_a_clone_without_git_lfs(self, cremad, root, server):
        target = root / "cremad/AudioWAV"
        target.mkdir(parents=True)
        (target / NAMES[0]).write_text(pointer(b"audio"))
        with pytest.raises(UserError, match="no clip; the first is a Git LFS pointer instead of audio.*Move it away"):
            cremad()
        assert server.asked == []
        assert (target / NAMES[0]).read_text() == pointer(b"audio")


def test_a_corpus_named_twice_on_the_command_line_is_downloaded_once(launch, tmp_path):
    Synthetic(speakers=2, repetitions=1).write(tmp_path, "ravdess")
    outcome = launch("--mode=data", "--download=ravdess,ravdess", f"--experiment.data.root={tmp_path}")
    assert (outcome.status, outcome.err.count("Traceback")) == (0, 0)
    assert outcome.err.count("clips are already in") == 1
    outcome = launch("--mode=data", "--download=ravdess", f"--experiment.data.root={tmp_path}", "--json")
    assert json.loads(outcome.out)["ravdess"]["clips"]


def test_an_unknown_corpus_lists_the_known_ones(root):
    with pytest.raises(UserError, match=r"'ravdes'.*Did you mean 'ravdess'.*ravdess, cremad"):
        download("ravdes", root)


def test_a_root_that_cannot_be_written_is_named_before_the_download(ravdess, root, server):
    root.write_text("a file")
    with pytest.raises(UserError, match="input is not a writable folder"):
        ravdess()
    assert server.asked == []


def test_a_cache_that_cannot_be_written_is_named(ravdess, root, cache):
    cache.parent.write_text("a file")
    with pytest.raises(UserError, match="cache.* cannot be written or read"):
        ravdess()
    assert not root.exists()
