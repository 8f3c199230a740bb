"""Tell what a fitted model knows of the types of its columns.

scikit-learn records names, and no dtypes. But an encoder keeps the categories that it has seen, a vectorizer takes
text, and boosters remember which columns were categorical.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from wml_deployer.frameworks._registry import FRAMEWORKS
from wml_deployer.frameworks._schema import fitted_names
from wml_deployer.frameworks._sklearn import input_instead_of_rows, is_pipeline

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["column_types"]


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
