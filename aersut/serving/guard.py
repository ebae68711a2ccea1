"""Who may talk to the monitor: this machine alone, or whoever has the token."""

import asyncio
import secrets
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aersut.serving.place import LOOPBACK, Access

COOKIE = "aersut-token"
OPEN = ("/style.css",)
"""What is shown without a token: what the page that asks for it is made of."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Guard:
    """Wraps the application: checks each request and connection, and adds the headers that keep the page to itself.

    A page elsewhere must not make the browser of somebody who may come in listen, or upload (its Origin is another),
    nor reach the loopback interface under a name of its own (Host).
    """

    def __init__(self, application: ASGIApp, access: Access, ask: str) -> None:
        self._application, self._access, self._ask = application, access, ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            await send(message)

        refusal = await self._refusal(HTTPConnection(scope))
        if refusal is None:
            await self._application(scope, receive, protected)
        elif scope["type"] == "http":
            await refusal(scope, receive, protected)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _refusal(self, connection: HTTPConnection) -> Response | None:
        host = connection.headers.get("host", "")
        origin = connection.headers.get("origin")
        if self._access.token is None and urlsplit(f"//{host}").hostname not in LOOPBACK:
            return PlainTextResponse("This monitor answers to localhost alone.", 400)
        if origin is not None and urlsplit(origin).netloc != host:
            return PlainTextResponse("Another page must not use this monitor.", 403)
        if self._access.token is None or connection.url.path in OPEN:
            return None
        return await self._without_token(connection, self._access.token)

    async def _without_token(self, connection: HTTPConnection, token: str) -> Response | None:
        if secrets.compare_digest(connection.cookies.get(COOKIE, "").encode(), token.encode()):
            return None
        shown = connection.query_params.get("token")
        if shown is None:
            return HTMLResponse(self._ask.replace("<!-- problem -->", ""), 401)
        if not secrets.compare_digest(shown.encode(), token.encode()):
            await asyncio.sleep(1)  # so that guessing takes for ever
            return HTMLResponse(self._ask.replace("<!-- problem -->", "That is not the token."), 401)
        answer = RedirectResponse("/", 303)  # and the token is gone from the address
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=self._access.secure)
        return answer
