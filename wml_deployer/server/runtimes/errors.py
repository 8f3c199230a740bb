"""Errors of runtimes: the content cannot be loaded, or a prediction failed."""

from __future__ import annotations

from wml_deployer.server.errors import error_text

__all__ = ["LoadError", "PredictionError"]


class LoadError(Exception):
    """The content of a deployment cannot be loaded.

    Attributes:
        code: Error code of the service.
        message: What happened and what to do about it.

    """

    def __init__(self, code: str, message: str) -> None:
        """Make the message safe for a response: user code may have raised anything."""
        super().__init__(code, message)
        self.code = code
        self.message = error_text(message)

    def __str__(self) -> str:
        """Return the message."""
        return self.message


class PredictionError(Exception):
    """A prediction failed; the next one may succeed.

    Attributes:
        status: HTTP status of the response.
        code: Error code of the service.
        message: What happened; the message of the model or framework if there is one.

    """

    def __init__(self, status: int, code: str, message: str) -> None:
        """Make the message safe for a response: user code may have raised anything."""
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = error_text(message)

    def __str__(self) -> str:
        """Return the message."""
        return self.message
