"""Errors that the service responds with; each renders the service's error body.

``{"trace": ..., "errors": [{"code", "message", "more_info"?, "target"?}], "status_code"?}``, as recorded. Codes
and texts are those of recorded responses where there are any; the others are made up here, and are kept stable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AuthenticationError",
    "ConflictError",
    "ForbiddenError",
    "InvalidRequestError",
    "NotFoundError",
    "ServiceError",
    "TooLargeError",
    "TooManyRequestsError",
    "check_labels",
    "error_text",
    "object_in",
    "wrong_field",
]

_LONGEST_TEXT = 20_000

MORE_INFO = "https://cloud.ibm.com/apidocs/machine-learning"


def error_text(text: str) -> str:
    r"""Return the text in a form that a response can contain.

    Lone surrogates, which UTF-8 cannot encode, become question marks, and a very long text is truncated.

    Example:
        >>> error_text("caf\u00e9 \ud800")
        'café ?'

    """
    text = text.encode("utf-8", errors="replace").decode("utf-8")
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


class ServiceError(Exception):
    """A request that the service refuses; the subclasses have their status and code.

    Args:
        message: What happened, to what, and why.
        code: Error code in snake_case; that of the class by default.
        target: The field that is wrong, as ``{"type": "field", "name": ...}``.
        headers: HTTP headers of the response.

    """

    status = 500
    code = "internal_server_error"
    #: Errors of the repository contain ``status_code`` as a string, those of deployments do not (both recorded).
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
        """Return the error body with the given trace id."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "more_info": MORE_INFO}
        if self.target is not None:
            error["target"] = self.target
        if not self.shows_status:
            del error["more_info"]
            return {"trace": trace, "errors": [error]}
        return {"trace": trace, "errors": [error], "status_code": str(self.status)}


class InvalidRequestError(ServiceError):
    """400: the request is invalid."""

    status = 400
    code = "invalid_request_entity"


def wrong_field(name: str, message: str) -> InvalidRequestError:
    """Return the error for a missing or invalid field of the request."""
    return InvalidRequestError(message, target={"type": "field", "name": name})


def object_in(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a field of the request that must be an object; an empty one if the field is missing.

    Raises:
        InvalidRequestError: The field is not an object.

    """
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_field(name, f"The field {name} must be an object.")
    return value


def check_labels(given: Mapping[str, Any], within: str = "") -> None:
    """Check that a description is a string, and tags a list of strings, where there are any.

    Args:
        given: The members of a document, of which both may be missing.
        within: Where in the request they are, as ``metadata.``.

    Raises:
        InvalidRequestError: They are not.

    """
    description, tags = given.get("description"), given.get("tags")
    if not (description is None or isinstance(description, str)):
        raise wrong_field(f"{within}description", "The description must be a string.")
    if tags is not None and not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        raise wrong_field(f"{within}tags", "The tags must be a list of strings.")


class AuthenticationError(ServiceError):
    """401: the token is missing or invalid."""

    status = 401
    code = "authentication_token_not_valid"


class ForbiddenError(ServiceError):
    """403: the request is not allowed."""

    status = 403
    code = "authorization_rejected"


class NotFoundError(ServiceError):
    """404: the resource does not exist."""

    status = 404
    code = "does_not_exist"


class ConflictError(ServiceError):
    """409: the request conflicts with the current state."""

    status = 409
    code = "conflict"


class TooLargeError(ServiceError):
    """413: the body is too large."""

    status = 413
    code = "request_entity_too_large"


class TooManyRequestsError(ServiceError):
    """429: too many requests."""

    status = 429
    code = "too_many_requests"
