"""Everything that can be found out about a rollout before it: nothing is uploaded, nothing is changed."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from wml_deployer._preflight.content import schema_findings, size_findings
from wml_deployer._preflight.errors_as_findings import as_findings, service_subject
from wml_deployer._preflight.model import model_findings
from wml_deployer._preflight.space import space_findings
from wml_deployer._preflight.specification import life_findings
from wml_deployer._rollout.rollback import find_version
from wml_deployer._rollout.storing import prepared
from wml_deployer.errors import SpecificationError, WMLDeployerError
from wml_deployer.reports import CheckReport, Finding
from wml_deployer.specifications import choose_specification

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer._clients.protocol import Client
    from wml_deployer._rollout.storing import Candidate
    from wml_deployer._rollout.versions import Wish
    from wml_deployer.metadata import Metadata
    from wml_deployer.specifications import Specification

__all__ = ["check"]

T = TypeVar("T")
_ORDER = {"error": 0, "warning": 1}


def check(connect: Callable[[], Client], metadata: Metadata, wish: Wish) -> CheckReport:
    """Find what would go wrong with a model, as far as each step lets the next one look.

    Args:
        connect: Logs in; what it raises is a finding.
        metadata: The project.
        wish: The model and how it shall be stored.

    """
    findings: list[Finding] = []
    client = _collect(findings, None, connect)
    if client is not None:
        _collect(findings, None, lambda: findings.extend(space_findings(client)))
    look = _look_at_new if wish.stored is None else _look_at_stored
    model_type, specification = look(findings, client, metadata, wish)
    ordered = sorted(findings, key=lambda finding: _ORDER[finding.severity])
    return CheckReport(tuple(ordered), model_type, specification.name if specification else None)


def _look_at_new(
    findings: list[Finding], client: Client | None, metadata: Metadata, wish: Wish
) -> tuple[str | None, Specification | None]:
    with ExitStack() as stack:
        packed = prepared(wish.model, metadata, wish.sample, unpickle=wish.unpickle)
        candidate = _collect(findings, "model", lambda: stack.enter_context(packed))
        if candidate is None:
            return None, None
        model_type, package = candidate.profile.model_type, candidate.package
        findings += candidate.findings
        findings += schema_findings(candidate.profile.schema, sampled=wish.sample is not None)
        findings += size_findings(package.size)
        specification = _chosen(findings, client, model_type, wish.specification) if client else None
        if specification is not None:
            _collect(findings, "model", lambda: findings.extend(_unfit(candidate, specification)))
        return model_type, specification


def _look_at_stored(
    findings: list[Finding], client: Client | None, metadata: Metadata, wish: Wish
) -> tuple[str | None, Specification | None]:
    version = _collect(findings, "model", lambda: find_version(metadata, str(wish.stored), "check"))
    if version is None or client is None:
        return None, None
    offered = _collect(findings, None, client.specifications) or ()
    specification = next((each for each in offered if each.name == version.software_specification), None)
    if specification is not None:
        findings += life_findings(specification)
    return version.model_type, specification


def _unfit(candidate: Candidate, specification: Specification) -> list[Finding]:
    return list(model_findings(candidate.profile, candidate.package, specification))


def _chosen(findings: list[Finding], client: Client, model_type: str, name: str | None) -> Specification | None:
    """Choose the specification as ``store`` does, with its packages."""
    offered = _collect(findings, None, client.specifications)
    if offered is None:
        return None
    try:
        chosen = choose_specification(model_type, offered, name=name)
    except SpecificationError as error:
        findings += as_findings(error, name or model_type)
        return None
    findings += life_findings(chosen)
    return _collect(findings, None, lambda: client.specification(chosen))


def _collect(findings: list[Finding], subject: str | None, call: Callable[[], T]) -> T | None:
    """Return what a step gives; where it fails, that is a finding."""
    try:
        return call()
    except WMLDeployerError as error:
        findings += as_findings(error, subject or service_subject(error))
        return None
