"""Find out whether a runtime can load a model: its libraries, and the classes in its pickles."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from wml_deployer._environment.requirements import pins_of
from wml_deployer.errors import CheckError, Fault
from wml_deployer.frameworks import major_minor
from wml_deployer.frameworks._inspection import distributions_of_modules
from wml_deployer.frameworks._registry import FRAMEWORKS
from wml_deployer.reports import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from wml_deployer.frameworks import ModelProfile
    from wml_deployer.packaging import Package
    from wml_deployer.packaging._pickles import PickleScan
    from wml_deployer.specifications import Specification

__all__ = [
    "differing_libraries",
    "function_findings",
    "model_findings",
    "pickled_findings",
    "refuse",
    "skew",
    "skew_findings",
]


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
                _library_next_step(name, here, there),
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


def _library_next_step(name: str, here: str, there: str) -> str:
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


_SHOWN = 5


def pickled_findings(scan: PickleScan, specification: Specification) -> Iterator[Finding]:
    """Look for what a model's pickles import and a runtime does not have.

    Args:
        scan: What they import.
        specification: The runtime, with its packages where it lists them.

    """
    by_root: dict[str, list[str]] = {}
    for module, name in sorted(scan.globals):
        if "<" in name:  # <lambda> and <locals> are how Python names what cannot be imported
            yield _nameless(module, name)
        else:
            by_root.setdefault(module.partition(".")[0], []).append(f"{module}.{name}")
    for root, names in by_root.items():
        yield from _root_findings(root, names, specification)


def _root_findings(root: str, names: list[str], specification: Specification) -> Iterator[Finding]:
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    if root in {"__main__", "__mp_main__"}:
        yield Finding(
            "error",
            shown,
            "it stands in the script or notebook that runs now, and the runtime cannot import that",
            "Move it to a module, and give that as code=['my_module.py'].",
        )
    elif not _is_carried(root, specification):
        # What an extension installs is not told: it may be this.
        yield Finding(
            "warning" if specification.extensions else "error",
            shown,
            f"the package {root} is not among those of {specification.name}",
            _package_next_step(root),
        )


def _is_carried(root: str, specification: Specification) -> bool:
    if root in sys.stdlib_module_names or root in specification.modules:
        return True
    listed = {_normalized(name) for name in specification.packages}
    names = {_normalized(name) for name in _names_of(root)}
    # A module that nobody distributes is the user's own.
    return bool(names) and (not listed or bool(names & listed))


def _names_of(root: str) -> tuple[str, ...]:
    """Return the names under which a runtime may list a package: its own, or that of a framework that brings it."""
    for framework in FRAMEWORKS:
        if root == framework.package or root in framework.bundled:
            return root, *framework.packages
    return ("pandas",) if root == "pandas" else distributions_of_modules().get(root, ())


def _package_next_step(root: str) -> str:
    pinned = pins_of({root})
    if pinned:
        return f"Pass requirements={list(pinned)!r}, or requirements='auto' for all that the model needs."
    return f"Pass the folder of the package, or the module: code=['{root}']."


def _nameless(module: str, name: str) -> Finding:
    return Finding(
        "error",
        f"{module}.{name}",
        "a function without a name of its own cannot be imported by the runtime",
        "Write it as a function at the top of a module.",
    )


def _normalized(name: str) -> str:
    return name.lower().replace("_", "-")


_PYTHON = re.compile(r"-py(\d+\.\d+)")


def function_findings(
    profile: ModelProfile, package: Package, specification: Specification, *, here: bool
) -> Iterator[Finding]:
    """Find what keeps a function from being imported, or lets it answer otherwise.

    Args:
        profile: What is known of the model.
        package: What is stored.
        specification: The runtime, with its packages.
        here: Whether the service has this process's Python and packages, as the embedded one does.

    """
    scan, own = package.scan(), list[Finding]()
    packages = {module.partition(".")[0] for module, _ in scan.globals}
    found = [*skew_findings(profile.libraries, specification, lambda: packages)]
    installed = distributions_of_modules()
    for finding in pickled_findings(scan, specification):
        # A module that nobody distributes is the user's own, and stays here.
        is_installed = finding.subject.partition(".")[0] in installed
        (found if is_installed else own).append(finding)
    if "cloudpickle" in packages:
        found += _python_findings(profile.python, specification)
    yield from own
    yield from (replace(finding, severity="warning") if here else finding for finding in found)


def _python_findings(python: str, specification: Specification) -> Iterator[Finding]:
    """Code that goes along by value is bytecode, which each minor release of Python writes in its own way."""
    named = _PYTHON.search(specification.name)
    there = specification.packages.get("python") or (named[1] if named else None)
    if there is not None and major_minor(there) != major_minor(python):
        yield Finding(
            "error",
            "python",
            f"classes or functions of this script go along as bytecode of Python {major_minor(python)}, and "
            f"{specification.name} has {major_minor(there)}",
            "Move them to a module, and give that as code=['my_module.py']; or work with the Python of the runtime.",
        )
