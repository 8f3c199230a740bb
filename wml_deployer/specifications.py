"""Choose the software specification that runs a model and still takes new ones.

The service is asked what it offers: specifications vanish under running code, so none is wired in. What is shipped
here is only which model types IBM's own samples and tests store under which specification, for the ones that do not
list their packages.
"""

from __future__ import annotations

import difflib
import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wml_deployer.errors import Fault, SpecificationError
from wml_deployer.frameworks import major_minor
from wml_deployer.frameworks._registry import FRAMEWORKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Specification", "choose_carrier", "choose_function_specification", "choose_specification", "fits"]

logger = logging.getLogger(__name__)

_PREFERENCE = {"available": 0, "supported": 0, "deprecated": 1}
"""The states in which a specification takes new models, best first."""

_KNOWN_TYPES: dict[str, frozenset[str]] = {
    "default_py3.7": frozenset({"scikit-learn_0.23", "tensorflow_2.1", "xgboost_0.90"}),
    "default_py3.7_opence": frozenset({"scikit-learn_0.23", "tensorflow_2.1", "xgboost_0.90"}),
    "runtime-22.1-py3.9": frozenset(
        {"pytorch-onnx_1.10", "scikit-learn_1.0", "tensorflow_2.7", "tensorflow_rt22.1", "xgboost_1.5"}
    ),
    "runtime-22.2-py3.10": frozenset(
        {
            "pytorch-onnx_1.12",
            "scikit-learn_1.1",
            "tensorflow_2.7",
            "tensorflow_2.9",
            "tensorflow_rt22.2",
            "xgboost_1.6",
        }
    ),
    "runtime-23.1-py3.10": frozenset(
        {
            "pytorch-onnx_2.0",
            "scikit-learn_1.1",
            "tensorflow_2.7",
            "tensorflow_2.12",
            "tensorflow_rt23.1",
            "xgboost_1.6",
        }
    ),
    "runtime-24.1-py3.11": frozenset(
        {"pytorch-onnx_2.1", "scikit-learn_1.3", "tensorflow_2.14", "tensorflow_rt24.1", "xgboost_2.0"}
    ),
    "runtime-25.1-py3.12": frozenset({"scikit-learn_1.6", "tensorflow_rt25.1", "xgboost_2.1"}),
    "onnxruntime_opset_19": frozenset({"onnxruntime_1.16"}),
    "onnxruntime_opset_21": frozenset({"onnxruntime_1.17"}),
    "pmml-3.0_4.3": frozenset({"pmml_4.2.1"}),
    "spark-mllib_3.3": frozenset({"mllib_3.3"}),
    "spark-mllib_3.4": frozenset({"mllib_3.4"}),
}
"""Pairs that IBM's samples (IBM/watsonx-ai-samples) and the tests in its client's wheel store. Those of 25.1 are
users', and TensorFlow's is named like those of earlier runtimes.
"""

_RUNTIME = re.compile(r"runtime-\d+\.\d+-py\d+\.\d+(-cuda)?")
"""IBM's general runtimes. AutoAI's, AI services' and users' own carry scikit-learn too, for other kinds of asset."""


@dataclass(frozen=True)
class Specification:
    """A software specification as the service lists it.

    Attributes:
        id: The service's id of it.
        name: Its name, ``"runtime-25.1-py3.12"`` for instance.
        state: Where it is in its life cycle, in the service's word. Those that are ``available``, ``supported`` or
            ``deprecated`` take new models. Others do not: ``constricted`` ones keep the models that they have,
            ``retired`` and ``withdrawn`` ones are gone.
        replacement: Name of the one that follows it, where the service says so.
        notes: What the service says of that state, dates for instance, as text; empty where it says no more.
        packages: Version by name of each package it includes (``included_packages``); empty where not listed.
        extensions: Names of the package extensions that add to them; what those install is not told.
        modules: Top-level modules of the caller's own that are installed with it.

    Example:
        >>> Specification("f47a", "runtime-25.1-py3.12", packages={"scikit-learn": "1.6.1"}).state
        'supported'

    """

    id: str
    name: str
    state: str = "supported"
    replacement: str | None = None
    notes: str = field(default="", kw_only=True)
    packages: Mapping[str, str] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    modules: frozenset[str] = frozenset()


