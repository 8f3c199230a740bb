"""The runtimes: what each one implements, and which model type it serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, cast

from wml_deployer.server.runtimes.errors import LoadError

if TYPE_CHECKING:
    from pathlib import Path

    from wml_deployer.server.runtimes.archive import Bounds

__all__ = ["Request", "Runtime", "Score", "find_runtime"]

Score = Callable[[dict[str, Any]], Any]
"""From the decoded JSON of a request to predictions that :func:`~.answers.encode` can serialize."""

_GROUP = "wml_deployer.runtimes"

# Model type without version: the module, and the pip package that it requires.
_OWN = {
    "onnxruntime": ("onnx_runtime", "onnxruntime"),
    "pmml": ("pmml", "pypmml"),
    "python": ("python_function", "orjson"),
    "pytorch-onnx": ("onnx_runtime", "onnxruntime"),
    "scikit-learn": ("scikit_learn", "scikit-learn"),
    "tensorflow": ("tensorflow_keras", "tensorflow"),
    "xgboost": ("xgboost_booster", "xgboost"),
}

# Model types of the real service that are missing here, with their names for users.
_NOT_SERVED = {
    "do-cplex": "decision optimization",
    "do-cpo": "decision optimization",
    "do-docplex": "decision optimization",
    "do-opl": "decision optimization",
    "mllib": "Spark ML",
    "spss-modeler": "SPSS Modeler",
    "wml-hybrid": "AutoAI",
}


@dataclass(frozen=True)
class Request:
    """A request to load a model.

    Attributes:
        directory: Directory of the unpacked content.
        model_type: Model type; ``"python"`` for a function.
        specification: Name of the software specification.
        bounds: Limits for unpacking archives within the content.
        input_type: Type of the input schema; ``"DataFrame"`` requires data frames.
        fields: Fields of the input schema: name to dtype, in order.

    """

    directory: Path
    model_type: str
    specification: str
    bounds: Bounds
    input_type: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


class Runtime(Protocol):
    """A module or object that serves the models of a framework."""

    def load(self, request: Request) -> Score:
        """Load a model.

        Returns:
            The function that predicts.

        Raises:
            LoadError: This runtime cannot serve the content.

        """


def find_runtime(model_type: str) -> Runtime:
    """Find the runtime of a model type: one of this package, or an entry point named like the type without version.

    Raises:
        LoadError: No runtime serves this type, or its package is not installed.

    """
    framework = model_type.partition("_")[0]
    if framework in _OWN:
        return _import(*_OWN[framework])
    for entry_point in entry_points(group=_GROUP, name=framework):
        return cast("Runtime", entry_point.load())
    raise LoadError(
        "model_type_not_served",
        f"The embedded service has no runtime for {_NOT_SERVED.get(framework, 'other')} models (type {model_type!r}). "
        f"A package can add one with an entry point {framework!r} in the group {_GROUP!r}.",
    )


def _import(module: str, package: str) -> Runtime:
    try:
        return cast("Runtime", import_module(f"wml_deployer.server.runtimes.worker.{module}"))
    except ModuleNotFoundError as error:
        raise LoadError(
            "missing_package",
            f"Models of this type need the Python package {error.name!r}, which is missing: pip install {package}",
        ) from error
