"""What a fitted estimator takes and answers: its input fields and its classes."""

from __future__ import annotations

from collections import Counter
from typing import Any

from wml_deployer._frameworks.estimators import first_step, is_booster, is_sklearn, is_users_own, roots
from wml_deployer.errors import Fault, SchemaError, UnsupportedModelError
from wml_deployer.schema import ClassLabel, Field

__all__ = ["class_labels", "fitted_names", "input_fields", "input_instead_of_rows", "takes_names"]


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
    return bool(fitted_names(estimator)) or _may_select_by_name(first_step(estimator))


def fitted_names(estimator: Any) -> tuple[str, ...]:
    """The columns of the fit, in order; empty where it was fitted on bare arrays."""
    if is_booster(estimator):
        names = estimator.feature_names
    else:
        names = getattr(estimator, "feature_names_in_", getattr(first_step(estimator), "feature_names_in_", None))
    return () if names is None else tuple(str(name) for name in names)


def _may_select_by_name(step: object) -> bool:
    """Say whether a step that records no names may want them: a user's own, or scikit-learn's around a user's function.

    scikit-learn's other ones record the names that they were fitted on; this one does so since 1.2.
    """
    return is_users_own(step) or type(step).__name__ == "FunctionTransformer"


def input_instead_of_rows(estimator: object) -> str | None:
    """Name what an estimator takes if it takes no table of rows: texts, mappings or images; ``None`` otherwise."""
    step: Any = first_step(estimator)
    kinds = _input_kinds(step)
    if not kinds or kinds & {"2darray", "1darray"}:
        members = getattr(step, "transformer_list", ())  # a union of features takes what each of its members takes
        return next((kind for _, member in members if (kind := input_instead_of_rows(member))), None)
    if "string" in kinds:
        return "a list of texts"
    return "a list of mappings" if "dict" in kinds else "arrays of more than two dimensions"


def _input_kinds(step: Any) -> set[str]:
    """Ask a scikit-learn estimator for the kinds of input that it declares; its releases have two ways to say so."""
    if not is_sklearn(step):
        return set()
    if hasattr(step, "__sklearn_tags__"):
        tags = step.__sklearn_tags__().input_tags
        names = {"one_d_array": "1darray", "two_d_array": "2darray", "three_d_array": "3darray"}
        return {names.get(name, name) for name in (*names, "string", "dict") if getattr(tags, name)}
    return set(step._get_tags()["X_types"]) if hasattr(step, "_get_tags") else set()  # noqa: SLF001 - before 1.6


def _check_columns(names: tuple[str, ...], columns: list[str]) -> None:
    """Refuse a sample that cannot be what the model takes, all faults at once."""
    present = Counter(columns)
    faults = [Fault(repr(name), "missing", "the model was fitted on it") for name in names if name not in present]
    faults += [Fault(repr(name), "appears more than once") for name, times in present.items() if times > 1]
    if faults:
        raise SchemaError(
            "the sample does not have the columns of the model",
            next_step="give rows of the frame that the model was fitted on",
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
        f"the class labels are {kind}, which an answer in JSON cannot carry",
        next_step="fit the model on labels that are strings, numbers or booleans",
    )
