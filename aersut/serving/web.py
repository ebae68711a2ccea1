"""The monitor's pages and connections, by Starlette.

Gradio was weighed: its streaming microphone sends pieces of encoded files, its page loads assets from elsewhere unless
it is told not to, and its current releases cannot be installed beside our pydantic and numpy. A WebSocket carries the
samples of an AudioWorklet as they are.
"""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from importlib import resources
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
from aersut.serving.gallery import Gallery
from aersut.serving.guard import Guard
from aersut.serving.place import Access
from aersut.serving.predict import Options
from aersut.serving.session import Message, Session, recording

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY, BUSY, AWAY = 1008, 1013, 1001  # why a WebSocket is closed: RFC 6455


@dataclass(frozen=True)
class Limits:
    """What one server bears.

    Attributes:
        sessions: listeners and uploads at the same time.
        upload: bytes of a file.
        idle: seconds after which a listener who sends nothing is let go.
    """

    sessions: int = 8
    upload: int = 256 << 20
    idle: float = 60.0


def application(gallery: Gallery, options: Options, access: Access, limits: Limits) -> ASGIApp:
    """The monitor as an ASGI application."""
    service = Service(gallery, options, limits)
    page = _page()
    routes = [
        Route("/models", service.models),
        Route("/judge", service.judge, methods=["POST"]),
        WebSocketRoute("/listen", service.listen),
        # by name out of what was read when it started: no path of the disk can be asked for
        *(Route(f"/{name}", _fixed(content, name)) for name, content in page.items()),
        Route("/", _fixed(page["index.html"], "index.html")),
    ]
    return Guard(Starlette(routes=routes), access, page["token.html"].decode())


def _page() -> dict[str, bytes]:
    folder = resources.files("aersut.serving") / "page"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def _fixed(content: bytes, name: str) -> Any:
    async def answer(_: Request) -> Response:
        return Response(content, media_type=TYPES[name[name.rindex(".") :]])

    return answer


class FullError(Exception):
    """There are as many sessions as there may be."""


class Service:
    """What the page asks for."""

    def __init__(self, gallery: Gallery, options: Options, limits: Limits) -> None:
        self._gallery, self._options, self._limits = gallery, options, limits
        self._sessions = 0

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        if self._sessions >= self._limits.sessions:
            raise FullError
        self._sessions += 1
        try:
            yield
        finally:
            self._sessions -= 1

    @property
    def _full(self) -> str:
        return f"all {self._limits.sessions} places of this monitor are taken; try again when somebody has left."

    async def models(self, _: Request) -> Response:
        """What there is to choose from, and what is allowed."""
        hop = self._options.following["hop"]
        return JSONResponse({"models": self._gallery.as_json(), "hop": hop, "upload": self._limits.upload})

    async def judge(self, request: Request) -> Response:
        """A sound file as the body; the answer is a line of JSON for each message."""
        too_large = JSONResponse({"error": f"the file is larger than {self._limits.upload >> 20} MB."}, 413)
        if int(request.headers.get("content-length", 0)) > self._limits.upload:
            return too_large
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._place())
                recognizer = self._gallery[request.query_params.get("model", "")]
                # it has no name, and is gone when it is closed
                file = stack.enter_context(tempfile.SpooledTemporaryFile(1 << 20))
                async for piece in request.stream():
                    if file.tell() + len(piece) > self._limits.upload:
                        return too_large
                    await run_in_threadpool(file.write, piece)
                messages = recording(recognizer, file, self._options)  # type: ignore[arg-type]
                first = await run_in_threadpool(next, messages)
            except ClientDisconnect:
                return Response(status_code=400)  # to nobody
            except FullError:
                return JSONResponse({"error": self._full}, 503)
            except UserError as error:
                return JSONResponse({"error": str(error)}, 422)
            return Lines(first, messages, stack.pop_all())
        raise AssertionError

    async def listen(self, socket: WebSocket) -> None:
        """A listener: first {"model": …, "sample_rate": …}, then mono samples of 16 bits as they are heard."""
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):  # they come and go
            try:
                with self._place():
                    await self._listen(socket)
            except FullError:
                await _refuse(socket, self._full, BUSY)
            except TimeoutError:
                await _refuse(socket, f"nothing was heard for {self._limits.idle:g} s.", AWAY)
            except (UserError, ValueError, KeyError, TypeError) as error:
                said = str(error) if isinstance(error, UserError) else "what was sent cannot be understood."
                await _refuse(socket, said, POLICY)

    async def _listen(self, socket: WebSocket) -> None:
        async with asyncio.timeout(self._limits.idle):
            asked = await socket.receive_json()
        session = Session(self._gallery[asked["model"]], int(asked["sample_rate"]), self._options)
        if session.warning:
            await socket.send_json({"warning": f"the microphone {session.warning}"})
        while True:
            async with asyncio.timeout(self._limits.idle):
                samples = np.frombuffer(await socket.receive_bytes(), "<i2").astype(np.int16, copy=False)
            for message in await run_in_threadpool(session.push, samples):
                await socket.send_json(message)


class Lines(StreamingResponse):
    """Messages as lines of JSON; what is held meanwhile is let go, also when the listener does not wait for the end."""

    def __init__(self, first: Message, rest: Iterator[Message], held: contextlib.ExitStack) -> None:
        super().__init__(_lines(first, rest), media_type="application/x-ndjson")
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        with self._held:
            await super().__call__(scope, receive, send)


async def _lines(first: Message, rest: Iterator[Message]) -> AsyncIterator[str]:
    yield json.dumps(first) + "\n"
    try:
        async for message in iterate_in_threadpool(rest):
            yield json.dumps(message) + "\n"
    except UserError as error:
        yield json.dumps({"error": str(error)}) + "\n"


async def _refuse(socket: WebSocket, reason: str, code: int) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it may be gone already
        await socket.send_json({"error": reason})
        await socket.close(code)
