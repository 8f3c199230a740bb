"""Whether a software specification runs the model, and for how long yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.reports import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.specifications import Specification

__all__ = ["life_findings"]


def life_findings(specification: Specification) -> Iterator[Finding]:
    """Tell where a specification is in its life, if that is not its best time.

    Args:
        specification: The one that would run the model, or runs it.

    """
    if specification.state == "supported":
        return
    says = {
        "deprecated": "it still takes models, and will not for long",
        "constricted": "it keeps the models that it has, and takes no new ones",
        "retired": "it is gone",
    }
    yield Finding(
        "warning" if specification.state == "deprecated" else "error",
        specification.name,
        f"the software specification is {specification.state} ({specification.notes or 'the service tells no date'}): "
        f"{says[specification.state]}",
        f"Move to {specification.replacement}." if specification.replacement else "Move to a supported one.",
    )
