"""Identify revisions of models, remove them, and notice what somebody else removed meanwhile.

One 404 does not prove that something is gone: a router, or a replica that lags behind, sends it, too. Before acting on
it, the service is asked a second time. What is really gone was removed by somebody else: that is a conflict between the
two calls, not a wrong id.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from wml_deployer.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord, ModelRecord
    from wml_deployer.metadata import Version

__all__ = [
    "asset_of",
    "delete_model",
    "find",
    "is_gone",
    "is_there",
    "removal_as_conflict",
    "revisions_left",
    "version_served",
]


def asset_of(thing: Version | DeploymentRecord) -> tuple[str, str | None]:
    """Return the model and the revision that a version is, or that a deployment serves."""
    return thing.model_id, thing.revision


def version_served(versions: Iterable[Version], record: DeploymentRecord) -> Version | None:
    """Find the version that a deployment serves, the last one where two have the same revision."""
    return next((version for version in reversed([*versions]) if asset_of(version) == asset_of(record)), None)


def is_there(client: Client, version: Version) -> bool:
    """Say whether a version's revision is still on the service."""
    return not is_gone(client, version.model_id, version.revision)


def is_gone(client: Client, model_id: str, revision: str | None) -> bool:
    """Say whether a revision of a model is no longer on the service."""
    return find(lambda: client.model(model_id, revision)) is None


Found = TypeVar("Found")

LOOKS = 2


def find(look: Callable[[], Found]) -> Found | None:
    """Return what a look finds, or ``None`` if a second look finds nothing either.

    Args:
        look: Asks for one thing, and raises NotFoundError where the service says that it is not there.

    """
    for _ in range(LOOKS):
        with suppress(NotFoundError):
            return look()
    return None


def delete_model(client: Client, model_id: str) -> None:
    """Delete a model and all its revisions; one that no longer exists is not an error.

    Raises:
        ConflictError: It is deployed.

    """
    try:
        client.delete_model(model_id)
    except NotFoundError:
        if find(lambda: client.model(model_id)) is not None:
            client.delete_model(model_id)


@contextmanager
def removal_as_conflict(operation: str) -> Iterator[None]:
    """Work with what the service has just listed.

    Args:
        operation: What is being done.

    Raises:
        ConflictError: It is gone.

    """
    try:
        yield
    except NotFoundError as error:
        raise ConflictError(
            f"Somebody else removed what this call works with: {error.message}",
            operation=operation,
            next_step="Call again: it begins with what is there then.",
        ) from error


def revisions_left(client: Client, model_id: str) -> Sequence[ModelRecord]:
    """List the revisions of a model that was there a moment ago; none where it is gone."""
    return find(lambda: client.revisions(model_id)) or ()
