"""Which runtime serves which model type."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from wml_deployer.server.runtimes.errors import LoadError

if TYPE_CHECKING:
    from wml_deployer.server.runtimes.worker.contract import Runtime

__all__ = ["find_runtime"]

_GROUP = "wml_deployer.runtimes"

# By the part of the model type before its version: the module, and the pip package that it cannot do without.
_OWN = {
    "onnxruntime": ("onnx_runtime", "onnxruntime"),
    "pmml": ("pmml", "pypmml"),
    "python": ("python_function", "orjson"),
    "pytorch-onnx": ("onnx_runtime", "onnxruntime"),
    "scikit-learn": ("scikit_learn", "scikit-learn"),
    "tensorflow": ("tensorflow_keras", "tensorflow"),
    "xgboost": ("xgboost_booster", "xgboost"),
}

# What WML serves and this service does not, by what users call it.
_NOT_SERVED = {
    "do-cplex": "decision optimization",
    "do-cpo": "decision optimization",
    "do-docplex": "decision optimization",
    "do-opl": "decision optimization",
    "mllib": "Spark ML",
    "spss-modeler": "SPSS Modeler",
    "wml-hybrid": "AutoAI",
}


def find_runtime(model_type: str) -> Runtime:
    """Find the runtime of a model type: one of this package, or an entry point named as the type without its version.

    Raises:
        LoadError: No runtime serves this type, or the package that it needs is not installed.

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
