"""Credentials for the embedded service as users give them: credentials.yaml, and environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from wml_deployer.server import ServerInfo

__all__ = ["credential_variables", "write_credentials"]

NAMES = ("url", "username", "apikey", "space_id", "ca_bundle")


def write_credentials(path: Path, info: ServerInfo) -> None:
    """Write a file that nobody else can read, with what a client needs to reach the service."""
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}: {getattr(info, name)}\n" for name in NAMES), encoding="utf-8")


def credential_variables(info: ServerInfo) -> dict[str, str]:
    """Return the environment variables that name the service, as workers and pipelines have them."""
    return {f"WML_{name.upper()}": str(getattr(info, name)) for name in NAMES}
