"""Software specifications as the service tells them."""

from __future__ import annotations

from typing import Any

from wml_deployer.specifications import LifeCycle, Specification

__all__ = ["entity", "packages", "specification_of"]


def specification_of(item: dict[str, Any]) -> Specification:
    """Read an entry of the list; its packages are asked for on their own."""
    metadata = item["metadata"]
    return Specification(
        id=metadata["asset_id"],
        name=metadata["name"],
        state=_state(metadata.get("life_cycle", {})),
        replacement=metadata.get("life_cycle", {}).get("replacement_name"),
        packages={},
    )


def packages(document: dict[str, Any]) -> dict[str, str]:
    """Return version by name of what a runtime carries, its Python among it."""
    configuration = entity(document).get("software_configuration", {})
    platform = configuration.get("platform", {})
    listed = {item["name"]: str(item.get("version", "")) for item in configuration.get("included_packages", ())}
    return listed | ({"python": str(platform["version"])} if platform.get("name") == "python" else {})


def entity(document: dict[str, Any]) -> dict[str, Any]:
    """Return what a specification's document says of it."""
    found: dict[str, Any] = document["entity"].get("software_specification", {})
    return found


def _state(cycle: dict[str, Any]) -> LifeCycle:
    # The end of a life counts: a retired specification was deprecated before.
    ends: tuple[LifeCycle, ...] = ("retired", "constricted", "deprecated")
    return next((state for state in ends if state in cycle), "supported")
