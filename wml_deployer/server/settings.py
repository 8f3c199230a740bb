"""The settings of a server, and the information that clients need to reach it."""

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
        url: URL of the service, without a trailing slash.
        ca_bundle: Certificate of its authority, which clients must trust.
        username: User name of the account.
        apikey: API key of the account; also its password.
        space_id: Id of the default space.
        version: Release of Cloud Pak for Data that it emulates.

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
        """Return the information as JSON data, including the key."""
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
        directory: Data folder.
        host: Address to listen on.
        port: Port to listen on; 0 takes the port of the last run if it is free, else any free one.
        username: User name of the account.
        apikey: API key of the account; None takes the key of the folder, which is created at the first start.
        allow_remote: Whether other machines may reach the address.
        until_unused: Whether to stop when no process uses the folder any more.
        controllable: Whether to offer the control API.

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
