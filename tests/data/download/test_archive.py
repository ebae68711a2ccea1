"""Malicious and damaged archives, and full disks."""

import stat
import zipfile
from types import SimpleNamespace

import pytest

from aersut.errors import UserError
from tests.data.download.server import SPEECH, audio_bytes, files, packed


def link():
    """A symbolic link, as zip stores it."""
    member = zipfile.ZipInfo("Actor_01/03-01-01-01-01-01-01.wav")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member, "/etc/passwd"


class TestAMaliciousArchive:
    @pytest.mark.parametrize(
        ("member", "problem"),
        [
            (("../evil.wav", "x"), "outside of the target folder"),
            (("Actor_01/../../../../evil.wav", "x"), "outside of the target folder"),
            (("Actor_01\\..\\..\\evil.wav", "x"), "outside of the target folder"),
            (("/tmp/evil.wav", "x"), "absolute path"),
            (("C:\\evil.wav", "x"), "absolute path"),
            (("C:evil.wav", "x"), "absolute path"),
            (("\\\\server\\evil.wav", "x"), "absolute path"),
            (link(), "symbolic link"),
        ],
    )
    def test_is_refused_whole(self, ravdess, root, tmp_path, cache, member, problem):
        archive = packed([("Actor_01/03-01-03-01-01-01-01.wav", audio_bytes(1)), member])
        with pytest.raises(UserError, match=f"{problem}.*Nothing was unpacked"):
            ravdess(archive)
        assert not root.exists()
        assert files(tmp_path) == set()

    def test_with_a_high_compression_ratio(self, ravdess, root):
        with pytest.raises(UserError, match=r"would unpack to 5\.0 MB"):
            ravdess(packed([("Actor_01/03-01-03-01-01-01-01.wav", bytes(5_000_000))]))
        assert not root.exists()

    def test_that_unpacks_to_more_than_the_limit(self, ravdess, root):
        with pytest.raises(UserError, match=r"would unpack to 0\.1 MB, expected 0\.1 MB at most"):
            ravdess(packed([("Actor_01/03-01-03-01-01-01-01.wav", bytes(119_000) + audio_bytes(2))]), largest=110_000)
        assert not root.exists()

    def test_larger_than_the_limit_is_not_downloaded(self, ravdess, cache):
        with pytest.raises(UserError, match="not the published file"):
            ravdess(largest=1000)
        assert files(cache) == set()

    def test_without_end_is_downloaded_up_to_the_limit(self, ravdess, server, cache):
        server.lengths = False
        with pytest.raises(UserError, match="not the published file"):
            ravdess(largest=70_000)
        assert files(cache) == set()

    @pytest.mark.parametrize("damage", ["no zip", "torn", "bad data"])
    def test_or_a_damaged_one_leaves_no_partial_folder(self, ravdess, root, tmp_path, damage):
        torn = SPEECH[:60_000] + bytes(2000) + SPEECH[62_000:]
        archive = {"no zip": b"<html>sign in first</html>", "torn": SPEECH[:-40], "bad data": torn}[damage]
        with pytest.raises(UserError, match="not a valid zip archive"):
            ravdess(archive)
        assert files(tmp_path) == set()

    def test_or_one_without_clips_leaves_no_folder(self, ravdess, tmp_path):
        with pytest.raises(UserError, match="none of its 1 members matches"):
            ravdess(packed([("README.txt", "hello")]))
        assert files(tmp_path) == set()


class TestTooLittleSpace:
    def test_for_the_archive_is_reported_before_the_download(self, ravdess, root, cache, monkeypatch):
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
