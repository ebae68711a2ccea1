"""The monitor's web application: pages, file uploads and live streams, with Starlette.

Gradio was considered: its microphone component streams encoded file fragments, its page loads third-party assets unless
configured otherwise, and its current releases conflict with our pydantic and numpy. Here a WebSocket carries the raw
samples of an AudioWorklet.
"""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from aersut.errors import UserError
from aersut.serving.access_control import AccessControl
from aersut.serving.address import Access
from aersut.serving.browser_page import IN_BROWSER
from aersut.serving.predict import PredictOptions
from aersut.serving.served_models import ServedModels
from aersut.serving.session import Message, Session, recording_messages
from aersut.serving.stream import HOP

TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".txt": "text/plain",
}
INVALID, BUSY, IDLE = 1008, 1013, 1001
"""WebSocket close codes (RFC 6455): policy violation, try again later, going away."""
EXPECTED = 'expected {"model": …, "sample_rate": …} as JSON, then blocks of 16-bit little-endian mono samples'


@dataclass(frozen=True)
class Limits:
    """Limits of one server.

    Attributes:
        sessions: maximum number of simultaneous streams and uploads.
        upload: maximum size of a file, in bytes.
        idle: seconds without samples after which a stream is closed.
    """

    sessions: int = 8
    upload: int = 256 << 20
    idle: float = 60.0


def application(models: ServedModels, options: PredictOptions, access: Access, limits: Limits) -> ASGIApp:
    """The monitor as an ASGI application."""
    service = Service(models, options, limits)
    folder = resources.files("aersut.serving") / "page"
    page = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    routes = [
        # POST, because browsers state the origin of the page then: a page that may not use the monitor knows at once
        Route("/models", service.models, methods=["GET", "POST"]),
        Route("/predict", service.predict, methods=["POST"]),
        WebSocketRoute("/stream", service.stream),
        # fixed names and content that is read at start: no request can reach another path of the disk
        *(Route(f"/{name}", _fixed(content, name)) for name, content in page.items()),
        Route("/", _fixed(page["index.html"], "index.html")),
        *(Route(f"{IN_BROWSER}{name}", _fixed(content, name)) for name, content in models.page.items()),
    ]
    if "index.html" in models.page:
        routes.append(Route(IN_BROWSER, _fixed(models.page["index.html"], "index.html")))
    return AccessControl(Starlette(routes=routes), access, page["token.html"].decode())


def _fixed(content: bytes, name: str) -> Any:
    async def respond(_: Request) -> Response:
        return Response(content, media_type=TYPES.get(PurePosixPath(name).suffix, "application/octet-stream"))

    return respond


class CapacityError(Exception):
    """The maximum number of sessions is reached."""


class Service:
    """The endpoints that the page uses."""

    def __init__(self, models: ServedModels, options: PredictOptions, limits: Limits) -> None:
        self._models, self._options, self._limits = models, options, limits
        self._sessions = 0

    @contextlib.contextmanager
    def _reserve_session(self) -> Iterator[None]:
        if self._sessions >= self._limits.sessions:
            raise CapacityError(
                f"the monitor serves its maximum of {self._limits.sessions} sessions. Try again when one has ended."
            )
        self._sessions += 1
        try:
            yield
        finally:
            self._sessions -= 1

    async def models(self, _: Request) -> Response:
        """List the models, the hop in seconds, the maximum upload size in bytes, and whether there is IN_BROWSER."""
        hop = HOP if self._options.hop is None else self._options.hop
        settings = {"models": self._models.as_json(), "hop": hop, "upload": self._limits.upload}
        return JSONResponse(settings | {"in_browser": "index.html" in self._models.page})

    async def predict(self, request: Request) -> Response:
        """Classify the audio file in the request body; the response has one message per line, as JSON."""
        too_large = JSONResponse({"error": f"the file is larger than {self._limits.upload >> 20} MB."}, 413)
        if int(request.headers.get("content-length", 0)) > self._limits.upload:
            return too_large
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._reserve_session())
                recognizer = self._models[request.query_params.get("model", "")]
                # unnamed, and deleted when it is closed
                file = stack.enter_context(tempfile.SpooledTemporaryFile(1 << 20))
                async for block in request.stream():
                    if file.tell() + len(block) > self._limits.upload:
                        return too_large
                    await run_in_threadpool(file.write, block)
                messages = recording_messages(recognizer, file, self._options)  # type: ignore[arg-type]
                first = await run_in_threadpool(next, messages)
            except ClientDisconnect:
                return Response(status_code=400)  # the client has gone
            except CapacityError as error:
                return JSONResponse({"error": str(error)}, 503)
            except UserError as error:
                return JSONResponse({"error": str(error)}, 422)
            return JSONLinesResponse(first, messages, stack.pop_all())
        raise AssertionError

    async def stream(self, socket: WebSocket) -> None:
        """Classify a live stream: {"model": …, "sample_rate": …} first, then blocks of 16-bit mono samples."""
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):  # the client may leave at any time
            try:
                with self._reserve_session():
                    await self._stream(socket)
            except CapacityError as error:
                await _close(socket, str(error), BUSY)
            except TimeoutError:
                await _close(socket, f"no samples arrived for {self._limits.idle:g} s.", IDLE)
            except UserError as error:
                await _close(socket, str(error), INVALID)

    async def _stream(self, socket: WebSocket) -> None:
        async with asyncio.timeout(self._limits.idle):
            with _invalid_messages():
                request = await socket.receive_json()
                model, sample_rate = self._models[request["model"]], int(request["sample_rate"])
        session = Session(model, sample_rate, self._options)
        while True:
            async with asyncio.timeout(self._limits.idle):
                with _invalid_messages():
                    samples = np.frombuffer(await socket.receive_bytes(), "<i2").astype(np.int16, copy=False)
            for message in await run_in_threadpool(session.push, samples):
                await socket.send_json(message)


@contextlib.contextmanager
def _invalid_messages() -> Iterator[None]:
    """Raise `UserError` where a client's message cannot be read."""
    try:
        yield
    except UserError:
        raise
    except (ValueError, KeyError, TypeError):
        raise UserError(f"the message is invalid: {EXPECTED}.") from None


class JSONLinesResponse(StreamingResponse):
    """Messages as lines of JSON; `resources` are released at the end, also if the client disconnects earlier."""

    def __init__(self, first: Message, rest: Iterator[Message], resources: contextlib.ExitStack) -> None:
        super().__init__(_lines(first, rest), media_type="application/x-ndjson")
        self._resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        with self._resources:
            await super().__call__(scope, receive, send)


async def _lines(first: Message, rest: Iterator[Message]) -> AsyncIterator[str]:
    yield json.dumps(first) + "\n"
    try:
        async for message in iterate_in_threadpool(rest):
            yield json.dumps(message) + "\n"
    except UserError as error:
        yield json.dumps({"error": str(error)}) + "\n"


async def _close(socket: WebSocket, reason: str, code: int) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the client may have disconnected
        await socket.send_json({"error": reason})
        await socket.close(code)
