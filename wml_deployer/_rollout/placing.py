"""Choose the runtime that a prepared model is served by, and what is installed over it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from wml_deployer._environment.requirements import pins_of
from wml_deployer._preflight.model import function_findings, model_findings
from wml_deployer._rollout.preparing import imported_modules
from wml_deployer.errors import SpecificationError
from wml_deployer.frameworks._registry import FRAMEWORKS
from wml_deployer.specifications import choose_carrier, choose_function_specification, choose_specification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._environment import Environment
    from wml_deployer._rollout.preparing import PreparedModel
    from wml_deployer.reports import Finding
    from wml_deployer.specifications import Specification

__all__ = ["Placement", "place"]


class Placement(NamedTuple):
    """A model on its way, with what runs it there.

    Attributes:
        prepared: The model; a function where no runtime serves it natively.
        base: The runtime of the service that runs it.
        specification: The same with what is installed over it, and the packages of both.
        offered: Every specification that the service lists.
        findings: What would go wrong with it.

    """

    prepared: PreparedModel
    base: Specification
    specification: Specification
    offered: Sequence[Specification]
    findings: tuple[Finding, ...]

    @property
    def lacks_libraries(self) -> bool:
        """Whether something beside the model itself stands in the way: what the runtime has installed."""
        own = len(self.prepared.findings)
        return any(finding.severity == "error" for finding in self.findings[own:])


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
        return _place_function(client, prepared, name)
    try:
        native = _place_natively(client, prepared, name)
    except SpecificationError as error:
        if prepared.as_function is None or name is not None:
            raise
        return _place_function(client, prepared.as_function(error.message), name)
    obstacle = next((finding for finding in native.findings if finding.severity == "error"), None)
    if obstacle is None or prepared.as_function is None:
        return native
    function = _place_function(client, prepared.as_function(f"{obstacle.subject}: {obstacle.problem}"), name)
    return native if any(finding.severity == "error" for finding in function.findings) else function


def _place_natively(client: Client, prepared: PreparedModel, name: str | None) -> Placement:
    offered, profile = client.specifications(), prepared.profile
    try:
        base, served = _runtime_of((profile.model_type, *prepared.other_types), offered, name)
        prepared = replace(prepared, profile=replace(profile, model_type=served))
    except SpecificationError:
        framework = profile.model_type.rpartition("_")[0]
        carrier = choose_carrier(framework, offered, name=name)
        if carrier is None or not prepared.environment.installs(framework):
            raise
        # The requirements bring the model's own release. The runtime serves it under the type of its own one.
        base, carried = carrier
        prepared = replace(prepared, profile=replace(profile, model_type=f"{framework}_{carried}"))
    specification = prepared.environment.applied_to(client.specification(base))
    unfit = model_findings(prepared.profile, prepared.package, specification)
    return Placement(prepared, base, specification, offered, (*prepared.findings, *unfit))


def _runtime_of(types: Sequence[str], offered: Sequence[Specification], name: str | None) -> tuple[Specification, str]:
    """Choose the runtime for the first of several model types that one serves.

    Raises:
        SpecificationError: None does; it says why of the best type.

    """
    refused = None
    for model_type in types:
        try:
            return choose_specification(model_type, offered, name=name), model_type
        except SpecificationError as error:  # noqa: PERF203 - two or three types at most
            refused = refused or error
    raise refused or AssertionError("no model type")


def _place_function(client: Client, prepared: PreparedModel, name: str | None) -> Placement:
    offered, profile = client.specifications(), prepared.profile
    base = choose_function_specification(profile.python, offered, name=name)
    runtime = client.specification(base)
    # The embedded service runs everything with the Python and the packages that are here.
    is_embedded = urlsplit(client.url).hostname in {"127.0.0.1", "localhost", "::1"}

    def placed(environment: Environment) -> Placement:
        specification = environment.applied_to(runtime)
        unfit = tuple(function_findings(profile, prepared.package, specification, here=is_embedded))
        equipped = replace(prepared, environment=environment)
        return Placement(equipped, base, specification, offered, (*prepared.findings, *unfit))

    asked = placed(prepared.environment)
    if prepared.environment.requirements or name is not None or not asked.lacks_libraries:
        return asked
    # Where the runtime lacks what the model needs, it is installed at the versions of this process.
    frameworks = {each.package for each in FRAMEWORKS if each.name in profile.libraries}
    modules = (
        imported_modules(prepared.package, prepared.environment.code)
        | frameworks
        | (profile.libraries.keys() & {"numpy", "pandas"})
    )
    pinned = placed(replace(prepared.environment, requirements=pins_of(modules)))
    return asked if pinned.lacks_libraries else pinned
