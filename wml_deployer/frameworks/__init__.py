"""Describe a fitted estimator in the service's terms: model type, libraries, input fields, classes.

What is known of a framework is in a file of its own, listed in the registry. Nothing of scikit-learn, XGBoost or pandas
is imported unless the object comes from there: an object is recognised by the modules of its classes.
"""

from __future__ import annotations

import inspect
import os
import platform
import re
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer.errors import UnsupportedModelError, WMLDeployerError
from wml_deployer.frameworks import _onnx, _pmml, _tensorflow
from wml_deployer.frameworks._inspection import distributions_of_modules, parts, roots
from wml_deployer.frameworks._registry import FALLBACKS, FRAMEWORKS
from wml_deployer.frameworks._schema import class_labels, input_fields, takes_names
from wml_deployer.frameworks._sklearn import set_parameters
from wml_deployer.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wml_deployer.frameworks._file_model import FileModel
    from wml_deployer.frameworks._framework import Framework

__all__ = [
    "ModelProfile",
    "default_settings",
    "file_model",
    "major_minor",
    "process_settings",
    "profile",
    "recognise",
    "unserved",
]

_STORABLE = (
    "a fitted scikit-learn estimator or pipeline (XGBoost's scikit-learn API included), a trained xgboost.Booster, "
    "any other object with predict, an onnx.ModelProto, or a path to a file (.joblib, .pkl, .onnx, .pmml, .keras or "
    ".h5), a directory or a .tar.gz"
)


@dataclass(frozen=True)
class ModelProfile:
    """A fitted estimator in the service's terms.

    Attributes:
        model_type: The service's model type, ``"scikit-learn_1.6"`` for instance.
        libraries: Versions of ``python``, ``numpy`` and each library that the model needs, by the name pip knows;
            pandas is among them where the model takes named columns.
        schema: Input fields in the order of the fit, and classes.
        parameters: What was set to something else than its default, as text by name.

    Example:
        >>> ModelProfile("scikit-learn_1.6", {"python": "3.12.4", "scikit-learn": "1.6.1"}, Schema()).python
        '3.12.4'

    """

    model_type: str
    libraries: dict[str, str]
    schema: Schema
    parameters: dict[str, str] = field(default_factory=dict)

    def saved_with(self, versions: Mapping[str, str]) -> ModelProfile:
        """Describe the model as a pickle of it, which other versions of the libraries may have saved.

        Args:
            versions: Version by library, where the pickle says so; the others are this process's.

        Example:
            >>> here = ModelProfile("scikit-learn_1.6", {"scikit-learn": "1.6.1"}, Schema())
            >>> here.saved_with({"scikit-learn": "1.9.0"}).model_type
            'scikit-learn_1.9'

        """
        framework = self.model_type.rpartition("_")[0]
        saved = versions.get(framework)
        model_type = f"{framework}_{major_minor(saved)}" if saved else self.model_type
        return replace(self, model_type=model_type, libraries={**self.libraries, **versions})

    @property
    def python(self) -> str:
        """Version of the Python that describes, and packs, the model."""
        return self.libraries["python"]


def profile(estimator: object, sample: object = None) -> ModelProfile:
    """Describe a fitted estimator.

    The model type is the installed library's. XGBoost's scikit-learn estimators are stored as ``scikit-learn_*``, as
    IBM's samples do (xgboost's version is in ``libraries``), and a bare ``xgboost.Booster`` as ``xgboost_*``.

    Args:
        estimator: A fitted scikit-learn estimator or pipeline, or anything else with ``predict``.
        sample: Some rows as the model gets them, n rows x k fields. Where it is a DataFrame, the dtypes of the fields
            come from it, and so do the names where the model was fitted on a bare array; otherwise dtypes are ``""``,
            which says unknown.

    Returns:
        Model type, library versions, fields and classes.

    Raises:
        UnsupportedModelError: No model of a framework that can be stored, or not fitted.
        SchemaError: The sample does not have the columns that the model was fitted on.

    Example:
        >>> import pandas as pd
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> frame = pd.DataFrame({"petal": [1.4, 5.1], "count": [2, 3]})
        >>> found = profile(DecisionTreeClassifier().fit(frame, ["setosa", "virginica"]), sample=frame)
        >>> found.schema.fields
        (Field(name='petal', dtype='float64'), Field(name='count', dtype='int64'))
        >>> found.schema.classes
        ('setosa', 'virginica')

    """
    framework = recognise(estimator)
    with _code_of(estimator):
        fields = input_fields(estimator, sample)
        libraries = _libraries(estimator, framework, named=bool(fields))
        return ModelProfile(
            model_type=f"{framework.name}_{major_minor(libraries[framework.name])}",
            libraries=libraries,
            schema=Schema(fields, class_labels(estimator), named=not fields or takes_names(estimator)),
            parameters=set_parameters(estimator),
        )


def recognise(estimator: object) -> Framework:
    """Tell which framework a fitted estimator belongs to.

    Args:
        estimator: Anything.

    Returns:
        The framework, with what is known of it.

    Raises:
        UnsupportedModelError: It cannot be stored; the error says what can be, or what to do first.

    Example:
        >>> from sklearn.dummy import DummyClassifier
        >>> recognise(DummyClassifier().fit([[0], [1]], [0, 1])).name
        'scikit-learn'

    """
    _refuse_what_is_no_model(estimator)
    with _code_of(estimator):
        for framework in (*FRAMEWORKS, *FALLBACKS):
            if framework.is_model(estimator):
                framework.refuse_unfitted(estimator)
                return framework
    kind = type(estimator)
    raise UnsupportedModelError(
        f"A {kind.__module__}.{kind.__qualname__} is not a model of a framework that can be stored.",
        next_step=f"Pass {_STORABLE}.",
    )


