"""Responses of the service, and the errors that they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from wml_deployer import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Response", "checked", "retry_after", "service_error"]

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")

_SUCCESS = range(200, 300)
_REDIRECTS = range(300, 400)
MESSAGE_CHARACTERS = 4000
"""Longest message that an error takes over from a response: the page of a proxy may have megabytes."""
PAGE_BYTES = 1 << 16
"""How much of a web page is searched for its title."""
_CHECK_URL = "Check that the URL is that of the service, and that no proxy or login page stands in between."

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
    """A complete response.

    Attributes:
        status: HTTP status.
        body: The body's bytes, decoded from any content encoding.
        headers: Header fields; their names are not case-sensitive.
        url: The URL that was requested, without secrets.

    """

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    url: str

    def json(self) -> Any:
        """Return the decoded body.

        Raises:
            InvalidResponseError: It is not JSON.

        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise errors.InvalidResponseError(
                f"{self.url.partition('?')[0]} answered {len(self.body)} bytes that are not JSON.",
                status=self.status,
                next_step=_CHECK_URL,
            ) from error

    def document(self) -> dict[str, Any]:
        """Return the decoded body, which is a JSON object.

        Raises:
            InvalidResponseError: It is not.

        """
        document = self.json()
        if not isinstance(document, dict):
            raise errors.InvalidResponseError(
                f"{self.url.partition('?')[0]} answered JSON that is not an object.",
                status=self.status,
                next_step=_CHECK_URL,
            )
        return document


def checked(response: Response, operation: str, *expected: int) -> Response:
    """Return the response if its status is an expected one (by default any 2xx), else raise the error that it means."""
    if response.status in (expected or _SUCCESS):
        return response
    raise service_error(response, operation)


def service_error(response: Response, operation: str | None = None) -> errors.ServiceError:
    """Make the error that a response means, with the service's own words, code and trace."""
    if response.status < HTTPStatus.BAD_REQUEST:
        return _unexpected_success(response, operation)
    first, trace = _first_error(response.body)
    failed = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind = _BY_STATUS.get(response.status, errors.ServerError if failed else errors.ServiceError)
    code = _text(first.get("code"))
    error = kind(
        (_text(first.get("message")) or _summary(response.body))[:MESSAGE_CHARACTERS],
        operation=operation,
        status=response.status,
        code=code,
        trace=_text(trace),
        next_step=_NEXT_STEPS_BY_CODE.get(str(code)) or _NEXT_STEPS.get(kind),
    )
    error.retry_after = retry_after(response.headers)
    return error


def _unexpected_success(response: Response, operation: str | None) -> errors.InvalidResponseError:
    """Make the error for a success that is not the expected one, or a redirect, which is never followed."""
    where = urlsplit(response.headers.get("location", "")).netloc
    is_redirect = response.status in _REDIRECTS
    said = f"redirects to {where or 'another address'}" if is_redirect else "answered with an unexpected status"
    return errors.InvalidResponseError(
        f"{response.url.partition('?')[0]} {said}.", operation=operation, status=response.status, next_step=_CHECK_URL
    )


def _summary(body: bytes) -> str:
    """Describe a body without a message of the service: often the page of a proxy or a load balancer."""
    text = body[:PAGE_BYTES].decode("utf-8", "replace").strip()
    if not text:
        return "The response has no body."
    if not text.startswith("<"):
        return text[:300]
    title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
    return f"The response is a web page, not the service's: {' '.join(title[1].split()) if title else 'no title'}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a response asks to wait: as seconds, milliseconds or a date; anything else is ignored.

    Args:
        headers: Header fields by lower-case name.

    Example:
        >>> retry_after({"retry-after": "2"}), retry_after({"retry-after-ms": "250"}), retry_after({"retry-after": "x"})
        (2.0, 0.25, None)

    """
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _NUMBER.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    text = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    in_utc = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
    return max(0.0, (in_utc - datetime.now(timezone.utc)).total_seconds())


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
