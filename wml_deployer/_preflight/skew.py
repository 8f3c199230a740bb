"""Libraries of this process beside those of the runtime: a pickle is only sure to load where it was made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wml_deployer.reports import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wml_deployer.specifications import Specification

__all__ = ["skew", "skew_findings"]

_STRICT = frozenset({"scikit-learn", "xgboost"})
"""Libraries whose models are not promised to load in another minor release."""

_ALIASES = {"xgboost": ("py-xgboost", "xgboost-cpu", "libxgboost")}
"""Other names that runtimes list a library by."""


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


def skew_findings(libraries: Mapping[str, str], specification: Specification) -> Iterator[Finding]:
    """Compare what a model was fitted with to what its runtime carries.

    Patch releases are taken to agree. Another minor release of scikit-learn or XGBoost is an error, of anything
    else a warning; another major release is an error, save for numpy, whose release 1.26 reads what numpy 2 wrote.

    Args:
        libraries: Version by name of what the model was fitted with.
        specification: The runtime, with its packages.

    """
    for name, here in libraries.items():
        there = _carried(name, specification)
        apart = skew(here, there) if there else None
        if there is None or apart is None:
            continue
        yield Finding(
            _severity(name, apart, there),
            name,
            f"{here} here, {there} in {specification.name}: another {apart} release",
            f"Fit the model with {name} {there}, or choose a specification= that carries {name} {here}.",
        )


def _severity(name: str, apart: str, there: str) -> Severity:
    if apart == "minor":
        return "error" if name in _STRICT else "warning"
    reads_numpy_2 = name == "numpy" and _numbers(there)[:2] >= (1, 26)
    return "warning" if reads_numpy_2 else "error"


def _carried(name: str, specification: Specification) -> str | None:
    names = (name, *_ALIASES.get(name, ()))
    return next((specification.packages[each] for each in names if specification.packages.get(each)), None)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
