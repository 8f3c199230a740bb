"""Read from a fitted model which columns it takes, and which classes it answers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from wml_deployer.errors import Fault, SchemaError, UnsupportedModelError
from wml_deployer.frameworks._inspection import roots
from wml_deployer.frameworks._registry import FALLBACKS, FRAMEWORKS
from wml_deployer.frameworks._sklearn import first_step, may_select_by_name
from wml_deployer.schema import ClassLabel, Field

__all__ = ["class_labels", "fitted_names", "input_fields", "takes_names"]


def input_fields(estimator: object, sample: Any) -> tuple[Field, ...]:
    """Columns in the order of the fit, with the dtypes of the sample where it is a DataFrame, else ``""``."""
    names = fitted_names(estimator)
    if "pandas" not in roots(sample) or not hasattr(sample, "columns"):
        return tuple(Field(name, "") for name in names)
    if not names and not all(isinstance(column, str) for column in sample.columns):
        return ()  # numbered columns: places, not names
    columns = [str(column) for column in sample.columns]
    _check_columns(names, columns)
    dtypes = dict(zip(columns, map(str, sample.dtypes), strict=True))
    return tuple(Field(name, dtypes[name]) for name in names or columns)


def takes_names(estimator: object) -> bool:
    """Whether the estimator itself was fitted on named columns, or may select columns by name."""
    return bool(fitted_names(estimator)) or may_select_by_name(first_step(estimator))


def fitted_names(estimator: Any) -> tuple[str, ...]:
    """Return the columns of the fit, in order; none if it was fitted on bare arrays."""
    framework = next((each for each in (*FRAMEWORKS, *FALLBACKS) if each.is_model(estimator)), FRAMEWORKS[0])
    names = framework.field_names(estimator)
    return () if names is None else tuple(str(name) for name in names)


def _check_columns(names: tuple[str, ...], columns: list[str]) -> None:
    """Refuse a sample that cannot be what the model takes, all faults at once."""
    present = Counter(columns)
    faults = [Fault(repr(name), "missing", "the model was fitted on it") for name in names if name not in present]
    faults += [Fault(repr(name), "appears more than once") for name, times in present.items() if times > 1]
    if faults:
        raise SchemaError(
            "The sample does not have the columns of the model.",
            next_step="Give rows of the frame that the model was fitted on.",
            faults=tuple(faults),
        )


def class_labels(estimator: Any) -> tuple[ClassLabel, ...]:
    """Labels in the order of the probabilities; none for models with several outputs, which have a list for each."""
    labels: Any = getattr(estimator, "classes_", None)
    if getattr(labels, "ndim", None) != 1:
        return ()
    if labels.dtype.kind not in "biufUO":
        raise _unanswerable(str(labels.dtype))
    return tuple(_label(label) for label in labels.tolist())


def _label(label: Any) -> ClassLabel:
    plain = label.item() if "numpy" in roots(label) else label
    if not isinstance(plain, bool | int | float | str):
        raise _unanswerable(type(plain).__name__)
    return plain


def _unanswerable(kind: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"The class labels are {kind}, which JSON cannot carry.",
        next_step="Fit the model on labels that are strings, numbers or booleans.",
    )
