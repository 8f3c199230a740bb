"""What two versions of a model differ in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wml_deployer.display._frames import Differences
    from wml_deployer.metadata import Version

__all__ = ["differences"]


def differences(one: Version, other: Version) -> Differences:
    """Set what differs side by side.

    Args:
        one: A version.
        other: Another one.

    Returns:
        One row for each difference: indexed by part and name, one column for each version; null where it has none.

    """
    import pandas as pd  # noqa: PLC0415 - importing this module is cheap

    from wml_deployer.display._frames import Differences  # noqa: PLC0415

    ours, theirs = _facts(one), _facts(other)
    keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    rows = [(ours.get(key), theirs.get(key)) for key in keys]
    index = pd.MultiIndex.from_tuples(keys, names=["part", "name"]) if keys else pd.MultiIndex.from_arrays([[], []])
    return Differences(rows, index=index.set_names(["part", "name"]), columns=[one.name, other.name], dtype=object)


def _facts(version: Version) -> dict[tuple[str, str], Any]:
    facts: dict[tuple[str, str], Any] = {
        ("model", "type"): version.model_type,
        ("model", "route"): version.route,
        ("model", "software specification"): version.software_specification,
        ("model", "digest"): version.digest,
    }
    facts |= {("parameters", name): value for name, value in version.parameters.items()}
    facts |= {("libraries", name): value for name, value in version.libraries.items()}
    facts |= {("schema", field.name): f"{place}: {field.dtype}" for place, field in enumerate(version.fields)}
    facts |= {("classes", str(place)): label for place, label in enumerate(version.classes)}
    return facts | {("metrics", name): value for name, value in version.metrics.items()}
