"""What somebody else removes while a call works with it: not a wrong id, but a conflict between the two."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from wml_deployer.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import ModelRecord

__all__ = ["removal_as_conflict", "revisions_left"]


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
    try:
        return client.revisions(model_id)
    except NotFoundError:
        return ()
