"""The monitor's HTTP and WebSocket interface: access, responses, limits and lost connections."""

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

from aersut.serving.address import Access, parse_origins
from aersut.serving.predict import PredictOptions
from aersut.serving.served_models import ServedModels, load_served_models
from aersut.serving.session import recording_messages
from aersut.serving.web import Limits, application

MODEL = "model_float32.tflite"


@dataclass
class Monitor:
    """A running monitor."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the response to a GET, or to a POST if there is a body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET" if body is None else "POST", path, body, self.headers | named)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    @contextmanager
    def connected(self, rate: Any = 16_000, model: str = MODEL, **options: Any) -> Iterator[ClientConnection]:
        """A client that has sent its first message."""
        with connect(f"ws://127.0.0.1:{self.port}/stream", proxy=None, **options) as client:
            with suppress(ConnectionClosed):  # the monitor may have refused it already
                client.send(json.dumps({"model": model, "sample_rate": rate}))
            yield client

    def messages(self, answer: bytes) -> list[dict[str, Any]]:
        """The messages of the response to an uploaded file."""
        return [json.loads(line) for line in answer.splitlines()]


@pytest.fixture(scope="module")
def models(bundle) -> ServedModels:
    return load_served_models(bundle)


@pytest.fixture
def serve(models) -> Iterator[Callable[..., Monitor]]:
    """Serve the exported models on any free port, as `aersut.serving.monitor` does."""
    stops = []

    def start(access: Access | None = None, limits: Limits | None = None) -> Monitor:
        bound = socket.create_server(("127.0.0.1", 0))
        served = application(models, PredictOptions(), access or Access(), limits or Limits())
        config = uvicorn.Config(served, log_level="warning", ws="websockets-sansio", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join()
            bound.close()

        stops.append(stop)
        return Monitor(bound.getsockname()[1])

    yield start
    for stop in stops:
        stop()


@pytest.fixture
def monitor(serve) -> Monitor:
    return serve()


def received(client: ClientConnection, until: str = "") -> list[dict[str, Any]]:
    """All messages until one of a kind, until the connection is closed, or until none arrives for a second."""
    messages: list[dict[str, Any]] = []
    with suppress(TimeoutError, ConnectionClosed):
        while not messages or until not in messages[-1]:
            messages.append(json.loads(client.recv(timeout=5 if until else 1)))
    return messages


class TestStream:
    def test_equals_prediction_of_the_same_samples(self, monitor, recognizer, dialogue):
        samples = soundfile.read(dialogue, dtype="<i2")[0][:80_000]
        with monitor.connected() as client:
            for piece in np.array_split(samples, 80):
                client.send(piece.tobytes())
            messages = received(client)
        predictions = [message["prediction"] for message in messages if "prediction" in message]
        offline = list(recognizer.over_time(samples, 16_000))[: len(predictions)]
        assert len(predictions) == 1 + int((5 - recognizer.framing.seconds) / 0.5)
        for one, other in zip(predictions, offline, strict=True):
            assert one.pop("latency_ms") >= 0
            assert one == other.as_json()
        frames = [message["frames"] for message in messages if "frames" in message]
        assert sum(len(part["rms"]) for part in frames) == 80_000 // 512

    def test_uses_the_selected_model(self, monitor, dialogue):
        names = [model["name"] for model in json.loads(monitor.ask("/models")[2])["models"]]
        assert names[0] == "model_int8.tflite"
        assert {MODEL, "waveform_float32.tflite"} < set(names)
        for name in names:
            with monitor.connected(model=name) as client:
                client.send(soundfile.read(dialogue, dtype="<i2")[0][:32_000].tobytes())
                assert "prediction" in received(client, "prediction")[-1]

    def test_reports_invalid_input(self, monitor):
        for rate, model, expected in (
            (16_000, "../../secret.tflite", "serves no model"),
            (16_000, "model_int7.tflite", "Did you mean 'model_int8.tflite'"),
            (3, MODEL, "is out of range"),
            ("fast", MODEL, "the message is invalid"),
        ):
            with monitor.connected(rate, model) as client:
                [message] = received(client)
                assert expected in message["error"]
                assert client.protocol.close_code == 1008
        with monitor.connected() as client:
            client.send(b"odd")
            assert "the message is invalid" in received(client, "error")[-1]["error"]

    def test_a_prediction_states_what_makes_it_unreliable(self, monitor, dialogue):
        with monitor.connected(4_000) as client:
            client.send(soundfile.read(dialogue, dtype="<i2")[0][:16_000].tobytes())
            prediction = received(client, "prediction")[-1]["prediction"]
        assert "is sampled at 4,000 Hz" in prediction["warning"]

    def test_survives_lost_connections(self, monitor, dialogue):
        piece = soundfile.read(dialogue, dtype="<i2")[0][:40_000].tobytes()
        for _ in range(3):
            with monitor.connected() as client:
                client.send(piece)
                client.socket.shutdown(socket.SHUT_RDWR)  # without a closing handshake
        with monitor.connected() as client:
            client.send(piece)
            assert "prediction" in received(client, "prediction")[-1]

    def test_limits_sessions_and_idle_time(self, serve):
        monitor = serve(limits=Limits(sessions=1, idle=0.4))
        with monitor.connected():
            with monitor.connected() as second:
                [message] = received(second)
                assert "maximum of 1 sessions" in message["error"]
            assert monitor.ask(f"/predict?model={MODEL}", b"x")[0] == 503
        with monitor.connected() as client:
            assert "no samples arrived" in received(client)[-1]["error"]
        with monitor.connected() as client:  # a session is free again
            client.send(bytes(20_000))
            assert "frames" in received(client, "frames")[0]


class TestUpload:
    def test_equals_prediction_of_the_file(self, monitor, recognizer, dialogue):
        status, _, answer = monitor.ask(f"/predict?model={MODEL}", dialogue.read_bytes())
        assert status == 200
        first, *messages = monitor.messages(answer)
        assert first["recording"]["seconds"] == pytest.approx(soundfile.info(dialogue).duration, abs=1e-3)
        assert messages[-1] == {"done": True}
        predictions = [message["prediction"] for message in messages if "prediction" in message]
        for one, other in zip(predictions, recognizer.over_time(dialogue), strict=True):
            del one["latency_ms"]
            assert one == other.as_json()

    def test_reports_invalid_input(self, monitor, tmp_path, dialogue):
        for body, expected in ((b"", "is empty"), (b"not audio", "cannot be decoded")):
            status, _, answer = monitor.ask(f"/predict?model={MODEL}", body)
            assert (status, expected in json.loads(answer)["error"]) == (422, True)
        status, _, answer = monitor.ask("/predict?model=/etc/passwd", dialogue.read_bytes())
        assert (status, json.loads(answer)["error"]) == (422, "this monitor serves no model '/etc/passwd'.")
        samples = soundfile.read(dialogue)[0]
        samples[-1] = np.nan
        soundfile.write(tmp_path / "nan.wav", samples, 16_000, subtype="FLOAT")
        status, _, answer = monitor.ask(f"/predict?model={MODEL}", (tmp_path / "nan.wav").read_bytes())
        assert "NaN" in monitor.messages(answer)[-1]["error"]

    def test_refuses_files_that_are_too_large(self, serve):
        monitor = serve(limits=Limits(upload=50_000))
        status, _, answer = monitor.ask(f"/predict?model={MODEL}", bytes(60_000))
        assert (status, "larger than" in json.loads(answer)["error"]) == (413, True)
        pieces = iter([bytes(30_000)] * 3)  # chunked, without Content-Length
        assert monitor.ask(f"/predict?model={MODEL}", pieces)[0] == 413
        assert monitor.ask("/models")[0] == 200

    def test_survives_lost_connections(self, serve, dialogue):
        monitor = serve(limits=Limits(sessions=1))
        body = dialogue.read_bytes()
        lines = (f"POST /predict?model={MODEL} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", "", "")
        whole = "\r\n".join(lines).encode() + body
        for sent in (whole[: len(whole) // 2], whole):  # half a file; a client that does not wait for the response
            with socket.create_connection(("127.0.0.1", monitor.port)) as connection:
                connection.sendall(sent)
        for _ in range(50):  # until the server notices
            status = monitor.ask(f"/predict?model={MODEL}", dialogue.read_bytes())[0]
            if status != 503:
                break
            time.sleep(0.1)
        assert status == 200

    def test_deletes_temporary_files(self, monitor, dialogue, monkeypatch, tmp_path):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        body = dialogue.read_bytes() * 8  # too much for memory; libsndfile reads the first of these files
        assert monitor.ask(f"/predict?model={MODEL}", body)[0] in (200, 422)
        assert list(tmp_path.iterdir()) == []


class TestAccess:
    def test_other_origins_are_refused(self, monitor, dialogue):
        status, _, answer = monitor.ask("/models", Host="evil.example")
        assert (status, b"start it with --origin=http://evil.example" in answer) == (400, True)
        assert monitor.ask("/models", Host="[::1")[0] == 400
        assert monitor.ask("/models", b"", Origin="http://[::1")[0] == 403
        status, _, answer = monitor.ask("/models", b"", Origin="https://evil.example")  # as the page asks
        assert (status, b"start it with --origin=https://evil.example" in answer) == (403, True)
        assert monitor.ask(f"/predict?model={MODEL}", dialogue.read_bytes(), Origin="https://evil.example")[0] == 403
        with pytest.raises(InvalidStatus), monitor.connected(origin="https://evil.example"):
            pass
        with monitor.connected(origin=f"http://127.0.0.1:{monitor.port}") as client:
            client.send(bytes(20_000))
            assert "frames" in received(client, "frames")[0]

    def test_origins_of_the_option_are_accepted_and_others_refused(self, serve, dialogue):
        monitor = serve(Access(origins=parse_origins(["https://notebook.example:8443/proxy/"])))
        origin, path = "https://notebook.example:8443", f"/predict?model={MODEL}"
        for headers in ({"Origin": origin}, {"Origin": origin, "Host": "notebook.example:8443"}):
            assert monitor.ask("/models", b"", **headers)[0] == 200
            assert monitor.ask(path, dialogue.read_bytes(), **headers)[0] == 200
        with monitor.connected(origin=origin) as client:
            client.send(bytes(20_000))
            assert "frames" in received(client, "frames")[0]
        for other in ("http://notebook.example:8443", "https://notebook.example", "https://evil.example", "null"):
            assert monitor.ask(path, dialogue.read_bytes(), Origin=other)[0] == 403
        assert monitor.ask("/models", Host="evil.example")[0] == 400

    def test_needs_the_token_if_one_is_set(self, serve):
        monitor = serve(Access(token="open sesame"))
        status, _, page = monitor.ask("/")
        assert status == 401
        assert b'name="token"' in page
        assert monitor.ask("/models")[0] == 401
        assert monitor.ask("/style.css")[0] == 200
        with pytest.raises(InvalidStatus), monitor.connected():
            pass
        begin = time.monotonic()
        status, _, page = monitor.ask("/?token=wrong")
        assert (status, b"token is wrong" in page) == (401, True)
        assert time.monotonic() - begin > 0.9
        status, headers, _ = monitor.ask("/?token=open%20sesame")
        assert (status, headers["location"]) == (303, "./")
        assert {"HttpOnly", "SameSite=strict"} <= set(headers["set-cookie"].split("; "))
        cookie = headers["set-cookie"].split(";")[0]
        assert monitor.ask("/models", Cookie=cookie)[0] == 200
        with monitor.connected(additional_headers={"Cookie": cookie}) as client:
            client.send(bytes(20_000))
            assert "frames" in received(client, "frames")[0]

    def test_serves_no_other_path_of_the_disk(self, monitor, bundle):
        climbing = ("/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd")
        for path in (*climbing, f"/{bundle}/{MODEL}", "/web.py"):
            assert monitor.ask(path)[0] == 404

    def test_the_page_loads_nothing_from_other_hosts(self, monitor):
        status, headers, page = monitor.ask("/")
        assert status == 200
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        parts = ("monitor.js", "microphone.js", "sources.js", "plots.js", "history.js", "worklet.js", "style.css")
        for text in (page, *(monitor.ask(f"/{name}")[2] for name in parts)):
            assert b"http:" not in text.replace(b"http://www.w3.org", b"")
            assert b"https:" not in text


def test_a_prediction_below_the_minimum_confidence_is_uncertain(bundle, dialogue):
    models = load_served_models(bundle / MODEL, min_confidence=1.0)
    messages = list(recording_messages(models[MODEL], dialogue, PredictOptions()))
    emotions = {message["prediction"]["emotion"] for message in messages if "prediction" in message}
    assert emotions == {"uncertain", None}
    assert models.as_json()[0]["min_confidence"] == 1.0
