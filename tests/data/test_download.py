"""Corpora fetched from a server on loopback that breaks off, lies, changes and attacks like the ones out there."""

import dataclasses
import hashlib
import http.server
import io
import random
import socket
import stat
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from aersut.corpora import CremaD, Ravdess
from aersut.data.download import SOURCES, download
from aersut.data.web import BLOCK
from aersut.errors import UserError

CLIPS = [f"03-01-0{emotion}-01-01-01-{actor:02}" for actor in (1, 2) for emotion in (1, 3, 5)]
NAMES = [f"{speaker}_DFA_{emotion}_XX.wav" for speaker in (1001, 1002) for emotion in ("ANG", "NEU", "SAD")]


def sound(seed, length=20_000):
    """Bytes that begin like a wav file and do not pack."""
    return b"RIFF" + random.Random(seed).randbytes(length)


def packed(members):
    """A zip of names (or ZipInfos) and contents."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def pointer(content):
    """What Git LFS leaves in the place of a file."""
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"


def md5(content):
    """The checksum of a whole archive, as Zenodo gives it."""
    return f"md5:{hashlib.md5(content).hexdigest()}"


SPEECH = packed((f"Actor_{clip[-2:]}/{clip}.wav", sound(clip)) for clip in CLIPS)


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` by path; the first answers can be spoilt."""

    daemon_threads = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
        self.breaks = []  # after how many bytes the next answers break off
        self.refusals = []  # the next answers' statuses
        self.ranges = True
        self.lengths = True
        self.asked = []  # (path, Range)

    @property
    def url(self):
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that hangs up is none of ours."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self):
        server = self.server
        asked = self.headers["Range"]
        path = self.path.partition("?")[0]
        server.asked.append((path, asked))
        if server.refusals:
            return self._say(server.refusals.pop(0), b"busy", {"Retry-After": "0"})
        if path not in server.files:
            return self._say(404, b"exceeded its LFS budget")
        content = server.files[path]
        start = 0
        headers = {}
        if asked and server.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                return self._say(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        self._say(206 if headers else 200, body[: server.breaks.pop(0)] if server.breaks else body, headers, len(body))

    def _say(self, status, body, headers=None, length=None):
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain", **(headers or {})}.items():
            self.send_header(name, value)
        if self.server.lengths:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A running server, gone after the test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of this test's own."""
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/downloads"


@pytest.fixture
def root(tmp_path):
    """A data root that does not exist yet."""
    return tmp_path / "input"


@pytest.fixture
def ravdess(server, root):
    """Download RAVDESS from the server, which has another archive at will."""

    def run(content=SPEECH, checksum=None, attempts=3, serve=True, **changes):
        if serve:
            server.files["/speech.zip"] = content
        source = dataclasses.replace(
            SOURCES["ravdess"],
            **{"archive": f"{server.url}/speech.zip?download=1", "checksum": checksum or md5(content), "clips": 6}
            | changes,
        )
        return download("ravdess", root, source, attempts=attempts, pause=0.001)

    return run


@pytest.fixture
def cremad(server, root):
    """Download CREMA-D from the server."""
    for name in NAMES:
        server.files[f"/media/{name}"] = sound(name)
    server.files["/master.zip"] = packed(
        [("CREMA-D-master/README.md", "of no use here")]
        + [(f"CREMA-D-master/AudioWAV/{name}", pointer(sound(name))) for name in NAMES]
    )

    def run(attempts=3, **changes):
        source = dataclasses.replace(
            SOURCES["cremad"],
            **{"archive": f"{server.url}/master.zip", "media": f"{server.url}/media/", "clips": 6} | changes,
        )
        return download("cremad", root, source, attempts=attempts, pause=0.001, workers=3)

    return run


def files(folder: Path) -> set[str]:
    """The files under a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


class TestRavdess:
    def test_lies_where_its_loader_reads(self, ravdess, root, cache):
        folder = ravdess()
        assert folder == root / "ravdess-emotional-speech-audio/audio_speech_actors_01-24"
        listing = Ravdess().load(root)
        assert [clip.path.stem for clip in listing.clips] == CLIPS
        assert not listing.left_out
        assert all(clip.path.read_bytes() == sound(clip.path.stem) for clip in listing.clips)
        assert files(root) == {
            f"ravdess-emotional-speech-audio/audio_speech_actors_01-24/Actor_{clip[-2:]}/{clip}.wav" for clip in CLIPS
        }
        assert files(cache) == set()

    def test_can_be_read_by_whoever_can_read_the_root(self, ravdess, root):
        assert ravdess().stat().st_mode == root.stat().st_mode

    def test_is_named_with_licence_and_citation_before_it_comes(self, ravdess, server, capsys):
        server.refusals = [404]
        with pytest.raises(UserError):
            ravdess()
        printed = capsys.readouterr().out
        assert "CC BY-NC-SA 4.0" in printed
        assert "Livingstone" in printed

    def test_is_left_alone_where_it_is_already(self, ravdess, server, root, capsys):
        place = root / "audio_speech_actors_01-24/Actor_07"  # another of the places that the loader knows
        place.mkdir(parents=True)
        (place / "03-01-05-01-01-01-07.flac").write_bytes(b"fLaC, the user's own")
        assert ravdess() == place
        assert server.asked == []
        assert files(root) == {"audio_speech_actors_01-24/Actor_07/03-01-05-01-01-01-07.flac"}
        assert "5 are missing" in capsys.readouterr().out

    def test_does_not_replace_other_files(self, ravdess, server, root):
        target = root / SOURCES["ravdess"].target
        target.mkdir(parents=True)
        (target / "notes.txt").write_text("mine")
        with pytest.raises(UserError, match="holds files, but no clip.*Move it away"):
            ravdess()
        assert server.asked == []
        assert files(target) == {"notes.txt"}

    def test_says_when_it_holds_another_number_of_clips(self, ravdess, capsys):
        ravdess(clips=1440)
        assert "6 clips" in (printed := capsys.readouterr().out)
        assert "expected 1,440" in printed


class TestABrokenConnection:
    def test_goes_on_where_it_broke(self, ravdess, server, root):
        server.breaks = [2 * BLOCK, 3 * BLOCK + 1]
        ravdess()
        assert [asked for _, asked in server.asked] == [None, f"bytes={2 * BLOCK}-", f"bytes={5 * BLOCK}-"]
        assert len(Ravdess().load(root).clips) == 6

    def test_that_breaks_again_and_again_is_patient_while_bytes_come(self, ravdess, server, root):
        server.breaks = [BLOCK] * 10
        ravdess(attempts=2)
        assert len(server.asked) == 11
        assert len(Ravdess().load(root).clips) == 6

    def test_ends_with_what_is_there_and_the_next_command_goes_on(self, ravdess, server, root, cache):
        server.breaks = [8 * BLOCK, 0]
        with pytest.raises(
            UserError,
            match=r"broke the connection at 0\.1 MB of 0\.1 MB, 2 times.*0\.1 MB of it are kept.*same command",
        ):
            ravdess(attempts=2)
        assert not root.exists()
        assert (cache / "ravdess/speech.zip.part").read_bytes() == SPEECH[: 8 * BLOCK]
        ravdess()
        assert server.asked[-1] == ("/speech.zip", f"bytes={8 * BLOCK}-")
        assert len(Ravdess().load(root).clips) == 6

    def test_starts_over_with_a_server_that_knows_no_range(self, ravdess, server, root):
        server.breaks = [2 * BLOCK]
        server.ranges = False
        ravdess()
        assert [asked for _, asked in server.asked] == [None, f"bytes={2 * BLOCK}-"]
        assert len(Ravdess().load(root).clips) == 6

    def test_without_a_length_is_noticed_by_the_checksum(self, ravdess, server, root):
        server.lengths = False
        server.breaks = [30_000]
        with pytest.raises(UserError, match="checksum"):
            ravdess()
        assert not root.exists()
        ravdess()
        assert len(Ravdess().load(root).clips) == 6

    def test_after_the_last_byte_fetches_nothing_anew(self, ravdess, server, root, cache):
        (cache / "ravdess").mkdir(parents=True)
        (cache / "ravdess/speech.zip.part").write_bytes(SPEECH)
        ravdess()
        assert server.asked == [("/speech.zip", f"bytes={len(SPEECH)}-")]
        assert len(Ravdess().load(root).clips) == 6

    def test_with_more_there_than_the_server_has_starts_over(self, ravdess, server, root, cache):
        (cache / "ravdess").mkdir(parents=True)
        (cache / "ravdess/speech.zip.part").write_bytes(SPEECH + b"more")
        ravdess()
        assert [asked for _, asked in server.asked] == [f"bytes={len(SPEECH) + 4}-", None]
        assert len(Ravdess().load(root).clips) == 6

    def test_to_a_busy_server_is_tried_again(self, ravdess, server, root):
        server.refusals = [503, 429]
        ravdess()
        assert len(Ravdess().load(root).clips) == 6

    def test_to_nowhere_names_the_host_and_the_other_way(self, ravdess, root):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound but not listening: refused
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(UserError, match=rf"no connection to {address}.*2 times.*zenodo\.org/records/1188976"):
                ravdess(archive=f"http://{address}/speech.zip", checksum="md5:0", attempts=2, serve=False)
        assert not root.exists()

    def test_to_a_server_that_refuses_repeats_its_words(self, ravdess):
        with pytest.raises(UserError, match=r"404 Not Found.*exceeded its LFS budget.*zenodo\.org/records/1188976"):
            ravdess(serve=False)


class TestAWrongChecksum:
    def test_unpacks_nothing_and_names_both(self, ravdess, root, cache):
        expected = md5(b"something else")
        with pytest.raises(UserError) as error:
            ravdess(checksum=expected)
        assert expected in str(error.value)
        assert md5(SPEECH) in str(error.value)
        assert "nothing was unpacked" in str(error.value)
        assert not root.exists()
        assert files(cache) == set()

    def test_after_the_server_has_changed_its_file_says_so_and_starts_over(self, ravdess, server, root, cache):
        server.files["/speech.zip"] = bytes(50_000)
        server.breaks = [30_000]
        with pytest.raises(UserError, match="are kept"):
            ravdess(attempts=1, serve=False)
        server.breaks = []
        with pytest.raises(UserError, match="were left by an earlier, broken download"):
            ravdess()
        assert files(cache) == set()
        ravdess()
        assert len(Ravdess().load(root).clips) == 6

    def test_of_an_archive_that_lies_in_the_cache_fetches_it_anew(self, ravdess, root, cache):
        (cache / "ravdess").mkdir(parents=True)
        (cache / "ravdess/speech.zip").write_bytes(b"damaged")
        ravdess()
        assert len(Ravdess().load(root).clips) == 6


def link():
    """A symbolic link, as zip stores it."""
    member = zipfile.ZipInfo("Actor_01/03-01-01-01-01-01-01.wav")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member, "/etc/passwd"


class TestAMaliciousArchive:
    @pytest.mark.parametrize(
        ("member", "problem"),
        [
            (("../evil.wav", "x"), "leads outside"),
            (("Actor_01/../../../../evil.wav", "x"), "leads outside"),
            (("Actor_01\\..\\..\\evil.wav", "x"), "leads outside"),
            (("/tmp/evil.wav", "x"), "absolute path"),
            (("C:\\evil.wav", "x"), "absolute path"),
            (("C:evil.wav", "x"), "absolute path"),
            (("\\\\server\\evil.wav", "x"), "absolute path"),
            (link(), "symbolic link"),
        ],
    )
    def test_is_refused_whole(self, ravdess, root, tmp_path, cache, member, problem):
        archive = packed([("Actor_01/03-01-03-01-01-01-01.wav", sound(1)), member])
        with pytest.raises(UserError, match=f"{problem}.*Nothing was unpacked"):
            ravdess(archive)
        assert not root.exists()
        assert files(tmp_path) == set()

    def test_that_unpacks_to_far_more_than_it_is(self, ravdess, root):
        with pytest.raises(UserError, match=r"would unpack to 5\.0 MB"):
            ravdess(packed([("Actor_01/03-01-03-01-01-01-01.wav", bytes(5_000_000))]))
        assert not root.exists()

    def test_that_unpacks_to_more_than_the_corpus_can_be(self, ravdess, root):
        with pytest.raises(UserError, match=r"would unpack to 0\.1 MB, expected 0\.1 MB at most"):
            ravdess(packed([("Actor_01/03-01-03-01-01-01-01.wav", bytes(119_000) + sound(2))]), largest=110_000)
        assert not root.exists()

    def test_that_is_larger_than_the_corpus_can_be_is_not_fetched(self, ravdess, cache):
        with pytest.raises(UserError, match="not the published file"):
            ravdess(largest=1000)
        assert files(cache) == set()

    def test_without_end_is_not_fetched_to_the_end(self, ravdess, server, cache):
        server.lengths = False
        with pytest.raises(UserError, match="not the published file"):
            ravdess(largest=70_000)
        assert files(cache) == set()

    @pytest.mark.parametrize("damage", ["no zip", "torn", "bad data"])
    def test_or_a_damaged_one_leaves_nothing_half(self, ravdess, root, tmp_path, damage):
        torn = SPEECH[:60_000] + bytes(2000) + SPEECH[62_000:]
        archive = {"no zip": b"<html>sign in first</html>", "torn": SPEECH[:-40], "bad data": torn}[damage]
        with pytest.raises(UserError, match="no zip that can be unpacked"):
            ravdess(archive)
        assert files(tmp_path) == set()

    def test_or_one_of_something_else_leaves_nothing(self, ravdess, tmp_path):
        with pytest.raises(UserError, match="none of its 1 members"):
            ravdess(packed([("README.txt", "hello")]))
        assert files(tmp_path) == set()


class TestTooLittleRoom:
    def test_for_the_archive_is_said_before_it_comes(self, ravdess, root, cache, monkeypatch):
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
        with pytest.raises(UserError, match=r"0\.1 MB are needed and 0\.0 MB are free.*AERSUT_CACHE"):
            ravdess()
        assert not root.exists()
        assert files(cache) == set()

    def test_for_the_clips_keeps_the_archive(self, ravdess, server, root, cache, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(
                "shutil.disk_usage", lambda folder: SimpleNamespace(free=0 if folder.is_relative_to(root) else 10**9)
            )
            with pytest.raises(UserError, match="are needed"):
                ravdess()
        assert files(root) == set()
        assert files(cache) == {"ravdess/speech.zip"}
        ravdess()
        assert len(server.asked) == 1


class TestCremaD:
    def test_lies_where_its_loader_reads(self, cremad, root, cache, capsys):
        assert cremad() == root / "cremad/AudioWAV"
        listing = CremaD().load(root)
        assert [clip.path.name for clip in listing.clips] == NAMES
        assert not listing.left_out
        assert all(clip.path.read_bytes() == sound(clip.path.name) for clip in listing.clips)
        assert files(root) == {f"cremad/AudioWAV/{name}" for name in NAMES}
        assert files(cache) == set()
        printed = capsys.readouterr().out
        assert "Open Database License 1.0" in printed
        assert "Cao H" in printed

    def test_fetches_only_what_is_missing_when_it_goes_on(self, cremad, server, root, cache):
        lost = server.files.pop(f"/media/{NAMES[-1]}")
        with pytest.raises(UserError, match=r"404 Not Found.*LFS budget.*of 6 clips are there.*git lfs clone"):
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

    def test_takes_no_clip_with_a_wrong_checksum(self, cremad, server, root, cache):
        wrong = sound("another")
        server.files[f"/media/{NAMES[0]}"] = wrong[: len(sound(NAMES[0]))]
        with pytest.raises(UserError) as error:
            cremad()
        assert hashlib.sha256(sound(NAMES[0])).hexdigest() in str(error.value)
        assert hashlib.sha256(wrong).hexdigest() in str(error.value)
        assert files(root) == set()
        assert not [name for name in files(cache) if NAMES[0] in name]

    def test_says_when_the_repository_keeps_its_audio_otherwise(self, cremad, server, root):
        server.files["/master.zip"] = packed([(f"CREMA-D-master/AudioWAV/{NAMES[0]}", sound(1))])
        with pytest.raises(UserError, match="to be a Git LFS pointer"):
            cremad()
        assert not root.exists()

    def test_says_when_it_would_be_larger_than_it_can_be(self, cremad, root):
        with pytest.raises(UserError, match=r"names files of 0\.1 MB"):
            cremad(largest=100_000)
        assert not root.exists()

    def test_of_a_clone_without_git_lfs_has_to_be_moved_away(self, cremad, root, server):
        target = root / "cremad/AudioWAV"
        target.mkdir(parents=True)
        (target / NAMES[0]).write_text(pointer(b"sound"))
        with pytest.raises(UserError, match="no clip, a Git LFS pointer instead of audio.*Move it away"):
            cremad()
        assert server.asked == []
        assert (target / NAMES[0]).read_text() == pointer(b"sound")


def test_an_unknown_corpus_is_answered_with_the_known_ones(root):
    with pytest.raises(UserError, match=r"'ravdes'.*Did you mean 'ravdess'.*ravdess, cremad"):
        download("ravdes", root)


def test_a_root_that_cannot_be_written_is_named_before_anything_comes(ravdess, root, server):
    root.write_text("a file")
    with pytest.raises(UserError, match="input is no folder that can be written to"):
        ravdess()
    assert server.asked == []


def test_a_cache_that_cannot_be_written_is_named(ravdess, root, cache):
    cache.parent.write_text("a file")
    with pytest.raises(UserError, match="cache.* cannot be written or read"):
        ravdess()
    assert not root.exists()
