"""What the service's refusals mean."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from wml_deployer._transport.responses import Response, checked, retry_after, service_error
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


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], expected: float | None) -> None:
    """Seconds, milliseconds or a date; nonsense is ignored."""
    assert expected == retry_after(headers)


def test_a_date_to_retry_at_is_in_the_future() -> None:
    """The seconds until then are waited for."""
    moment = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=30), usegmt=True)

    assert retry_after({"retry-after": moment}) == pytest.approx(29.5, abs=1)


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_an_invalid_response(status: int) -> None:
    """It is not followed; the error says where it leads to, without secrets of the address."""
    response = Response(
        status, b"", {"location": "https://login.example.com/?token=x"}, "https://cpd.example.com/ml?v=1"
    )

    with pytest.raises(InvalidResponseError, match=r"https://cpd.example.com/ml redirects to login\.example\.com\."):
        checked(response, "deploy")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 418, 429, 500, 502, 503])
def test_an_empty_refusal_is_typed(status: int) -> None:
    """Load balancers send no body."""
    assert "The response has no body." == service_error(Response(status, b"", {}, "u")).message


def test_a_page_is_named_by_its_title() -> None:
    """The text of a proxy's page is of no use."""
    page = b"<!DOCTYPE html><html><head><TITLE>502 Bad\n Gateway</TITLE></head><body>" + b"x" * 100_000

    assert "502 Bad Gateway" in service_error(Response(502, page, {}, "u")).message


def test_a_message_is_bounded() -> None:
    """The service's words are at most a page long."""
    body = json.dumps({"errors": [{"code": {"a": 1}, "message": "x" * 1_000_000}], "trace": 5}).encode()
    error = service_error(Response(500, body, {}, "u"))

    assert (4000, "{'a': 1}", "5") == (len(error.message), error.code, error.trace)


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"'])
def test_json_that_is_no_object_is_an_invalid_response(body: bytes) -> None:
    """A document was promised."""
    with pytest.raises(InvalidResponseError, match="not an object"):
        Response(200, body, {}, "u").document()
