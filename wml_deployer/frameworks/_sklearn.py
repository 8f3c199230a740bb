"""scikit-learn: its estimators and pipelines, and those of libraries and users that follow its conventions."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

from wml_deployer.errors import UnsupportedModelError
from wml_deployer.frameworks._framework import Framework
from wml_deployer.frameworks._inspection import descends

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

__all__ = [
    "ScikitLearn",
    "first_step",
    "input_instead_of_rows",
    "is_pipeline",
    "is_users_own",
    "last_step",
    "may_select_by_name",
    "set_parameters",
    "takes_any_columns",
]

_LONGEST_PARAMETER = 200

_SETTINGS = {"array_api_dispatch": False, "enable_metadata_routing": False, "transform_output": "default"}
"""What ``sklearn.set_config`` sets for a process and changes what models answer, with the defaults."""

_KEEPS_CONVENTIONS = frozenset({"sklearn", "xgboost"})
"""Packages whose estimators keep what they learnt, and the names of their columns, as scikit-learn does."""


def _tree_without_counters(tree: Any) -> Any:
    """Leave out the seventh to tenth value of a KDTree or BallTree, which count queries."""
    function, arguments, state = tree.__reduce__()
    return function, arguments, (*state[:7], *state[11:])


def _bunch_by_its_items(bunch: Any) -> Any:
    """Loading restores nothing but the items."""
    return type(bunch), (), None, None, bunch.items()


class ScikitLearn(Framework):
    """Estimators and pipelines that predict; XGBoost's scikit-learn estimators and users' own among them."""

    name = "scikit-learn"
    package = "sklearn"
    bundled = (
        "_loss",  # its compiled losses, in every gradient boosting, call their module so
        "joblib",
        "numpy",
        "scipy",
        "threadpoolctl",
    )
    volatile_attributes = frozenset(
        {
            "_stop_words_id",  # text vectorizers keep the id() of an object of this process
            "n_jobs",  # how fast, not what
        }
    )
    reducers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "sklearn.neighbors._ball_tree.BinaryTree": _tree_without_counters,
        "sklearn.neighbors._ball_tree.BinaryTree32": _tree_without_counters,
        "sklearn.neighbors._ball_tree.BinaryTree64": _tree_without_counters,
        "sklearn.neighbors._kd_tree.BinaryTree": _tree_without_counters,
        "sklearn.neighbors._kd_tree.BinaryTree32": _tree_without_counters,
        "sklearn.neighbors._kd_tree.BinaryTree64": _tree_without_counters,
        "sklearn.utils._bunch.Bunch": _bunch_by_its_items,
    }

    def is_model(self, value: object) -> bool:
        """Whether it is an estimator of scikit-learn's kind."""
        return descends(value, "sklearn.base", "BaseEstimator")

    def refuse_unfitted(self, model: Any) -> None:
        """Refuse an estimator that has no predict, or nothing to predict with."""
        from sklearn.exceptions import NotFittedError  # noqa: PLC0415 - the object's own library, loaded already
        from sklearn.utils.validation import check_is_fitted  # noqa: PLC0415

        name = type(model).__name__
        if not hasattr(model, "predict"):
            raise UnsupportedModelError(
                f"{name} has no predict, and the service answers with what predict returns.",
                next_step="Put it into a Pipeline that ends in a classifier, regressor or clusterer that predicts.",
            )
        try:
            check_is_fitted(model)
        except NotFittedError as error:
            # The check knows scikit-learn's own classes: users' may keep what they learnt under any name.
            last = last_step(model)
            if not is_users_own(last) or hasattr(last, "__sklearn_is_fitted__"):
                raise UnsupportedModelError(f"{name} is not fitted.", next_step="Fit it first: .fit(X, y).") from error

    def settings(self) -> Mapping[str, Any]:
        """Return what was set with ``sklearn.set_config``, where it is not the default."""
        from sklearn import get_config  # noqa: PLC0415 - the object's own library, loaded already

        config = get_config()
        return {name: config[name] for name, default in _SETTINGS.items() if config.get(name, default) != default}

    def default_settings(self) -> AbstractContextManager[object]:
        """Use scikit-learn as it is imported."""
        from sklearn import config_context  # noqa: PLC0415 - the object's own library, loaded already

        context: AbstractContextManager[object] = config_context(**{name: _SETTINGS[name] for name in self.settings()})
        return context

    def field_names(self, model: Any) -> Sequence[str] | None:
        """Return what the estimator recorded, or its first step."""
        return getattr(model, "feature_names_in_", getattr(first_step(model), "feature_names_in_", None))

    def categorical(self, step: Any) -> Sequence[bool]:
        """Ask the gradient boosting on histograms, which takes categories from the dtype if told to."""
        if getattr(step, "categorical_features", None) != "from_dtype":
            return ()
        flags = getattr(step, "is_categorical_", None)
        return () if flags is None else list(flags)

    def saved_version(self, classes: Collection[str], state: Mapping[str, Any]) -> str | None:
        """Read it from an estimator's state, where scikit-learn puts it when it is pickled."""
        del classes
        version = state.get("_sklearn_version")
        return version if isinstance(version, str) else None


