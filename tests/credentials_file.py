"""credentials.yaml as a user writes it, for the embedded service."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from wml_deployer.server import ServerInfo

__all__ = ["write_credentials"]


def write_credentials(path: Path, info: ServerInfo) -> None:
    """Write a file that nobody else can read, with what a client needs to reach the service."""
    path.touch(mode=0o600)
    names = ("url", "username", "apikey", "space_id", "ca_bundle")
    path.write_text("".join(f"{name}: {getattr(info, name)}\n" for name in names), encoding="utf-8")