def choose_specification(
    model_type: str, specifications: Sequence[Specification], *, name: str | None = None
) -> Specification:
    """Choose the software specification to store a model under, before anything is uploaded.

    Among IBM's runtimes that fit the type, a supported one comes before a deprecated one, and a newer one before an
    older one. Those in any other state take no new models. Specifications of other kinds (a user's own, derived
    from a runtime) are taken when named.

    Args:
        model_type: The service's model type, ``"scikit-learn_1.6"`` for instance.
        specifications: What the service offers.
        name: The specification to use; chosen if not given.

    Returns:
        One of the specifications.

    Raises:
        SpecificationError: None fits, or the named one is unknown, of another version, or takes no new models.

    Example:
        >>> offered = [
        ...     Specification("45f1", "runtime-24.1-py3.11", "deprecated", "runtime-25.1-py3.12"),
        ...     Specification("f47a", "runtime-25.1-py3.12"),
        ... ]
        >>> choose_specification("scikit-learn_1.6", offered).name
        'runtime-25.1-py3.12'

    """
    if not specifications:
        raise SpecificationError(
            "The service lists no software specification.",
            next_step="Check that the credentials may read the software specifications of this service.",
        )
    chosen = _best(model_type, specifications) if name is None else _fitting(name, model_type, specifications)
    if chosen.state == "deprecated":
        logger.warning("%s is deprecated: use %s", chosen.name, chosen.replacement or "a supported one")
    return chosen


def choose_carrier(
    framework: str, specifications: Sequence[Specification], *, name: str | None = None
) -> tuple[Specification, str] | None:
    """Choose the runtime of a framework, whatever release it carries: another one can be installed over it.

    Args:
        framework: Name of the framework, ``"scikit-learn"`` for instance.
        specifications: What the service offers.
        name: The specification to use; chosen if not given.

    Returns:
        The best runtime, with the release that it carries; ``None`` where there is none.

    Example:
        >>> offered = [Specification("f47a", "runtime-25.1-py3.12"), Specification("368d", "onnxruntime_opset_19")]
        >>> choose_carrier("scikit-learn", offered)[1]
        '1.6'

    """
    for each in sorted((each for each in specifications if each.state in _PREFERENCE), key=_rank):
        carried = _carried(framework, each)
        if carried and (each.name == name or (name is None and _is_chosen_unasked(each))):
            return each, carried
    return None


def choose_function_specification(
    python: str, specifications: Sequence[Specification], *, name: str | None = None
) -> Specification:
    """Choose the software specification that a Python function runs on.

    Among IBM's general runtimes, a supported one comes before a deprecated one, one with the same Python before one
    with another, and a newer one before an older one.

    Args:
        python: Version of the Python that packs the function.
        specifications: What the service offers.
        name: The specification to use; chosen if not given.

    Returns:
        One of the specifications.

    Raises:
        SpecificationError: None runs functions, or the named one is unknown or takes no new ones.

    Example:
        >>> offered = [Specification("f47a", "runtime-25.1-py3.12"), Specification("d0b5", "onnxruntime_opset_21")]
        >>> choose_function_specification("3.11.4", offered).name
        'runtime-25.1-py3.12'

    """
    if name is not None:
        return _named(name, specifications)
    usable = [each for each in specifications if _RUNTIME.fullmatch(each.name) and each.state in _PREFERENCE]
    if not usable:
        raise SpecificationError(
            "No runtime here runs Python functions.", next_step="Name one with specification=, derived from a runtime."
        )
    own = f"-py{major_minor(python)}"
    return min(usable, key=lambda each: (_PREFERENCE[each.state], not each.name.endswith(own), *_rank(each)[1:]))


def fits(model_type: str, specification: Specification) -> bool | None:
    """Tell whether a specification runs models of a type.

    Args:
        model_type: The service's model type.
        specification: Any specification.

    Returns:
        Yes or no by the packages it lists, or else by the pairs known to work; ``None`` where neither knows it.

    Example:
        >>> fits("xgboost_2.0", Specification("1", "mine", packages={"xgboost": "2.0.3"}))
        True
        >>> fits("scikit-learn_1.6", Specification("2", "unheard-of")) is None
        True

    """
    framework, _, version = model_type.rpartition("_")
    carried = _carried(framework, specification)
    if carried is not None:
        return carried == version
    known = _KNOWN_TYPES.get(specification.name)
    return None if known is None else model_type in known


