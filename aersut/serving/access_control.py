"""Access control of the monitor: loopback requests only, or a token."""

import asyncio
import secrets
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aersut.serving.address import LOOPBACK, Access
from aersut.serving.browser_page import IN_BROWSER, POLICY

COOKIE = "aersut-token"
PUBLIC_PATHS = ("/style.css",)
"""Served without a token: the token page uses it."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class AccessControl:
    """ASGI middleware that checks each request and WebSocket connection, and adds the security headers.

    The Origin check prevents a foreign page from streaming or uploading through an authorized user's browser. The Host
    check prevents DNS rebinding: a foreign host name that resolves to the loopback interface. A proxy or a forwarded
    port changes Host or Origin; `Access.origins` are accepted then.
    """

    def __init__(self, application: ASGIApp, access: Access, token_page: str) -> None:
        self._application, self._access, self._token_page = application, access, token_page
        self._hosts = {urlsplit(origin).netloc for origin in access.origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = dict(SECURITY_HEADERS)
                if scope["path"].startswith(IN_BROWSER):
                    headers["Content-Security-Policy"] += f"; {POLICY}"
                added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        refusal = await self._refusal(HTTPConnection(scope))
        if refusal is None:
            await self._application(scope, receive, send_with_headers)
        elif scope["type"] == "http":
            await refusal(scope, receive, send_with_headers)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _refusal(self, connection: HTTPConnection) -> Response | None:
        host = connection.headers.get("host", "")
        origin = connection.headers.get("origin")
        if self._access.token is None and _split(f"//{host}")[0] not in LOOPBACK and host not in self._hosts:
            return _refused(f"requests to {host}: it accepts requests to localhost only", f"http://{host}", 400)
        # a foreign page cannot read the response to a GET, and ours needs its scripts to report the refusal
        reads = connection.scope["type"] == "http" and connection.scope["method"] in ("GET", "HEAD")
        own = origin is None or _split(origin)[1] == host or origin in self._access.origins
        if origin and not (own or reads):
            return _refused(f"requests from pages of {origin}, since it is addressed as {host}", origin, 403)
        if self._access.token is None or connection.url.path in PUBLIC_PATHS:
            return None
        return await self._check_token(connection, self._access.token)

    async def _check_token(self, connection: HTTPConnection, token: str) -> Response | None:
        if secrets.compare_digest(connection.cookies.get(COOKIE, "").encode(), token.encode()):
            return None
        received = connection.query_params.get("token")
        if received is None:
            return HTMLResponse(self._token_page.replace("<!-- problem -->", ""), 401)
        if not secrets.compare_digest(received.encode(), token.encode()):
            await asyncio.sleep(1)  # slows down guessing
            return HTMLResponse(self._token_page.replace("<!-- problem -->", "The token is wrong."), 401)
        response = RedirectResponse("./", 303)  # removes the token from the URL
        response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=self._access.secure)
        return response


def _split(address: str) -> tuple[str | None, str | None]:
    """The name of the host of an address, and with its port; None for a malformed one."""
    try:
        parts = urlsplit(address)
        return parts.hostname, parts.netloc
    except ValueError:
        return None, None


def _refused(what: str, origin: str, status: int) -> Response:
    remedy = f"Behind a proxy or a forwarded port, start it with --origin={origin}"
    return PlainTextResponse(f"The monitor refuses {what}. {remedy}", status)
