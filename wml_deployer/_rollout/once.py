"""Doing things once although answers get lost, and telling what an interrupted call left where."""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, TypeVar

from wml_deployer._transport.deadline import remaining
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

__all__ = ["PASSING", "once", "pause", "tell"]

Result = TypeVar("Result")

ATTEMPTS = 3
PAUSE_SECONDS = 0.2

PASSING: tuple[type[WMLDeployerError], ...] = (TransportError, DeadlineError, ServerError, InvalidResponseError)
"""Failures that say nothing about whether the work was done, and that may pass by themselves."""

_log = logging.getLogger(__name__)


def once(act: Callable[[], Result], look: Callable[[], Result | None]) -> Result:
    """Do what must not be done twice; where the answer is lost, look whether it was done before doing it again.

    Args:
        act: Does it, and returns what came of it.
        look: Returns what came of it if it was done, else ``None``.

    Raises:
        WMLDeployerError: What ``act`` raised; it was not done, or that cannot be found out.

    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return act()
        except PASSING as error:  # noqa: PERF203 - a request costs more
            found = _looked(look, error)
            if found is not None:
                _log.info("the answer was lost, the work was done: %s", error.message)
                return found
            # After a silence the service may be at it still: a second request might make a second one.
            if attempt == ATTEMPTS or isinstance(error, DeadlineError | CertificateError):
                raise
            pause(attempt)
    raise AssertionError  # pragma: no cover - the last attempt returns or raises


def pause(attempt: int) -> None:
    """Wait before the next attempt, longer each time, never beyond the deadline.

    Raises:
        DeadlineError: No time is left.

    """
    left = remaining()
    # Jitter keeps processes that met each other from meeting again.
    seconds = PAUSE_SECONDS * attempt * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
    time.sleep(seconds if left is None else min(seconds, left))


def tell(error: BaseException, text: str) -> None:
    """Add to an error what it left where, so that its reader knows; also to Ctrl-C."""
    if isinstance(error, WMLDeployerError):
        error.message += f"\n{text}"
    elif isinstance(error, KeyboardInterrupt):
        error.args = ("\n".join([*map(str, error.args), text]),)
    else:
        _log.warning("%s", text)


def _looked(look: Callable[[], Result | None], error: WMLDeployerError) -> Result | None:
    try:
        return look()
    except WMLDeployerError as unknown:
        raise error from unknown
