"""Where the monitor is to be found, and who is let in."""

import contextlib
import ipaddress
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Access:
    """Who is let in.

    Attributes:
        token: has to be shown; None lets in whoever reaches the loopback interface by one of its own names.
        secure: the page is served over TLS.
    """

    token: str | None = None
    secure: bool = False


@dataclass(frozen=True)
class Place:
    """Where the monitor is to be found.

    Attributes:
        host: a name or address of this machine; one that is not loopback lets others in, with the token.
        port: 0 is any that is free.
        token: what they have to show; None makes one.
        certificate, key: PEM files, for https; a browser gives its microphone to no other page of another machine.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def loopback(self) -> bool:
        """Whether nobody but this machine reaches it."""
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host in LOOPBACK