def file_model(model: object) -> FileModel | None:
    """Describe a model in its framework's own format: ONNX, PMML, or TensorFlow's; ``None`` if it is none.

    Args:
        model: A path of a file or folder, an ``onnx.ModelProto``, or anything else.

    Raises:
        UnsupportedModelError: It is such a model, and cannot be stored.
        PackagingError: A file is not what its name says.

    Example:
        >>> file_model("model.joblib") is None
        True

    """
    if _onnx.is_model_proto(model):
        return _onnx.model_of_proto(model)
    if not isinstance(model, str | os.PathLike):
        return None
    path = Path(model)
    if path.is_dir():
        return _tensorflow.model_of_folder(path) if (path / _tensorflow.SAVED_MODEL).is_file() else None
    if not path.is_file():
        return None
    kinds = {".onnx": _onnx.model_of_file, ".pmml": _pmml.model_of_file}
    read = kinds.get(path.suffix, _tensorflow.model_of_keras_file if path.suffix in _tensorflow.KERAS else None)
    return None if read is None else read(path)


def process_settings() -> dict[str, dict[str, Any]]:
    """Return what was set of the loaded frameworks for this process and changes what models answer, by package.

    Example:
        >>> import sklearn
        >>> with sklearn.config_context(transform_output="pandas"):
        ...     process_settings()
        {'sklearn': {'transform_output': 'pandas'}}

    """
    loaded = [framework for framework in FRAMEWORKS if framework.package in sys.modules]
    found = {framework.package: dict(framework.settings()) for framework in loaded}
    return {package: settings for package, settings in found.items() if settings}


@contextmanager
def default_settings() -> Iterator[None]:
    """Use the loaded frameworks as they are imported, whatever was set for this process, within a block.

    Example:
        >>> import sklearn
        >>> with sklearn.config_context(transform_output="pandas"), default_settings():
        ...     process_settings()
        {}

    """
    with ExitStack() as stack:
        for framework in FRAMEWORKS:
            if framework.package in sys.modules and framework.settings():
                stack.enter_context(framework.default_settings())
        yield


def major_minor(version: str) -> str:
    """Shorten a version to what the service's names carry.

    Args:
        version: A version such as ``"1.6.1"``.

    Returns:
        Its first two numbers.

    Example:
        >>> major_minor("1.6.1"), major_minor("2.0rc1")
        ('1.6', '2.0')

    """
    found = re.match(r"\d+(\.\d+)?", version)
    return found.group() if found else version


@contextmanager
def _code_of(estimator: object) -> Iterator[None]:
    """Turn what an estimator's own code raises when it is looked at into a typed error."""
    try:
        yield
    except WMLDeployerError:
        raise
    except Exception as error:
        raise UnsupportedModelError(
            f"Describing {type(estimator).__name__} raised {type(error).__name__}: {error}",
            next_step="See that get_params() and the attributes of the model work.",
        ) from error


def _refuse_what_is_no_model(estimator: object) -> None:
    """Refuse the two things most often handed in instead of an estimator."""
    if inspect.isclass(estimator):
        raise UnsupportedModelError(
            f"{estimator.__name__} is a class, not a fitted estimator.",
            next_step=f"Make one and fit it: {estimator.__name__}().fit(X, y).",
        )
    if isinstance(estimator, str | os.PathLike):
        raise UnsupportedModelError(
            f"{os.fspath(estimator)!r} is a path, and a path is not opened to see what it holds.",
            next_step="Name the model type, or pass the estimator itself.",
        )


def unserved(estimator: object) -> str | None:
    """Say why no model type of the service fits an estimator, or one inside it; ``None`` where one does.

    Args:
        estimator: Whatever :func:`recognise` knows.

    Example:
        >>> from sklearn.dummy import DummyClassifier
        >>> unserved(DummyClassifier().fit([[0], [1]], [0, 1])) is None
        True

    """
    if recognise(estimator) in FALLBACKS:
        return f"the service has no model type for a {type(estimator).__name__}"
    with _code_of(estimator):
        for part in parts(estimator, _is_model):
            for framework in FRAMEWORKS:
                if not framework.is_served and framework.package in roots(part):
                    lack = (
                        "for which the service has no model type"
                        if framework.is_carried
                        else "which no runtime carries"
                    )
                    return f"{type(part).__name__} comes from {type(framework).__name__}, {lack}"
    return None


def _is_model(value: object) -> bool:
    return any(framework.is_model(value) for framework in FRAMEWORKS)


def _libraries(estimator: object, framework: Framework, *, named: bool) -> dict[str, str]:
    """Versions of everything that the runtime needs to load and run the model."""
    used = {root for part in parts(estimator, _is_model) for root in roots(part)}
    used -= {"__main__", *sys.stdlib_module_names}
    used |= {"numpy"} | ({framework.package} if framework.package else set()) | ({"pandas"} if named else set())
    found = {"python": platform.python_version()}
    for root, name in _distributions(used).items():
        found[name] = getattr(sys.modules.get(root), "__version__", None) or metadata.version(name)
    return found


def _distributions(packages: set[str]) -> dict[str, str]:
    """Names that pip knows packages by; somebody's own modules have none."""
    named = {"numpy": "numpy", "pandas": "pandas", **{framework.package: framework.name for framework in FRAMEWORKS}}
    known = {root: named[root] for root in sorted(packages & named.keys())}
    others = sorted(packages - known.keys())
    installed = distributions_of_modules() if others else {}
    return known | {root: installed[root][0] for root in others if root in installed}
