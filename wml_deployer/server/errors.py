"""Errors of the service: each renders itself as the service's error body.

``{"trace": ..., "errors": [{"code", "message", "more_info"?, "target"?}], "status_code"?}``, as recorded. Where a
recording exists, code and text are the recorded ones; the others are this service's own and stay as they are.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "AuthenticationError",
    "ConflictError",
    "ForbiddenError",
    "InvalidRequestError",
    "NotFoundError",
    "ServiceError",
    "TooLargeError",
    "TooManyRequestsError",
    "check_tags",
    "error_text",
    "object_in",
    "wrong_field",
]

_LONGEST_TEXT = 20_000

MORE_INFO = "https://cloud.ibm.com/apidocs/machine-learning"


def error_text(text: str) -> str:
    r"""Return the text as an answer can hold it.

    Halves of surrogate pairs, which no encoding has, become question marks, and what is far too long is cut off.

    Example:
        >>> error_text("caf\u00e9 \ud800")
        'café ?'

    """
    text = text.encode("utf-8", errors="replace").decode("utf-8")
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


class ServiceError(Exception):
    """A request that the service refuses.

    Args:
        message: What happened, to what, and why.
        code: The service's snake_case code; the class's own unless given.
        target: The field it is about, as ``{"type": "field", "name": ...}``.
        headers: HTTP headers that go with the answer.

    """

    status = 500
    code = "internal_server_error"
    #: The repository's errors carry ``status_code`` as a string, the deployments' carry none (both recorded).
    shows_status = True

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        target: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Describe the refusal."""
        super().__init__(message)
        self.message = error_text(message)
        self.code = code or self.code
        self.target = target
        self.headers = headers or {}

    def body(self, trace: str) -> dict[str, Any]:
        """Return the error body as the service sends it, under the given trace id."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "more_info": MORE_INFO}
        if self.target is not None:
            error["target"] = self.target
        if not self.shows_status:
            del error["more_info"]
            return {"trace": trace, "errors": [error]}
        return {"trace": trace, "errors": [error], "status_code": str(self.status)}


class InvalidRequestError(ServiceError):
    """400: the request itself is wrong."""

    status = 400
    code = "invalid_request_entity"


def wrong_field(name: str, message: str) -> InvalidRequestError:
    """Return the error for a field of the request that is missing or wrong."""
    return InvalidRequestError(message, target={"type": "field", "name": name})


def object_in(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a member of the request that is an object, or an empty one where it is not there.

    Raises:
        InvalidRequestError: It is something else.

    """
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_field(name, f"The {name} is an object.")
    return value


def check_tags(tags: Any, name: str = "tags") -> None:
    """Refuse tags that are not words in a list.

    Raises:
        InvalidRequestError: They are something else; none at all are fine.

    """
    if tags is not None and not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        raise wrong_field(name, "The tags are a list of texts.")


class AuthenticationError(ServiceError):
    """401: no token, or one that is not valid here."""

    status = 401
    code = "authentication_token_not_valid"


class ForbiddenError(ServiceError):
    """403: not allowed."""

    status = 403
    code = "authorization_rejected"


class NotFoundError(ServiceError):
    """404: nothing there."""

    status = 404
    code = "does_not_exist"


class ConflictError(ServiceError):
    """409: in conflict with what is there."""

    status = 409
    code = "conflict"


class TooLargeError(ServiceError):
    """413: the body is larger than the service takes."""

    status = 413
    code = "request_entity_too_large"


class TooManyRequestsError(ServiceError):
    """429: over the rate or the quota."""

    status = 429
    code = "too_many_requests"
