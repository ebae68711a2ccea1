"""Network address and access settings of the monitor."""

import contextlib
import ipaddress
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Access:
    """Access settings of a running monitor.

    Attributes:
        token: a client must send it; None accepts every request to a loopback host name.
        secure: the page is served over TLS.
    """

    token: str | None = None
    secure: bool = False


@dataclass(frozen=True)
class ServerAddress:
    """Where the monitor is served.

    Attributes:
        host: a name or address of this machine. Other machines can connect, with the token, if it is not loopback.
        port: TCP port; 0 selects a free one.
        token: access token that every client needs. None: none on loopback, else a random one.
        certificate, key: PEM files for https. Browsers allow the microphone on pages of other machines over https only.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host in LOOPBACK
