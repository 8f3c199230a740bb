"""Send a request at most once, even though its response can get lost.

A POST that creates something must not be repeated blindly: if the connection drops after the service did the work, a
second POST creates a second deployment. Each such request therefore comes with a way to look for its result.
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, TypeVar

from wml_deployer._transport.deadline import pause
from wml_deployer.errors import (
    CertificateError,
    DeadlineError,
    InvalidResponseError,
    ServerError,
    TransportError,
    WMLDeployerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RETRYABLE", "add_note", "send_once", "sleep_with_jitter"]

Result = TypeVar("Result")

MAX_ATTEMPTS = 3
PAUSE_SECONDS = 0.2

RETRYABLE: tuple[type[WMLDeployerError], ...] = (TransportError, DeadlineError, ServerError, InvalidResponseError)
"""Errors that do not tell whether the service did the work."""

_log = logging.getLogger(__name__)


def send_once(send: Callable[[], Result], find: Callable[[], Result | None]) -> Result:
    """Send a request; if its response is lost, look for the result before sending it again.

    Args:
        send: Sends the request and returns its result.
        find: Returns the result of an earlier request whose response was lost, or ``None``.

    Returns:
        The result of the request, or the one that was found.

    Raises:
        WMLDeployerError: The request failed, or its outcome cannot be determined.

    Example:
        >>> created = []
        >>> def create():
        ...     created.append("d1")
        ...     raise TransportError("The connection was closed.")
        >>> send_once(create, lambda: created[0] if created else None)
        'd1'

    """
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            return send()
        except RETRYABLE as error:  # noqa: PERF203 - a request costs more
            result = _find_after(find, error)
            if result is not None:
                _log.info("The response was lost, but the work was done: %s", error.message)
                return result
            # After a timeout the service may still be working on it: sending again could create a duplicate.
            if attempt == MAX_ATTEMPTS or isinstance(error, DeadlineError | CertificateError):
                raise
            sleep_with_jitter(attempt)
    raise AssertionError("unreachable")  # pragma: no cover


def sleep_with_jitter(attempt: int) -> None:
    """Pause before the next attempt, longer after each one, but never beyond the deadline.

    Args:
        attempt: Number of the attempt that failed; the first one is 1.

    Raises:
        DeadlineError: No time is left.

    """
    # Jitter keeps processes that collided once from colliding again.
    pause(PAUSE_SECONDS * attempt * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret


def add_note(error: BaseException, text: str) -> None:
    """Add to an error what the call left where; an interrupt by Ctrl-C takes the note as its message.

    Args:
        error: The error that ends the call.
        text: One sentence or more.

    """
    if isinstance(error, WMLDeployerError):
        error.message += f"\n{text}"
    elif isinstance(error, KeyboardInterrupt):
        error.args = ("\n".join([*map(str, error.args), text]),)
    else:
        _log.warning("%s", text)


def _find_after(find: Callable[[], Result | None], error: WMLDeployerError) -> Result | None:
    """Look for the result of a request that failed; if that fails too, the first error counts."""
    try:
        return find()
    except WMLDeployerError as unknown:
        raise error from unknown
