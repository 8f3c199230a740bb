"""What the service answered, and which error that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Response", "checked", "service_error"]

_SUCCESS = range(200, 300)

_BY_STATUS: dict[int, type[errors.ServiceError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.AuthorizationError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    413: errors.PayloadTooLargeError,
    429: errors.RateLimitError,
}

_NEXT_STEPS: dict[type[errors.ServiceError], str] = {
    errors.AuthenticationError: (
        "Check the API key or token; a raw token is not renewed: get a new one, or give an API key."
    ),
    errors.AuthorizationError: (
        "Ask for the Editor or Admin role in the deployment space, and check that a runtime is associated with it."
    ),
    errors.PayloadTooLargeError: "Send fewer rows a call.",
    errors.RateLimitError: "Wait and try again; the service's plan limits how much it answers.",
    errors.ServerError: "Try again; if it stays, quote the trace to IBM support.",
}

# Where the service's own code says more than the status, so does the next step.
_NEXT_STEPS_BY_CODE = {
    "authentication_token_expired": "Get a new token, or give an API key instead: tokens made from a key are renewed.",
    "instance_quota_exceeded": "Delete deployments that nobody needs, upgrade the plan, or wait for the next month.",
    "no_associated_service_instance_error": (
        "Associate a machine learning instance under Manage > General > Machine learning service of the space."
    ),
}


@dataclass(frozen=True)
class Response:
    """One answer, whole.

    Attributes:
        status: HTTP status.
        body: The body's bytes, decoded from any content encoding.
        headers: Header fields, found by their names in either case.
        url: What was asked, without secrets.

    """

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    url: str

    def json(self) -> Any:
        """Return the decoded body.

        Raises:
            InvalidResponseError: It is no JSON.

        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise errors.InvalidResponseError(
                f"{self.url} answered {len(self.body)} bytes that are no JSON.",
                status=self.status,
                next_step="Check that the URL is that of the service and no proxy's or login page stands in between.",
            ) from error


def checked(response: Response, operation: str, *expected: int) -> Response:
    """Return the response if its status is one of those expected (any 2xx without), else raise what it means."""
    if response.status in (expected or _SUCCESS):
        return response
    raise service_error(response, operation)


def service_error(response: Response, operation: str | None = None) -> errors.ServiceError:
    """Make the error that an answer means, with the service's own words, code and trace."""
    first, trace = _first_error(response.body)
    failed = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind = _BY_STATUS.get(response.status, errors.ServerError if failed else errors.ServiceError)
    code = first.get("code")
    said = first.get("message") or response.body[:300].decode("utf-8", "replace") or "no explanation"
    error = kind(
        str(said),
        operation=operation,
        status=response.status,
        code=code,
        trace=trace,
        next_step=_NEXT_STEPS_BY_CODE.get(str(code)) or _NEXT_STEPS.get(kind),
    )
    if isinstance(error, errors.RateLimitError):
        error.retry_after = retry_after(response)
    return error


def retry_after(response: Response) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for; dates are left to the caller's own pace."""
    said = response.headers.get("retry-after", "")
    return float(said) if said.strip().isdigit() else None


def _first_error(body: bytes) -> tuple[dict[str, Any], str | None]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}, None
    if not isinstance(document, dict):
        return {}, None
    listed = document.get("errors")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else document
    return first, document.get("trace")
