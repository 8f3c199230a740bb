"""The part of the checks that is about the model: ``store`` refuses what has an error here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer._preflight.pickled import pickled_findings
from wml_deployer._preflight.skew import skew_findings
from wml_deployer.errors import CheckError, Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wml_deployer.frameworks import ModelProfile
    from wml_deployer.packaging import Package
    from wml_deployer.reports import Finding
    from wml_deployer.specifications import Specification

__all__ = ["model_findings", "refuse"]


def model_findings(profile: ModelProfile, package: Package, specification: Specification) -> Iterator[Finding]:
    """Find what keeps the runtime from loading the model as it was fitted.

    Args:
        profile: What is known of the model.
        package: Its archive.
        specification: The runtime, with its packages.

    """
    yield from skew_findings(
        profile.libraries, specification, lambda: {module.partition(".")[0] for module, _ in package.scan().globals}
    )
    yield from pickled_findings(package.scan(), specification)


def refuse(findings: Iterable[Finding], operation: str, cause: BaseException | None = None) -> None:
    """Raise the errors among findings, all at once.

    Args:
        findings: Errors and warnings.
        operation: The verb that refuses.
        cause: What the model's own code raised, if that is among the errors.

    Raises:
        CheckError: There is an error among them.

    """
    found = [finding for finding in findings if finding.severity == "error"]
    if found:
        raise CheckError(
            "The model would fail on the service, or answer otherwise than here. Nothing was uploaded.",
            operation=operation,
            faults=tuple(Fault(finding.subject, finding.problem, finding.next_step) for finding in found),
            next_step="Correct each of them; check() lists warnings as well.",
        ) from cause
