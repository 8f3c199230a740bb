"""Look at estimators without importing the libraries that they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "first_step",
    "is_booster",
    "is_pipeline",
    "is_sklearn",
    "is_users_own",
    "last_step",
    "parts",
    "roots",
    "takes_any_columns",
]

_ATOMS = (str, bytes, int, float, complex, bool, type(None))


def is_sklearn(estimator: object) -> bool:
    """Whether it is a scikit-learn estimator, XGBoost's and users' own among them."""
    return _descends(estimator, "sklearn.base", "BaseEstimator")


def is_pipeline(estimator: object) -> bool:
    """Whether it is a scikit-learn pipeline."""
    return _descends(estimator, "sklearn.pipeline", "Pipeline")


def is_booster(estimator: object) -> bool:
    """Whether it is XGBoost's own model, without the scikit-learn API."""
    return _descends(estimator, "xgboost.core", "Booster")


def is_users_own(estimator: object) -> bool:
    """Whether its class was written outside scikit-learn and XGBoost, and may keep to none of their conventions."""
    return type(estimator).__module__.partition(".")[0] not in {"sklearn", "xgboost"}


def takes_any_columns(estimator: Any) -> bool:
    """Whether a scikit-learn estimator says that it looks at no column, such as those that predict a constant."""
    if not is_sklearn(estimator):
        return False
    if hasattr(estimator, "__sklearn_tags__"):
        return bool(estimator.__sklearn_tags__().no_validation)
    return bool(estimator._get_tags()["no_validation"])  # noqa: SLF001 - before scikit-learn 1.6


def roots(value: object) -> set[str]:
    """Top-level packages that a value's classes come from."""
    return {cls.__module__.partition(".")[0] for cls in type(value).__mro__}


def first_step(estimator: Any) -> Any:
    """Follow pipelines to the step that sees the columns first."""
    while is_pipeline(estimator):
        estimator = next((step for _, step in estimator.steps if step not in (None, "passthrough")), None)
    return estimator


def last_step(estimator: Any) -> Any:
    """Follow pipelines to the step that predicts."""
    while is_pipeline(estimator):
        estimator = estimator.steps[-1][1]
    return estimator


def parts(estimator: object) -> Iterator[object]:
    """Yield the estimator and every estimator inside it, fitted ones and parameters alike."""
    seen: dict[int, object] = {}  # Keeps what it has seen alive: the id of a dead object is used again.
    waiting = [estimator]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        inside = _items(value)
        if value is estimator or hasattr(value, "get_params") or is_booster(value):
            yield value
            inside = getattr(value, "__dict__", {}).values()
        waiting += [child for child in inside if not isinstance(child, _ATOMS)]


def _items(value: Any) -> Iterable[object]:
    """What a container holds; arrays of objects are how gradient boosting keeps its trees."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if "numpy" in roots(value) and getattr(getattr(value, "dtype", None), "hasobject", False):
        items: list[object] = value.ravel().tolist()
        return items
    return ()


def _descends(value: object, module: str, name: str) -> bool:
    return any(cls.__module__ == module and cls.__name__ == name for cls in type(value).__mro__)
