"""Broken connections and changed files: a download is resumed, and never accepted before it is complete."""

import socket

import pytest

from aersut.corpora import Ravdess
from aersut.data.http_download import BLOCK
from aersut.errors import UserError
from tests.data.download.server import SPEECH, files, md5


class TestABrokenConnection:
    def test_is_resumed_at_the_last_byte(self, ravdess, server, root):
        server.breaks = [2 * BLOCK, 3 * BLOCK + 1]
        ravdess()
        assert [asked for _, asked in server.asked] == [None, f"bytes={2 * BLOCK}-", f"bytes={5 * BLOCK}-"]
        assert len(Ravdess().load(root).clips) == 6

    def test_is_resumed_without_limit_while_bytes_arrive(self, ravdess, server, root):
        server.breaks = [BLOCK] * 10
        ravdess(attempts=2)
        assert len(server.asked) == 11
        assert len(Ravdess().load(root).clips) == 6

    def test_keeps_the_partial_file_and_the_next_command_resumes(self, ravdess, server, root, cache):
        server.breaks = [8 * BLOCK, 0]
        with pytest.raises(
            UserError,
            match=r"broke the connection at 0\.1 MB of 0\.1 MB, 2 times.*0\.1 MB are kept.*same command",
        ):
            ravdess(attempts=2)
        assert not root.exists()
        assert (cache / "ravdess/speech.zip.part").read_bytes() == SPEECH[: 8 * BLOCK]
        ravdess()
        assert server.asked[-1] == ("/speech.zip", f"bytes={8 * BLOCK}-")
        assert len(Ravdess().load(root).clips) == 6

    def test_starts_over_with_a_server_without_range_requests(self, ravdess, server, root):
        server.breaks = [2 * BLOCK]
        server.ranges = False
        ravdess()
        assert [asked for _, asked in server.asked] == [None, f"bytes={2 * BLOCK}-"]
        assert len(Ravdess().load(root).clips) == 6

    def test_without_a_length_is_detected_by_the_checksum(self, ravdess, server, root):
        server.lengths = False
        server.breaks = [30_000]
        with pytest.raises(UserError, match="checksum"):
            ravdess()
        assert not root.exists()
        ravdess()
        assert len(Ravdess().load(root).clips) == 6

    def test_after_the_last_byte_downloads_nothing_again(self, ravdess, server, root, cache):
        (cache / "ravdess").mkdir(parents=True)
        (cache / "ravdess/speech.zip.part").write_bytes(SPEECH)
        ravdess()
        assert server.asked == [("/speech.zip", f"bytes={len(SPEECH)}-")]
        assert len(Ravdess().load(root).clips) == 6

    def test_with_a_partial_file_larger_than_the_original_starts_over(self, ravdess, server, root, cache):
        (cache / "ravdess").mkdir(parents=True)
        (cache / "ravdess/speech.zip.part").write_bytes(SPEECH + b"more")
        ravdess()
        assert [asked for _, asked in server.asked] == [f"bytes={len(SPEECH) + 4}-", None]
        assert len(Ravdess().load(root).clips) == 6

    def test_to_a_busy_server_is_repeated(self, ravdess, server, root):
        server.refusals = [503, 429]
        ravdess()
        assert len(Ravdess().load(root).clips) == 6

    def test_to_an_unreachable_host_names_it_and_the_manual_download(self, ravdess, root):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, but not accepting: connections are refused
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(UserError, match=rf"no connection to {address}.*2 times.*zenodo\.org/records/1188976"):
                ravdess(archive=f"http://{address}/speech.zip", checksum="md5:0", attempts=2, serve=False)
        assert not root.exists()

    def test_to_a_server_that_refuses_prints_its_message(self, ravdess):
        with pytest.raises(UserError, match=r"404 Not Found.*exceeded its LFS budget.*zenodo\.org/records/1188976"):
            ravdess(serve=False)


class TestAWrongChecksum:
    def test_unpacks_nothing_and_prints_both_checksums(self, ravdess, root, cache):
        expected = md5(b"something else")
        with pytest.raises(UserError) as error:
            ravdess(checksum=expected)
        assert expected in str(error.value)
        assert md5(SPEECH) in str(error.value)
        assert "nothing was unpacked" in str(error.value)
        assert not root.exists()
        assert files(cache) == set()

    def test_after_a_change_on_the_server_is_explained_and_starts_over(self, ravdess, server, root, cache):
        server.files["/speech.zip"] = bytes(50_000)
        server.breaks = [30_000]
        with pytest.raises(UserError, match="are kept"):
            ravdess(attempts=1, serve=False)
        server.breaks = []
        with pytest.raises(UserError, match="came from an earlier, partial download"):
            ravdess()
        assert files(cache) == set()
        ravdess()
        assert len(Ravdess().load(root).clips) == 6

    def test_of_a_cached_archive_downloads_it_again(self, ravdess, root, cache):
        (cache / "ravdess").mkdir(parents=True)
        (cache / "ravdess/speech.zip").write_bytes(b"damaged")
        ravdess()
        assert len(Ravdess().load(root).clips) == 6
