"""The certificate authority of the service, and the certificate that it uses on loopback."""

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
    """Paths of the certificates in a folder.

    Attributes:
        ca_bundle: Certificate of the authority, which clients must trust.
        server: Key and certificate chain of the server; readable by the owner only.

    """

    ca_bundle: Path
    server: Path


def ensure_certificates(directory: Path, hosts: Iterable[str]) -> Certificates:
    """Return the certificates of the folder, creating them the first time.

    The key of the authority is discarded once it has signed this certificate, so that nobody who can read the folder
    can issue certificates that its users trust.
    """
    certificates = Certificates(directory / "ca.pem", directory / "server.pem")
    if not (certificates.ca_bundle.exists() and certificates.server.exists()):
        _make(certificates, hosts)
    return certificates


def _make(certificates: Certificates, hosts: Iterable[str]) -> None:
    # Deferred: slow to import, and needed only the first time.
    import trustme  # noqa: PLC0415

    authority = trustme.CA(organization_name="wml_deployer embedded service")
    leaf = authority.issue_cert(*hosts)
    write_atomically(certificates.server, leaf.private_key_and_cert_chain_pem.bytes())
    write_atomically(certificates.ca_bundle, authority.cert_pem.bytes())
