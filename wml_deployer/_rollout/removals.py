"""Remove things from the service, and notice what somebody else removed while a call works with it.

One 404 is no proof that something is gone: a router or a replica that lags behind sends it, too. Whoever would act on
it looks a second time. What is really gone was removed by somebody else: a conflict between the two, not a wrong id.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from wml_deployer.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import ModelRecord

__all__ = ["delete_model", "find", "removal_as_conflict", "revisions_left"]

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
    """Delete a model and all its revisions; one that is gone already is no failure.

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