def is_pipeline(estimator: object) -> bool:
    """Whether it is a scikit-learn pipeline."""
    return descends(estimator, "sklearn.pipeline", "Pipeline")


def is_users_own(estimator: object) -> bool:
    """Whether its class was written outside scikit-learn and XGBoost, and may keep to none of their conventions."""
    return type(estimator).__module__.partition(".")[0] not in _KEEPS_CONVENTIONS


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


def takes_any_columns(estimator: Any) -> bool:
    """Whether a scikit-learn estimator says that it looks at no column, such as those that predict a constant."""
    if not descends(estimator, "sklearn.base", "BaseEstimator"):
        return False
    if hasattr(estimator, "__sklearn_tags__"):
        return bool(estimator.__sklearn_tags__().no_validation)
    return bool(estimator._get_tags()["no_validation"])  # noqa: SLF001 - before scikit-learn 1.6


def may_select_by_name(step: object) -> bool:
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
    if not descends(step, "sklearn.base", "BaseEstimator"):
        return set()
    if hasattr(step, "__sklearn_tags__"):
        tags = step.__sklearn_tags__().input_tags
        names = {"one_d_array": "1darray", "two_d_array": "2darray", "three_d_array": "3darray"}
        return {names.get(name, name) for name in (*names, "string", "dict") if getattr(tags, name)}
    return set(step._get_tags()["X_types"]) if hasattr(step, "_get_tags") else set()  # noqa: SLF001 - before 1.6


def set_parameters(estimator: Any) -> dict[str, str]:
    """Name the parameters of an estimator, and of those inside it, that differ from their defaults.

    Args:
        estimator: Anything with scikit-learn's ``get_params``; others have none.

    Returns:
        Value as text by name, as ``set_params`` takes it: ``{"logisticregression__C": "0.1"}``.

    """
    if not hasattr(estimator, "get_params"):
        return {}
    parameters = estimator.get_params(deep=True)
    found = {}
    for name, value in sorted(parameters.items()):
        owner, _, last = name.rpartition("__")
        holder = parameters.get(owner) if owner else estimator
        if _is_plain(value) and not _is_default(holder, last, value):
            found[name] = repr(value)[:_LONGEST_PARAMETER]
        elif hasattr(value, "get_params") and owner == "":
            found[name] = type(value).__name__
    return found


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _is_default(holder: Any, name: str, value: Any) -> bool:
    signature = inspect.signature(type(holder).__init__).parameters
    default = signature[name].default if name in signature else inspect.Parameter.empty
    # XGBoost takes everything by keyword and shows None for what was not set.
    return bool(type(default) is type(value) and default == value) or (name not in signature and value is None)
