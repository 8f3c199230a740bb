"""Faults and the log of requests, as users' tests meet them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import urllib3

if TYPE_CHECKING:
    from tests.server.conftest import Client
    from wml_deployer.testing import LocalServer


def test_a_status_is_answered_as_often_as_asked(client: Client, server: LocalServer) -> None:
    """The fault meets two requests, and the third goes well."""
    server.fault("GET", "^/v2/spaces$", status=503, times=2, headers={"Retry-After": "7"})

    answers = [client("GET", "/v2/spaces") for _ in range(3)]

    assert [503, 503, 200] == [answer.status for answer in answers]
    assert "7" == answers[0].headers["retry-after"]


@pytest.mark.parametrize(("drop", "made"), [("before", 0), ("after", 1)])
def test_a_dropped_connection_leaves_the_work(drop: str, made: int, client: Client, server: LocalServer) -> None:
    """Dropped before: nothing was done; after: it was, but nobody heard of it."""
    name = f"{drop} {time.monotonic_ns()}"
    server.fault("POST", "^/v2/spaces$", drop="before" if drop == "before" else "after")

    with pytest.raises(urllib3.exceptions.ProtocolError):
        client("POST", "/v2/spaces", {"name": name})

    assert made == len(client("GET", f"/v2/spaces?name={name.replace(' ', '%20')}").json["resources"])


def test_skipped_requests_go_well(client: Client, server: LocalServer) -> None:
    """The fault meets the second request."""
    server.fault(None, "^/v2/spaces$", status=500, skip=1)

    assert [200, 500] == [client("GET", "/v2/spaces").status for _ in range(2)]


def test_the_log_tells_what_was_asked(client: Client, server: LocalServer) -> None:
    """Method, path, query, status and connection of each request, in order."""
    server.clear_requests()
    client("GET", "/v2/spaces?limit=1")
    client("GET", "/v2/nowhere")

    logged = server.requests

    assert [("GET", "/v2/spaces", "limit=1", 200), ("GET", "/v2/nowhere", "", 404)] == [
        (entry.method, entry.path, entry.query, entry.status) for entry in logged
    ]
    assert logged[0].connection == logged[1].connection


def test_a_stall_delays(client: Client, server: LocalServer) -> None:
    """The request waits first, and then goes well."""
    server.clear_requests()
    server.fault("GET", "^/v2/spaces$", stall=0.2)
    started = time.monotonic()

    assert 200 == client("GET", "/v2/spaces").status
    assert time.monotonic() - started >= 0.2


def test_a_slow_body_arrives_whole(client: Client, server: LocalServer) -> None:
    """Spread over time, the answer is the same."""
    quick = client("GET", "/v2/hardware_specifications").content
    server.fault("GET", "hardware", slow=0.2)

    assert quick == client("GET", "/v2/hardware_specifications").content
