"""Check everything about a rollout that can be known beforehand; nothing is uploaded or changed."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from wml_deployer._preflight.findings import (
    as_findings,
    life_findings,
    schema_findings,
    service_subject,
    size_findings,
    space_findings,
)
from wml_deployer._rollout.placing import place
from wml_deployer._rollout.preparing import prepare_model
from wml_deployer._rollout.rollback import find_version
from wml_deployer.errors import ModelError, SpecificationError, WMLDeployerError
from wml_deployer.reports import CheckReport, Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer._clients.protocol import Client
    from wml_deployer._rollout.placing import Placement
    from wml_deployer._rollout.preparing import StoreRequest
    from wml_deployer.metadata import Metadata, Route
    from wml_deployer.specifications import Specification

__all__ = ["check"]

T = TypeVar("T")
_ORDER = {"error": 0, "warning": 1}


class _Seen(NamedTuple):
    """What is known of a model, as far as it can be found out."""

    model_type: str | None = None
    specification: Specification | None = None
    route: Route | None = None
    why: str = ""


def check(connect: Callable[[], Client], metadata: Metadata, request: StoreRequest) -> CheckReport:
    """Find what would go wrong with a model, as far as each step lets the next one look.

    Args:
        connect: Logs in; what it raises is a finding.
        metadata: The project.
        request: The model and how to store it.

    """
    findings: list[Finding] = []
    client = _collect(findings, None, connect)
    if client is not None:
        _collect(findings, None, lambda: findings.extend(space_findings(client)))
    look = _look_at_new if request.stored is None else _look_at_stored
    seen = look(findings, client, metadata, request)
    ordered = sorted(findings, key=lambda finding: _ORDER[finding.severity])
    name = seen.specification.name if seen.specification else None
    return CheckReport(tuple(ordered), seen.model_type, name, seen.route, seen.why)


def _look_at_new(findings: list[Finding], client: Client | None, metadata: Metadata, request: StoreRequest) -> _Seen:
    with ExitStack() as stack:
        prepared = _collect(findings, "model", lambda: stack.enter_context(prepare_model(request, metadata)))
        if prepared is None:
            return _Seen()
        found, specification = prepared.findings, None
        if client is not None:
            try:
                placement = place(client, prepared, request.specification)
            except SpecificationError as error:
                findings += as_findings(error, request.specification or prepared.profile.model_type)
            except WMLDeployerError as error:
                findings += as_findings(error, "model" if isinstance(error, ModelError) else service_subject(error))
            else:
                prepared, specification, found = placement.prepared, placement.specification, placement.findings
                findings += life_findings(placement.base)
                if request.isolated:
                    _collect(findings, "isolation", lambda: _prove(placement))
        findings += found
        findings += schema_findings(prepared.profile.schema, sampled=request.sample is not None)
        findings += size_findings(prepared.package.size)
        return _Seen(prepared.profile.model_type, specification, prepared.route, prepared.why)


def _prove(placement: Placement) -> None:
    """Prove a model in a clean virtual environment."""
    from wml_deployer._environment.isolated import prove_in_isolation  # noqa: PLC0415 - only who asks for it needs it

    prepared = placement.prepared
    prove_in_isolation(
        prepared.package.path,
        prepared.sample,
        placement.specification,
        prepared.environment,
        prepared.profile.libraries,
        is_function=prepared.route == "function",
    )


def _look_at_stored(findings: list[Finding], client: Client | None, metadata: Metadata, request: StoreRequest) -> _Seen:
    version = _collect(findings, "model", lambda: find_version(metadata, str(request.stored), "check"))
    if version is None or client is None:
        return _Seen()
    offered = _collect(findings, None, client.specifications) or ()
    specification = next((each for each in offered if each.name == version.software_specification), None)
    if specification is not None:
        findings += life_findings(specification)
    return _Seen(version.model_type, specification, version.route)


def _collect(findings: list[Finding], subject: str | None, call: Callable[[], T]) -> T | None:
    """Return what a step gives; where it fails, that is a finding."""
    try:
        return call()
    except WMLDeployerError as error:
        findings += as_findings(error, subject or service_subject(error))
        return None
