"""Network address and access settings of the monitor."""

import contextlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aersut.errors import UserError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Access:
    """Access settings of a running monitor.

    Attributes:
        token: a client must send it; None accepts every request to a loopback host name, or to the host of an origin.
        secure: the page is served over TLS.
        origins: of further pages that may use the monitor, see `parse_origins`.
    """

    token: str | None = None
    secure: bool = False
    origins: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ServerAddress:
    """Where the monitor is served.

    Attributes:
        host: a name or address of this machine. Other machines can connect, with the token, if it is not loopback.
        port: TCP port; 0 selects a free one.
        token: access token that every client needs. None: none on loopback, else a random one.
        certificate, key: PEM files for https. Browsers allow the microphone on pages of other machines over https only.
        origins: under which browsers see the page if a proxy or a forwarded port is in between.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    origins: frozenset[str] = frozenset()

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host in LOOPBACK


def parse_origins(texts: Iterable[str]) -> frozenset[str]:
    """Origins as browsers send them, from URLs.

    Raises:
        UserError: a text is not a URL of http or https.

    >>> sorted(parse_origins(["https://Example.org/monitor/", "http://localhost:80"]))
    ['http://localhost', 'https://example.org']
    """
    return frozenset(map(_origin, texts))


def _origin(text: str) -> str:
    with contextlib.suppress(ValueError):  # an invalid port
        url = urlsplit(text.strip())
        if url.scheme in DEFAULT_PORTS and url.hostname and "@" not in url.netloc:
            host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
            port = "" if url.port in (None, DEFAULT_PORTS[url.scheme]) else f":{url.port}"
            return f"{url.scheme}://{host}{port}"
    raise UserError(f"--origin={text}: expected the URL of the page in the browser, such as https://example.org:8443.")