def _best(model_type: str, specifications: Sequence[Specification]) -> Specification:
    fitting = [each for each in specifications if fits(model_type, each) and _is_chosen_unasked(each)]
    usable = [each for each in fitting if each.state in _PREFERENCE]
    if not usable:
        raise _nothing_fits(model_type, specifications, fitting)
    return min(usable, key=_rank)


def _named(name: str, specifications: Sequence[Specification]) -> Specification:
    """Find a specification that takes new models."""
    found = next((each for each in specifications if each.name == name), None)
    if found is None:
        raise _unknown(name, specifications)
    if found.state not in _PREFERENCE:
        raise SpecificationError(
            f"{name} is {found.state} and takes no new models.",
            next_step=f"Use {found.replacement or 'a supported one'}.",
        )
    return found


def _fitting(name: str, model_type: str, specifications: Sequence[Specification]) -> Specification:
    """Find a specification that takes new models and runs those of a type."""
    found = _named(name, specifications)
    if fits(model_type, found) is False:
        framework = model_type.rpartition("_")[0]
        carried = _carried(framework, found)
        reason = f": it carries {framework} {carried}" if carried else ""
        raise SpecificationError(
            f"{name} does not run {model_type}{reason}.", next_step=_way_out(model_type, specifications)
        )
    return found


def _rank(specification: Specification) -> tuple[int, list[int], int]:
    """Life cycle, then newest, then the plain one before its variants (``-cuda``)."""
    numbers = [-int(number) for number in re.findall(r"\d+", specification.name)]
    return _PREFERENCE[specification.state], numbers, len(specification.name)


def _is_chosen_unasked(specification: Specification) -> bool:
    return specification.name in _KNOWN_TYPES or _RUNTIME.fullmatch(specification.name) is not None


def _carried(framework: str, specification: Specification) -> str | None:
    """Major and minor version of a framework that a specification includes, as far as it says.

    TensorFlow's version, for one, does not decide: runtimes take its older types too.
    """
    packages = next((each.packages for each in FRAMEWORKS if each.is_served and each.name == framework), ())
    for package in packages:
        if package in specification.packages:
            return major_minor(specification.packages[package])
    known = (model_type.rpartition("_") for model_type in _KNOWN_TYPES.get(specification.name, ()))
    return next((version for name, _, version in known if name == framework and packages), None)


def _unknown(name: str, specifications: Sequence[Specification]) -> SpecificationError:
    names = sorted(each.name for each in specifications)
    close = difflib.get_close_matches(name, names, n=1)
    return SpecificationError(
        f"The service has no software specification {name!r}.",
        next_step=f"Did you mean {close[0]!r}?" if close else f"Choose one of {', '.join(names)}.",
    )


def _nothing_fits(
    model_type: str, specifications: Sequence[Specification], fitting: Sequence[Specification]
) -> SpecificationError:
    framework, _, version = model_type.rpartition("_")
    closed = [
        Fault(each.name, f"runs {model_type}, but is {each.state}", f"use {each.replacement or 'a supported one'}")
        for each in fitting
    ]
    return SpecificationError(
        f"{framework} {version} has no runtime here.",
        next_step=_way_out(model_type, specifications),
        faults=tuple(closed),
    )


def _way_out(model_type: str, specifications: Sequence[Specification]) -> str:
    """Say which version of the framework to fit with instead, best runtime first."""
    framework = model_type.rpartition("_")[0]
    usable = [each for each in specifications if each.state in _PREFERENCE and _is_chosen_unasked(each)]
    carried = [(each.name, _carried(framework, each)) for each in sorted(usable, key=_rank)]
    ways = [f"{name} carries {version}: {_install(framework, version)}" for name, version in carried if version]
    if not ways:
        return f"Store a model of another framework: no runtime here is known to carry {framework}."
    return f"{'; or '.join(ways)} and fit again."


def _install(framework: str, version: str) -> str:
    major, _, minor = version.partition(".")
    return f"pip install '{framework}>={version},<{major}.{int(minor or 0) + 1}'"
