"""The service's own certificate authority, and the certificate it shows on loopback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wml_deployer.server.storage.folder import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Certificates", "ensure_certificates"]


@dataclass(frozen=True)
class Certificates:
    """Where the certificates of a folder are.

    Attributes:
        ca_bundle: The authority's certificate, which clients are to trust.
        server: The server's key and chain; readable by the owner only.

    """

    ca_bundle: Path
    server: Path


def ensure_certificates(directory: Path, hosts: Iterable[str]) -> Certificates:
    """Return the folder's certificates, making them the first time.

    The authority's key is not kept: it signs this one certificate and is gone, so that nobody who reads the folder can
    make certificates that its users trust.
    """
    certificates = Certificates(directory / "ca.pem", directory / "server.pem")
    if not (certificates.ca_bundle.exists() and certificates.server.exists()):
        _make(certificates, hosts)
    return certificates


def _make(certificates: Certificates, hosts: Iterable[str]) -> None:
    # Only the first start of a folder pays for loading the cryptography behind it.
    import trustme  # noqa: PLC0415

    authority = trustme.CA(organization_name="wml_deployer embedded service")
    leaf = authority.issue_cert(*hosts)
    write_atomically(certificates.server, leaf.private_key_and_cert_chain_pem.bytes())
    write_atomically(certificates.ca_bundle, authority.cert_pem.bytes())
