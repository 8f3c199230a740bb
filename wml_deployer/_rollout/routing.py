"""Place a model on the service: on which way it goes live, and on which software specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from wml_deployer._preflight.model import function_findings, model_findings
from wml_deployer.errors import SpecificationError
from wml_deployer.specifications import choose_function_specification, choose_specification

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._rollout.preparing import PreparedModel
    from wml_deployer.reports import Finding
    from wml_deployer.specifications import Specification

__all__ = ["Placement", "place"]


class Placement(NamedTuple):
    """A model on its way, with what runs it there.

    Attributes:
        prepared: The model; a function where no runtime serves it natively.
        specification: What runs it, with its packages.
        findings: What would go wrong with it.

    """

    prepared: PreparedModel
    specification: Specification
    findings: tuple[Finding, ...]


def place(client: Client, prepared: PreparedModel, name: str | None) -> Placement:
    """Choose the software specification of a model, and make a function of it where none serves it natively.

    Args:
        client: The deployment space.
        prepared: The model.
        name: Name of a software specification; ``None`` chooses one.

    Raises:
        SpecificationError: None fits, or the named one does not.

    """
    if prepared.route == "function":
        return _function(client, prepared, name)
    try:
        native = _native(client, prepared, name)
    except SpecificationError as error:
        if prepared.as_function is None or name is not None:
            raise
        return _function(client, prepared.as_function(error.message), name)
    obstacle = next((finding for finding in native.findings if finding.severity == "error"), None)
    if obstacle is None or prepared.as_function is None:
        return native
    function = _function(client, prepared.as_function(f"{obstacle.subject}: {obstacle.problem}"), name)
    return native if any(finding.severity == "error" for finding in function.findings) else function


def _native(client: Client, prepared: PreparedModel, name: str | None) -> Placement:
    chosen = choose_specification(prepared.profile.model_type, client.specifications(), name=name)
    specification = client.specification(chosen)
    unfit = model_findings(prepared.profile, prepared.package, specification)
    return Placement(prepared, specification, (*prepared.findings, *unfit))


def _function(client: Client, prepared: PreparedModel, name: str | None) -> Placement:
    chosen = choose_function_specification(prepared.profile.python, client.specifications(), name=name)
    specification = client.specification(chosen)
    # The embedded service runs everything with the Python and the packages that are here.
    is_embedded = urlsplit(client.url).hostname in {"127.0.0.1", "localhost", "::1"}
    unfit = function_findings(prepared.profile, prepared.package, specification, here=is_embedded)
    return Placement(prepared, specification, (*prepared.findings, *unfit))
