"""A server on loopback with the faults of real ones (broken connections, wrong data, attacks), and its files."""

import hashlib
import http.server
import io
import random
import zipfile
from pathlib import Path

CLIPS = [f"03-01-0{emotion}-01-01-01-{actor:02}" for actor in (1, 2) for emotion in (1, 3, 5)]
NAMES = [f"{speaker}_DFA_{emotion}_XX.wav" for speaker in (1001, 1002) for emotion in ("ANG", "NEU", "SAD")]


def audio_bytes(seed, length=20_000):
    """Bytes with the header of a WAV file that cannot be compressed."""
    return b"RIFF" + random.Random(seed).randbytes(length)


def packed(members):
    """A zip of names (or ZipInfos) and contents."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def pointer(content):
    """The Git LFS pointer of a file."""
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"


def md5(content):
    """The checksum of an archive in Zenodo's notation."""
    return f"md5:{hashlib.md5(content).hexdigest()}"


SPEECH = packed((f"Actor_{clip[-2:]}/{clip}.wav", audio_bytes(clip)) for clip in CLIPS)


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` by path; the first answers can be faulty."""

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
        """The URL of the server."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Ignore errors of a closed connection."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Handler of one request."""

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


def files(folder: Path) -> set[str]:
    """The files under a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
