"""What can go wrong between the service and a model: it does not load, or it does not predict."""

from __future__ import annotations

from wml_deployer.server.errors import error_text

__all__ = ["LoadError", "PredictionError"]


class LoadError(Exception):
    """The stored content cannot be served; the deployment fails with this.

    Attributes:
        code: The service's error code.
        message: What happened and what to do about it, for the user.

    """

    def __init__(self, code: str, message: str) -> None:
        """Make the message fit for an answer: user code may have raised anything."""
        super().__init__(code, message)
        self.code = code
        self.message = error_text(message)

    def __str__(self) -> str:
        """Return the message alone."""
        return self.message


class PredictionError(Exception):
    """One request was not answered; the next one may be.

    Attributes:
        status: HTTP status of the answer.
        code: The service's error code.
        message: What happened, in the runtime's own words where it has any.

    """

    def __init__(self, status: int, code: str, message: str) -> None:
        """Make the message fit for an answer: user code may have raised anything."""
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = error_text(message)

    def __str__(self) -> str:
        """Return the message alone."""
        return self.message
