"""Refuse versions that break the callers of an endpoint: other columns, or numbers in place of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.errors import Fault, SchemaError
from wml_deployer.frameworks._sklearn import takes_any_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer._rollout.preparing import PreparedModel
    from wml_deployer.metadata import Version
    from wml_deployer.schema import Schema

__all__ = ["refuse_schema_change"]

MOST_FAULTS = 20


def refuse_schema_change(
    project: str, live: Version | None, new: PreparedModel | Version, model: object = None
) -> None:
    """Refuse a version that takes other columns than the live one, or is a regressor in place of a classifier.

    The order of columns, their dtypes and the names of classes may change: rows are put in order by name, and scores
    are named by the version that gave them. What is not known is not compared: versions that were stored as files which
    were never loaded, and columns of estimators that look at none.

    Args:
        project: Name of the project.
        live: The version that serves.
        new: What is to serve in its place.
        model: The new version's estimator, where that is at hand.

    Raises:
        SchemaError: Its ``faults`` say what would change.

    """
    described = new if not hasattr(new, "profile") else new.profile
    if live is None or not live.libraries or not described.libraries:
        return
    faults = tuple(_changed_kind(live.schema, described.schema))
    if not takes_any_columns(model):
        faults = (*_changed_columns(live.schema, described.schema), *faults)
    if not faults:
        return
    more = len(faults) - MOST_FAULTS
    shown = faults if more <= 0 else (*faults[:MOST_FAULTS], Fault("", f"and {more} more"))
    raise SchemaError(
        f"This version of {project} changes what callers of the deployment send or get, under the same URL. Nothing "
        "was changed.",
        faults=shown,
        next_step="Pass allow_schema_change=True if all who score on it are ready for that, or "
        "deploy it as a project of its own.",
    )


def _changed_columns(live: Schema, new: Schema) -> Iterator[Fault]:
    before, after = ([field.name for field in schema.fields] for schema in (live, new))
    if before and after:
        yield from (Fault(f"column {name!r}", "is no longer taken") for name in before if name not in set(after))
        yield from (Fault(f"column {name!r}", "is new") for name in after if name not in set(before))


def _changed_kind(live: Schema, new: Schema) -> Iterator[Fault]:
    if bool(live.classes) != bool(new.classes):
        becomes = "a class instead of a number" if new.classes else "a number instead of a class"
        yield Fault("prediction", f"becomes {becomes}")
