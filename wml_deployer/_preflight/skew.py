"""Libraries of this process beside those of the runtime: a pickle is only sure to load where it was made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wml_deployer.frameworks._registry import FRAMEWORKS
from wml_deployer.reports import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from wml_deployer.specifications import Specification

__all__ = ["differing_libraries", "skew", "skew_findings"]

_READS_EVERY_NUMPY = (1, 26)
"""From this release on NumPy reads arrays that NumPy 2 pickled."""


def skew(here: str, there: str) -> str | None:
    """Tell how far two versions are apart.

    Args:
        here: Version of this process.
        there: Version of the runtime; may be short, such as ``"3.12"``.

    Returns:
        ``"major"``, ``"minor"``, or ``None`` where they agree in both.

    Example:
        >>> skew("1.5.2", "1.6.1"), skew("1.6.0", "1.6.1"), skew("2.0.1", "1.26.4")
        ('minor', None, 'major')

    """
    ours, theirs = _numbers(here), _numbers(there)
    if ours[:1] != theirs[:1]:
        return "major"
    # A runtime may list a library by its major number alone.
    return "minor" if len(ours) > 1 and len(theirs) > 1 and ours[1] != theirs[1] else None


def skew_findings(
    libraries: Mapping[str, str], specification: Specification, pickled: Callable[[], Collection[str]] = tuple
) -> Iterator[Finding]:
    """Find the libraries whose release in the runtime may not load the model, or may answer otherwise.

    Patch releases agree. Models of scikit-learn and XGBoost load only in their own minor release, and those of other
    libraries may not load in another. Pickles do not depend on Python's minor release. NumPy from 1.26 on reads the
    arrays of every NumPy. pandas reads what older releases wrote, and matters only where the pickle holds its objects.

    Args:
        libraries: Version by name of what the model was fitted with.
        specification: The runtime, with its packages.
        pickled: Lists the top-level packages that the model's pickle refers to.

    """
    for name, (here, there) in differing_libraries(libraries, specification).items():
        severity = _severity(name, here, there, pickled)
        if severity is not None:
            yield Finding(
                severity,
                name,
                f"{here} here, {there} in {specification.name}: another {skew(here, there)} release",
                _next_step(name, here, there),
            )


def differing_libraries(libraries: Mapping[str, str], specification: Specification) -> dict[str, tuple[str, str]]:
    """Return the version here and in the runtime of each library that differs in more than a patch, by name.

    Args:
        libraries: Version by name of what the model was fitted with.
        specification: The runtime, with its packages.

    """
    pairs = {name: (here, _carried(name, specification)) for name, here in libraries.items() if name != "python"}
    return {name: (here, there) for name, (here, there) in pairs.items() if there and skew(here, there)}


def _severity(name: str, here: str, there: str, pickled: Callable[[], Collection[str]]) -> Severity | None:
    major = skew(here, there) == "major"
    if name == "numpy":
        return "error" if major and _numbers(there)[:2] < _READS_EVERY_NUMPY else None
    if name == "pandas":
        newer_there = _numbers(there) > _numbers(here)
        return None if newer_there or "pandas" not in pickled() else "error" if major else "warning"
    strict = any(framework.name == name and framework.needs_same_release for framework in FRAMEWORKS)
    return "error" if major or strict else "warning"


def _next_step(name: str, here: str, there: str) -> str:
    if name == "pandas":
        return "Keep pandas objects out of the fitted model: let its own steps learn arrays, with frame.to_numpy()."
    return (
        f"Fit the model with the runtime's release: pip install '{name}=={there}'; or choose a specification= that "
        f"carries {name} {here}."
    )


def _carried(name: str, specification: Specification) -> str | None:
    names = next((framework.packages for framework in FRAMEWORKS if framework.name == name), (name,))
    return next((specification.packages[each] for each in names if specification.packages.get(each)), None)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
