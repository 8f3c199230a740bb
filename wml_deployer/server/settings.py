"""The settings of a server, and the information that its users need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ServerInfo", "Settings"]


@dataclass(frozen=True)
class ServerInfo:
    """How to reach a running service.

    Attributes:
        url: Where it answers, without a slash at the end.
        ca_bundle: The certificate of its authority, which clients are to trust.
        username: The account's name.
        apikey: The account's key; it is also the password.
        space_id: The space that its first start made.
        version: The release of Cloud Pak for Data that it speaks.

    Example:
        >>> from pathlib import Path
        >>> ServerInfo("https://127.0.0.1:8443", Path("ca.pem"), "admin", "secret", "id", "5.0").url
        'https://127.0.0.1:8443'

    """

    url: str
    ca_bundle: Path
    username: str
    apikey: str = field(repr=False)
    space_id: str
    version: str

    def document(self) -> dict[str, str]:
        """Return it as JSON data, the key included."""
        return {
            "url": self.url,
            "ca_bundle": str(self.ca_bundle),
            "username": self.username,
            "apikey": self.apikey,
            "space_id": self.space_id,
            "version": self.version,
        }


@dataclass(frozen=True)
class Settings:
    """Settings of a server.

    Attributes:
        directory: The folder that it keeps everything in.
        host: The address that it listens on.
        port: The port; 0 takes the one it had last time, or else any that is free.
        username: The account's name.
        apikey: The account's key; None takes the folder's own, which is made at the first start.
        allow_remote: Whether it may listen on an address that others reach.
        until_unused: Whether it stops by itself when no process uses the folder any more.
        controllable: Whether it has the control API.

    Example:
        >>> from pathlib import Path
        >>> Settings(Path(".wml"), port=8443).host
        '127.0.0.1'

    """

    directory: Path
    host: str = "127.0.0.1"
    port: int = 0
    username: str = "admin"
    apikey: str | None = field(default=None, repr=False)
    allow_remote: bool = False
    until_unused: bool = False
    controllable: bool = False
