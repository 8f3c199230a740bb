"""Check that a model answers the same here, in a rehearsal, and at its endpoint."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from wml_deployer.errors import ModelError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["user_code"]


@contextmanager
def user_code(what: str, next_step: str) -> Iterator[None]:
    """Turn whatever a user's code raises into a typed error.

    Args:
        what: What was called, for the message: ``"predict of the model"``.
        next_step: What the caller can do about it.

    Raises:
        ModelError: The code raised; its own error is the cause.

    """
    try:
        yield
    except WMLDeployerError:
        raise
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())
        raise ModelError(f"{what} raised {type(error).__name__}: {said}", next_step=next_step) from error
