"""The monitor as other programs meet it: who is let in, what is answered, and that it goes on."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import soundfile
import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from aersut.serving.gallery import Gallery, open_gallery
from aersut.serving.place import Access
from aersut.serving.predict import Options
from aersut.serving.web import Limits, application

MODEL = "model_float32.tflite"


@dataclass
class Monitor:
    """One that is being served."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """The status, headers and body of an answer; to a POST where there is something to send."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET" if body is None else "POST", path, body, self.headers | named)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    @contextmanager
    def listening(self, rate: Any = 16_000, model: str = MODEL, **options: Any) -> Iterator[ClientConnection]:
        """A listener who has said who it is."""
        with connect(f"ws://127.0.0.1:{self.port}/listen", proxy=None, **options) as listener:
            with suppress(ConnectionClosed):  # it may have been refused already
                listener.send(json.dumps({"model": model, "sample_rate": rate}))
            yield listener

    def messages(self, answer: bytes) -> list[dict[str, Any]]:
        """The lines of a judged file."""
        return [json.loads(line) for line in answer.splitlines()]


@pytest.fixture(scope="module")
def gallery(bundle) -> Gallery:
    return open_gallery(bundle)


@pytest.fixture
def serve(gallery) -> Iterator[Callable[..., Monitor]]:
    """Serve the bundle, as `aersut.serving.monitor` does, on any free port."""
    stops = []

    def start(access: Access | None = None, limits: Limits | None = None) -> Monitor:
        listening = socket.create_server(("127.0.0.1", 0))
        served = application(gallery, Options(), access or Access(), limits or Limits())
        config = uvicorn.Config(served, log_level="warning", ws="websockets-sansio", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join()
            listening.close()

        stops.append(stop)
        return Monitor(listening.getsockname()[1])

    yield start
    for stop in stops:
        stop()


@pytest.fixture
def monitor(serve) -> Monitor:
    return serve()


def heard(listener: ClientConnection, until: str = "") -> list[dict[str, Any]]:
    """All messages until one of a kind, or until the connection is closed, or nothing comes for a second."""
    messages: list[dict[str, Any]] = []
    with suppress(TimeoutError, ConnectionClosed):
        while not messages or until not in messages[-1]:
            messages.append(json.loads(listener.recv(timeout=5 if until else 1)))
    return messages


class TestListening:
    def test_gives_what_predict_gives_for_the_same_samples(self, monitor, recognizer, talk):
        samples = soundfile.read(talk, dtype="<i2")[0][:80_000]
        with monitor.listening() as listener:
            for piece in np.array_split(samples, 80):
                listener.send(piece.tobytes())
            messages = heard(listener)
        predictions = [message["prediction"] for message in messages if "prediction" in message]
        offline = list(recognizer.over_time(samples, 16_000))[: len(predictions)]
        assert len(predictions) == 1 + int((5 - recognizer.framing.seconds) / 0.5)
        for one, other in zip(predictions, offline, strict=True):
            assert one.pop("milliseconds") >= 0
            assert one == other.as_json()
        columns = [message["columns"] for message in messages if "columns" in message]
        assert sum(len(part["rms"]) for part in columns) == 80_000 // 512

    def test_choosing_another_file_of_the_bundle_hears_with_it(self, monitor, talk):
        names = [model["name"] for model in json.loads(monitor.ask("/models")[2])["models"]]
        assert names[0] == MODEL
        assert {"model_int8.tflite", "waveform_float32.tflite"} < set(names)
        for name in names:
            with monitor.listening(model=name) as listener:
                listener.send(soundfile.read(talk, dtype="<i2")[0][:32_000].tobytes())
                assert "prediction" in heard(listener, "prediction")[-1]

    def test_refuses_in_words_what_cannot_be(self, monitor):
        for rate, model, said in (
            (16_000, "../../secret.tflite", "there is no model"),
            (16_000, "model_int7.tflite", "Did you mean 'model_int8.tflite'"),
            (3, MODEL, "none of sound"),
            ("fast", MODEL, "cannot be understood"),
        ):
            with monitor.listening(rate, model) as listener:
                [message] = heard(listener)
                assert said in message["error"]
                assert listener.protocol.close_code == 1008
        with monitor.listening() as listener:
            listener.send(b"odd")
            assert "cannot be understood" in heard(listener, "error")[-1]["error"]
        with monitor.listening(4_000) as listener:
            assert "is sampled at 4,000 Hz" in heard(listener, "warning")[0]["warning"]

    def test_goes_on_when_a_connection_drops(self, monitor, talk):
        piece = soundfile.read(talk, dtype="<i2")[0][:40_000].tobytes()
        for _ in range(3):
            with monitor.listening() as listener:
                listener.send(piece)
                listener.socket.shutdown(socket.SHUT_RDWR)  # no goodbye
        with monitor.listening() as listener:
            listener.send(piece)
            assert "prediction" in heard(listener, "prediction")[-1]

    def test_is_for_so_many_at_a_time_and_for_those_who_speak(self, serve):
        monitor = serve(limits=Limits(sessions=1, idle=0.4))
        with monitor.listening():
            with monitor.listening() as second:
                [message] = heard(second)
                assert "all 1 places" in message["error"]
            assert monitor.ask(f"/judge?model={MODEL}", b"x")[0] == 503
        with monitor.listening() as listener:
            assert "nothing was heard" in heard(listener)[-1]["error"]
        with monitor.listening() as listener:  # and now there is a place again
            listener.send(bytes(20_000))
            assert "columns" in heard(listener, "columns")[0]


class TestJudgingAFile:
    def test_gives_what_predict_gives(self, monitor, recognizer, talk):
        status, _, answer = monitor.ask(f"/judge?model={MODEL}", talk.read_bytes())
        assert status == 200
        first, *messages = monitor.messages(answer)
        assert first["recording"]["seconds"] == pytest.approx(soundfile.info(talk).duration, abs=1e-3)
        assert messages[-1] == {"done": True}
        predictions = [message["prediction"] for message in messages if "prediction" in message]
        for one, other in zip(predictions, recognizer.over_time(talk), strict=True):
            del one["milliseconds"]
            assert one == other.as_json()

    def test_refuses_in_words_what_cannot_be(self, monitor, tmp_path, talk):
        for body, said in ((b"", "cannot be decoded"), (b"no sound", "cannot be decoded")):
            status, _, answer = monitor.ask(f"/judge?model={MODEL}", body)
            assert (status, said in json.loads(answer)["error"]) == (422, True)
        status, _, answer = monitor.ask("/judge?model=/etc/passwd", talk.read_bytes())
        assert (status, json.loads(answer)["error"]) == (422, "there is no model '/etc/passwd' here.")
        samples = soundfile.read(talk)[0]
        samples[-1] = np.nan
        soundfile.write(tmp_path / "nan.wav", samples, 16_000, subtype="FLOAT")
        status, _, answer = monitor.ask(f"/judge?model={MODEL}", (tmp_path / "nan.wav").read_bytes())
        assert "no numbers" in monitor.messages(answer)[-1]["error"]

    def test_refuses_what_is_too_large_however_it_is_sent(self, serve):
        monitor = serve(limits=Limits(upload=50_000))
        status, _, answer = monitor.ask(f"/judge?model={MODEL}", bytes(60_000))
        assert (status, "larger than" in json.loads(answer)["error"]) == (413, True)
        pieces = iter([bytes(30_000)] * 3)  # chunked: it does not say how long it is
        assert monitor.ask(f"/judge?model={MODEL}", pieces)[0] == 413
        assert monitor.ask("/models")[0] == 200

    def test_goes_on_when_a_connection_drops(self, serve, talk):
        monitor = serve(limits=Limits(sessions=1))
        body = talk.read_bytes()
        lines = (f"POST /judge?model={MODEL} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", "", "")
        whole = "\r\n".join(lines).encode() + body
        for sent in (whole[: len(whole) // 2], whole):  # half a file; a file whose sender does not wait for the answer
            with socket.create_connection(("127.0.0.1", monitor.port)) as connection:
                connection.sendall(sent)
        for _ in range(50):  # until the server has noticed
            status = monitor.ask(f"/judge?model={MODEL}", talk.read_bytes())[0]
            if status != 503:
                break
            time.sleep(0.1)
        assert status == 200

    def test_leaves_nothing_behind(self, monitor, talk, monkeypatch, tmp_path):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        body = talk.read_bytes() * 8  # too much for memory; libsndfile reads the first of these files
        assert monitor.ask(f"/judge?model={MODEL}", body)[0] in (200, 422)
        assert list(tmp_path.iterdir()) == []


class TestWhoIsLetIn:
    def test_a_page_elsewhere_is_not(self, monitor, talk):
        assert monitor.ask("/models", Host="evil.example")[0] == 400
        assert monitor.ask(f"/judge?model={MODEL}", talk.read_bytes(), Origin="https://evil.example")[0] == 403
        with pytest.raises(InvalidStatus), monitor.listening(origin="https://evil.example"):
            pass
        with monitor.listening(origin=f"http://127.0.0.1:{monitor.port}") as listener:
            listener.send(bytes(20_000))
            assert "columns" in heard(listener, "columns")[0]

    def test_only_with_the_token_where_there_is_one(self, serve):
        monitor = serve(Access(token="open sesame"))
        status, _, page = monitor.ask("/")
        assert status == 401
        assert b'name="token"' in page
        assert monitor.ask("/models")[0] == 401
        assert monitor.ask("/style.css")[0] == 200
        with pytest.raises(InvalidStatus), monitor.listening():
            pass
        begin = time.monotonic()
        status, _, page = monitor.ask("/?token=wrong")
        assert (status, b"not the token" in page) == (401, True)
        assert time.monotonic() - begin > 0.9
        status, headers, _ = monitor.ask("/?token=open%20sesame")
        assert (status, headers["location"]) == (303, "/")
        assert {"HttpOnly", "SameSite=strict"} <= set(headers["set-cookie"].split("; "))
        cookie = headers["set-cookie"].split(";")[0]
        assert monitor.ask("/models", Cookie=cookie)[0] == 200
        with monitor.listening(additional_headers={"Cookie": cookie}) as listener:
            listener.send(bytes(20_000))
            assert "columns" in heard(listener, "columns")[0]

    def test_no_path_of_the_disk_can_be_asked_for(self, monitor, bundle):
        climbing = ("/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd")
        for path in (*climbing, f"/{bundle}/{MODEL}", "/web.py"):
            assert monitor.ask(path)[0] == 404

    def test_the_page_keeps_to_itself(self, monitor):
        status, headers, page = monitor.ask("/")
        assert status == 200
        assert "default-src 'self'" in headers["content-security-policy"]
        parts = ("monitor.js", "sources.js", "pictures.js", "history.js", "worklet.js", "style.css")
        for text in (page, *(monitor.ask(f"/{name}")[2] for name in parts)):
            assert b"http:" not in text.replace(b"http://www.w3.org", b"")
            assert b"https:" not in text
