"""Software specifications as the service tells them."""

from __future__ import annotations

from typing import Any

from wml_deployer.specifications import LifeCycle, Specification

__all__ = ["entity", "packages", "specification_of"]


def specification_of(item: dict[str, Any]) -> Specification:
    """Read an entry of the list; its packages are asked for on their own."""
    metadata = item["metadata"]
    cycle = metadata.get("life_cycle", {})
    state = _state(cycle)
    return Specification(
        id=metadata["asset_id"],
        name=metadata["name"],
        state=state,
        replacement=cycle.get("replacement_name"),
        notes=_notes(cycle.get(state)),
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


def _notes(said: object) -> str:
    # IBM documents no keys here: whatever stands there, since when or until when, is for the reader.
    listed = said.items() if isinstance(said, dict) else ()
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in listed if isinstance(value, str | int))
