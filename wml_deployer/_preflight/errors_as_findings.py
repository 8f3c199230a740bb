"""Errors of other parts of this library, said as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.errors import (
    AuthenticationError,
    AuthorizationError,
    CertificateError,
    DeadlineError,
    TransportError,
    WMLDeployerError,
)
from wml_deployer.reports import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["as_findings", "service_subject"]

_SUBJECTS: tuple[tuple[type[WMLDeployerError], str], ...] = (
    (AuthenticationError, "credentials"),
    (AuthorizationError, "rights"),
    (CertificateError, "certificate"),
    (TransportError, "service"),
    (DeadlineError, "service"),
)
_FALLBACKS = {
    "credentials": "Check the key in the credentials.",
    "rights": "Ask the space's admin for the role editor.",
    "certificate": "Give the authority's certificate as ca_bundle in the credentials.",
    "service": "Check the url in the credentials, and whether a proxy or VPN stands in between.",
}


def service_subject(error: WMLDeployerError) -> str:
    """Name what an error of the service is about."""
    return next((subject for kind, subject in _SUBJECTS if isinstance(error, kind)), "service")


def as_findings(error: WMLDeployerError, subject: str) -> Iterator[Finding]:
    """Turn an error, with each of its faults, into findings.

    Args:
        error: What was raised.
        subject: What it is about.

    """
    next_step = error.next_step or _FALLBACKS.get(subject, "Correct it and check again.")
    yield Finding("error", subject, error.message, next_step)
    for fault in error.faults:
        yield Finding("error", fault.where, fault.problem, fault.expected or next_step)
