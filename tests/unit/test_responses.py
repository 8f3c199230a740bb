"""What the service's refusals mean."""

from __future__ import annotations

import json

import pytest

from wml_deployer._transport.responses import Response, checked, service_error
from wml_deployer.errors import (
    AuthenticationError,
    AuthorizationError,
    BadRequestError,
    ConflictError,
    InvalidResponseError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitError,
    ServerError,
    ServiceError,
)

BODY = b'{"trace":"abc","errors":[{"code":"a_code","message":"in its own words"}]}'
KINDS = {
    400: BadRequestError,
    401: AuthenticationError,
    403: AuthorizationError,
    404: NotFoundError,
    409: ConflictError,
    413: PayloadTooLargeError,
    418: ServiceError,
    429: RateLimitError,
    500: ServerError,
    503: ServerError,
}


@pytest.mark.parametrize("status", KINDS)
def test_a_status_is_an_error_of_its_own(status: int) -> None:
    """Each refusal is of its kind, with the service's words, code and trace."""
    with pytest.raises(KINDS[status], match="in its own words") as caught:
        checked(Response(status, BODY, {}, "https://cpd.example.com"), "deploy")

    error = caught.value
    assert (KINDS[status], status, "a_code", "abc") == (type(error), error.status, error.code, error.trace)


@pytest.mark.parametrize(
    ("status", "code", "next_step"),
    [
        (401, "authentication_token_expired", "Get a new token"),
        (403, "instance_quota_exceeded", "Delete deployments"),
        (403, "no_associated_service_instance_error", "Associate a machine learning instance"),
        (403, "authorization_rejected", "Ask for the Editor"),
    ],
)
def test_the_code_decides_what_to_do_next(status: int, code: str, next_step: str) -> None:
    """One status has many reasons."""
    body = json.dumps({"errors": [{"code": code, "message": "no"}]}).encode()

    assert str(service_error(Response(status, body, {}, "u")).next_step).startswith(next_step)


def test_a_success_passes() -> None:
    """What was expected comes back."""
    answer = Response(201, b"{}", {}, "u")

    assert answer is checked(answer, "deploy", 201)


def test_an_unexpected_success_is_none() -> None:
    """Where the exact status counts, another one is an error."""
    with pytest.raises(ServiceError):
        checked(Response(200, b"{}", {}, "u"), "deploy", 202)


def test_a_rate_limit_says_how_long_to_wait() -> None:
    """Retry-After is kept in seconds."""
    error = service_error(Response(429, BODY, {"retry-after": "7"}, "u"))

    assert isinstance(error, RateLimitError)
    assert 7.0 == error.retry_after


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"[]", b'{"errors":"none"}', b'{"errors":[]}', b""])
def test_a_body_of_any_shape_is_an_error(body: bytes) -> None:
    """A gateway's page is no KeyError."""
    assert 502 == service_error(Response(502, body, {}, "u")).status


def test_what_is_no_json_is_an_invalid_answer() -> None:
    """A login page with status 200 is named for what it is."""
    with pytest.raises(InvalidResponseError, match="not JSON"):
        Response(200, b"<html>", {}, "https://cpd.example.com").json()
