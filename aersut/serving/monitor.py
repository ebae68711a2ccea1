"""The monitor's HTTP server."""

import secrets
import socket
import ssl
from collections.abc import Callable
from urllib.parse import quote

from aersut.errors import UserError
from aersut.serving.address import Access, ServerAddress
from aersut.serving.predict import PredictOptions
from aersut.serving.served_models import ServedModels

MIN_TOKEN_LENGTH = 8


def serve(models: ServedModels, options: PredictOptions, address: ServerAddress, ready: Callable[[str], None]) -> None:
    """Serve the monitor until interrupted.

    Args:
        ready: called with the URL, which includes the token, once the server answers.

    Raises:
        UserError: the monitor's libraries are not installed, or the address cannot be used.
    """
    try:
        import uvicorn

        from aersut.serving.web import Limits, application
    except ModuleNotFoundError as error:
        raise UserError(f"the monitor needs {error.name}: install it with pip install 'aersut[monitor]'.") from None
    token = _token(address)
    secure = address.certificate is not None
    _check_tls(address)
    with _bound_socket(address) as bound:
        config = uvicorn.Config(
            application(models, options, Access(token, secure, address.origins), Limits()),
            log_level="warning",
            access_log=False,
            ws="websockets-sansio",
            ws_max_size=1 << 20,
            timeout_graceful_shutdown=2,
            ssl_certfile=address.certificate,
            ssl_keyfile=address.key,
        )
        host = f"[{address.host}]" if ":" in address.host else address.host
        url = f"http{'s' if secure else ''}://{host}:{bound.getsockname()[1]}/"

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                ready(url + (f"?token={quote(token, safe='')}" if token else ""))

        Server(config).run([bound])


def _token(address: ServerAddress) -> str | None:
    if address.loopback and address.token is None:
        return None
    token = secrets.token_urlsafe(16) if address.token is None else address.token
    if len(token) < MIN_TOKEN_LENGTH:
        raise UserError(
            f"--token has {len(token)} characters: expected {MIN_TOKEN_LENGTH} or more, or no --token for a random one."
        )
    return token


def _check_tls(address: ServerAddress) -> None:
    if address.certificate is None:
        if address.key is not None:
            raise UserError("--key needs the --certificate that it belongs to.")
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(address.certificate, address.key)
    except OSError as error:  # includes the errors of ssl
        reason = error.strerror or error
        raise UserError(f"--certificate={address.certificate}: {reason}. Expected a PEM file.") from None


def _bound_socket(address: ServerAddress) -> socket.socket:
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((address.host, address.port), family=family)
    except (OSError, UnicodeError) as error:  # UnicodeError: of a host name with an empty part
        reason = error.strerror if isinstance(error, OSError) else "it is no host name"
        raise UserError(
            f"the monitor cannot be served at {address.host}:{address.port}: {reason}. Choose another --port or --host."
        ) from None
