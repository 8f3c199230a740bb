"""Read from a fitted model which columns it takes, what it knows of their types, and which classes it answers.

scikit-learn records names, and no dtypes. But an encoder keeps the categories that it has seen, a vectorizer takes
text, and boosters remember which columns were categorical.
"""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

from wml_deployer.errors import Fault, SchemaError, UnsupportedModelError
from wml_deployer.frameworks._inspection import roots
from wml_deployer.frameworks._registry import FALLBACKS, FRAMEWORKS
from wml_deployer.frameworks._sklearn import first_step, input_instead_of_rows, is_pipeline, may_select_by_name
from wml_deployer.schema import ClassLabel, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["class_labels", "column_types", "fitted_names", "input_fields", "names_as_given", "takes_names"]


def input_fields(estimator: object, sample: Any) -> tuple[Field, ...]:
    """Columns in the order of the fit, with the dtypes of the sample where it is a DataFrame, else ``""``."""
    names = fitted_names(estimator)
    if "pandas" not in roots(sample) or not hasattr(sample, "columns"):
        return tuple(Field(name, "") for name in names)
    if not names and not all(isinstance(column, str) for column in sample.columns):
        return ()  # numbered columns: places, not names
    columns = [str(column) for column in sample.columns]
    names = names_as_given(estimator, names, columns)
    _check_columns(names, columns)
    dtypes = dict(zip(columns, map(str, sample.dtypes), strict=True))
    return tuple(Field(name, dtypes[name]) for name in names or columns)


def names_as_given(estimator: Any, names: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the fit as a frame has them, where the model keeps them in another form.

    Args:
        estimator: The model.
        names: The names that it keeps.
        columns: The columns of a frame.

    """
    found = roots(first_step(estimator))
    framework = next((each for each in FRAMEWORKS[1:] if each.package in found), FRAMEWORKS[0])
    given = {framework.name_as_kept(column): column for column in columns}
    return tuple(name if name in columns else given.get(name, name) for name in names)


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


def column_types(estimator: object) -> dict[str, str]:
    """Return the dtype of each column that a fitted model tells it of: ``"object"`` for text, or ``"category"``.

    Args:
        estimator: A fitted estimator.

    """
    with warnings.catch_warnings():
        # scikit-learn 1.6 announces how it will list the remaining columns of a ColumnTransformer.
        warnings.simplefilter("ignore", FutureWarning)
        return _types(estimator, fitted_names(estimator))


def _types(step: Any, names: Sequence[str]) -> dict[str, str]:
    if is_pipeline(step):
        # Imputers hand columns on as they are; what follows them may know more.
        found: dict[str, str] = {}
        for _, inner in step.steps:
            found = found or _types(inner, names)
            if not hasattr(inner, "statistics_"):
                break
        return found
    if hasattr(step, "transformers_"):
        members = [(member, _chosen(columns, names)) for _, member, columns in step.transformers_]
        return {name: dtype for member, chosen in members for name, dtype in _types(member, chosen).items()}
    if hasattr(step, "transformer_list"):
        return {name: dtype for _, member in step.transformer_list for name, dtype in _types(member, names).items()}
    if hasattr(step, "categories_"):
        pairs = zip(names, step.categories_, strict=False)
        return {name: "object" for name, seen in pairs if any(isinstance(value, str) for value in seen)}
    if input_instead_of_rows(step) == "a list of texts":
        return dict.fromkeys(names, "object")
    flags = next((flags for framework in FRAMEWORKS if (flags := framework.categorical(step))), ())
    return dict.fromkeys((name for name, is_one in zip(names, flags, strict=False) if is_one), "category")


def _chosen(columns: Any, names: Sequence[str]) -> list[str]:
    """Resolve a fitted ColumnTransformer's choice of columns: names, positions, a mask or a slice."""
    if isinstance(columns, str):
        return [columns]
    if isinstance(columns, slice):
        bounds = [names.index(bound) if isinstance(bound, str) else bound for bound in (columns.start, columns.stop)]
        # A slice of names includes its end.
        end = bounds[1] + 1 if isinstance(columns.stop, str) else bounds[1]
        return list(names[bounds[0] : end : columns.step])
    listed = list(columns) if hasattr(columns, "__iter__") else [columns]
    if listed and all(type(one).__name__ in {"bool", "bool_"} for one in listed):
        return [name for name, is_chosen in zip(names, listed, strict=True) if is_chosen]
    return [one if isinstance(one, str) else names[one] for one in listed if isinstance(one, str) or names]
