"""Corpora downloaded from a server on loopback."""

import dataclasses
import threading

import pytest

from aersut.data.download import SOURCES, download
from tests.data.download.server import NAMES, SPEECH, Server, audio_bytes, md5, packed, pointer


@pytest.fixture
def server(monkeypatch):
    """A running server, stopped after the test."""
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
    """An empty cache folder."""
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/downloads"


@pytest.fixture
def root(tmp_path):
    """A data root that does not exist yet."""
    return tmp_path / "input"


@pytest.fixture
def ravdess(server, root):
    """Download RAVDESS from the server, optionally with another archive."""

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
        server.files[f"/media/{name}"] = audio_bytes(name)
    server.files["/master.zip"] = packed(
        [("CREMA-D-master/README.md", "of no use here")]
        + [(f"CREMA-D-master/AudioWAV/{name}", pointer(audio_bytes(name))) for name in NAMES]
    )

    def run(attempts=3, **changes):
        source = dataclasses.replace(
            SOURCES["cremad"],
            **{"archive": f"{server.url}/master.zip", "media": f"{server.url}/media/", "clips": 6} | changes,
        )
        return download("cremad", root, source, attempts=attempts, pause=0.001, workers=3)

    return run
