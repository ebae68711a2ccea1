"""The monitor as a server on this machine."""

import secrets
import socket
import ssl
from collections.abc import Callable

from aersut.errors import UserError
from aersut.serving.gallery import Gallery
from aersut.serving.place import Access, Place
from aersut.serving.predict import Options

SHORTEST = 8
"""Characters of a token of one's own."""


def serve(gallery: Gallery, options: Options, place: Place, ready: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        ready: is told the address, with the token, when it answers there.

    Raises:
        UserError: the monitor's libraries are not installed, or it cannot be served there.
    """
    try:
        import uvicorn

        from aersut.serving.web import Limits, application
    except ModuleNotFoundError as error:
        raise UserError(f"the monitor needs {error.name}: pip install 'aersut[monitor]'.") from None
    token = _token(place)
    secure = place.certificate is not None
    _check_tls(place)
    with _listening(place) as listening:
        config = uvicorn.Config(
            application(gallery, options, Access(token, secure), Limits()),
            log_level="warning",
            access_log=False,
            ws="websockets-sansio",
            ws_max_size=1 << 20,
            timeout_graceful_shutdown=2,
            ssl_certfile=place.certificate,
            ssl_keyfile=place.key,
        )
        host = f"[{place.host}]" if ":" in place.host else place.host
        address = f"http{'s' if secure else ''}://{host}:{listening.getsockname()[1]}/"

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                ready(address + (f"?token={token}" if token else ""))

        Server(config).run([listening])


def _token(place: Place) -> str | None:
    if place.loopback and place.token is None:
        return None
    token = secrets.token_urlsafe(16) if place.token is None else place.token
    if len(token) < SHORTEST:
        raise UserError(
            f"--token has {len(token)} characters: take at least {SHORTEST}, or leave it out to have one made."
        )
    return token


def _check_tls(place: Place) -> None:
    if place.certificate is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(place.certificate, place.key)
    except OSError as error:  # ssl's errors are such too
        raise UserError(f"--certificate={place.certificate}: {error.strerror or error}. Expected a PEM file.") from None


def _listening(place: Place) -> socket.socket:
    try:
        family = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((place.host, place.port), family=family)
    except OSError as error:
        raise UserError(
            f"the monitor cannot be served at {place.host}:{place.port}: {error.strerror}. "
            "Choose another --port or --host."
        ) from None
