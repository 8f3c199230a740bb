"""Who sees the console: links, the key, sessions, and forms that nobody else can send."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.server.console.conftest import Deployed, Visitor
from wml_deployer.server import console_link
from wml_deployer.server.console.responses import ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.conftest import Client
    from wml_deployer.testing import LocalServer

PAGES = [page.path for page in ROUTES if page.method == "GET" and not page.public]
FORMS = [page for page in ROUTES if page.method == "POST"]


@pytest.fixture
def clock(server: LocalServer) -> Iterator[LocalServer]:
    """A server whose clock tells the real time again afterwards."""
    yield server
    server.restore_clock()


def filled(path: str, deployed: Deployed) -> str:
    """A page's path with ids of things that are there."""
    ids = {"deployment_id": deployed.deployment_id, "model_id": deployed.model_id}
    return path.format(**ids) + ("?revision=1" if path.endswith("rollback") else "")


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_shown_to_nobody_without_a_session(path: str, guest: Visitor, deployed: Deployed) -> None:
    """Each leads to the entrance, and tells nothing."""
    shown = guest("GET", filled(path, deployed))

    assert (303, "/console/sign-in", "") == (shown.status, shown.headers["location"], shown.html)


def test_a_link_lets_in(guest: Visitor) -> None:
    """The page after it is the console, at an address without the token."""
    entered = guest.enter()
    (target,) = re.findall(r'http-equiv="refresh" content="0;url=([^"]*)"', entered.html)

    assert ("/", 200) == (target, guest("GET", target).status)


def test_the_session_is_a_cookie_for_this_service_alone(visitor: Visitor) -> None:
    """No script reads it, no other site sends it, no plain connection carries it."""
    (given,) = visitor.given
    port = visitor.server.url.rpartition(":")[2]
    attributes = {each.strip().lower() for each in given.split(";")[1:]}

    assert given.startswith(f"__Host-wml-{port}-session=")
    assert {"httponly", "secure", "samesite=strict", "path=/"} == attributes


def test_a_link_lets_in_once(server: LocalServer, guest: Visitor) -> None:
    """Who finds a used one is sent to the entrance and told why, and the token is not in that address either."""
    path = server.console_link().removeprefix(server.url)
    guest("GET", path)
    late = Visitor(server)
    again = late("GET", path)
    told = late("GET", again.headers["location"])
    late.close()

    assert (303, "/console/sign-in?link=used") == (again.status, again.headers["location"])
    assert "not good any more" in told.text
    assert not any("session" in line for line in late.given)


def test_a_link_is_good_for_an_hour(clock: LocalServer, guest: Visitor) -> None:
    """And no longer."""
    path = clock.console_link().removeprefix(clock.url)
    clock.advance_clock(3601)

    assert 303 == guest("GET", path).status


def test_a_session_ends_by_itself(clock: LocalServer, visitor: Visitor) -> None:
    """After twelve hours, as tokens do."""
    before = visitor("GET", "/").status
    clock.advance_clock(12 * 3600 + 1)

    assert (200, 303) == (before, visitor("GET", "/").status)


def test_the_key_lets_in(guest: Visitor) -> None:
    """For those who have no link at hand."""
    page = guest("GET", "/console/sign-in")
    shown = guest.post("/console/sign-in", form_token=page.form_token, key=guest.server.info.apikey)

    assert (303, "/") == (shown.status, shown.headers["location"])
    assert 200 == guest("GET", "/").status


def test_a_wrong_key_does_not(guest: Visitor) -> None:
    """The page says so, and asks again."""
    page = guest("GET", "/console/sign-in")
    shown = guest.post("/console/sign-in", form_token=page.form_token, key="wrong")

    assert 401 == shown.status
    assert "not the key of this service" in shown.text
    assert 303 == guest("GET", "/").status


def test_signing_out_ends_the_session(visitor: Visitor) -> None:
    """Also for who kept its cookie."""
    kept = dict(visitor.cookies)
    visitor.send("/console/sign-out")
    visitor.cookies = kept

    assert 303 == visitor("GET", "/").status


@pytest.mark.parametrize("page", FORMS, ids=lambda page: page.path)
@pytest.mark.parametrize("fault", ["no token", "token of another session", "another origin"])
def test_forms_of_others_are_refused(
    fault: str, page: object, visitor: Visitor, deployed: Deployed, client: Client
) -> None:
    """A form counts only from the page that this session was given, and changes nothing otherwise."""
    path = filled(getattr(page, "path"), deployed).partition("?")[0]  # noqa: B009
    other = Visitor(visitor.server)
    other.enter()
    token = {"no token": "", "token of another session": other("GET", "/").form_token}.get(fault)
    origin = "https://127.0.0.1:1" if fault == "another origin" else visitor.server.url
    body = f"form_token={visitor('GET', '/').form_token if token is None else token}&revision=1&rows=1&key=x"
    shown = visitor("POST", path, body, Origin=origin)
    other.close()

    assert 403 == shown.status
    assert "does not belong to this session" in shown.text
    assert "2" == client.deployment(deployed.deployment_id)["entity"]["asset"]["rev"]
    assert 200 == visitor("GET", "/").status


@pytest.mark.parametrize(
    "path", [*PAGES, "/console/sign-in", "/console/enter", "/console/static/console.css", "/console/x"]
)
def test_browsers_are_told_to_trust_nothing_else(path: str, visitor: Visitor, deployed: Deployed) -> None:
    """Scripts and styles are files of this service; nobody frames a page, guesses its type or keeps it."""
    headers = visitor("GET", filled(path, deployed)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))

    assert {"'none'"} == {policy[name] for name in ("default-src", "frame-ancestors", "base-uri")}
    assert {"'self'"} == {policy[name] for name in ("script-src", "style-src", "form-action", "connect-src", "img-src")}
    assert "nosniff" == headers["x-content-type-options"]
    assert headers["referrer-policy"] in {"same-origin", "no-referrer"}
    assert headers["cache-control"] in {"no-store", "no-cache"}


@pytest.mark.parametrize("path", PAGES)
def test_pages_keep_their_own_policy(path: str, visitor: Visitor, deployed: Deployed) -> None:
    """No script, style or handler stands in a page itself, and each form that changes something carries its token."""
    html = visitor("GET", filled(path, deployed)).html
    posting = re.findall(r'<form method="post".*?</form>', html, flags=re.DOTALL)

    assert [] == re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", html)
    assert posting
    assert all('name="form_token"' in form for form in posting)


def test_a_token_reaches_no_log(server: LocalServer, guest: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the service's log nor the list of requests has it, nor any request of the console."""
    link = server.console_link()
    token = link.rpartition("=")[2]
    server.clear_requests()
    with caplog.at_level(logging.DEBUG):
        entered = guest("GET", link.removeprefix(server.url))
        guest("GET", "/")

    said = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]

    assert [] == [message for message in said if token in message]
    assert token not in entered.html
    assert [] == [request.path for request in server.requests if request.path == "/" or "console" in request.path]


def test_a_visitor_from_another_site_goes_on_by_himself(visitor: Visitor, deployed: Deployed) -> None:
    """Browsers keep a strict cookie back on the way from another site; the next step brings it."""
    kept, visitor.cookies = visitor.cookies, {}
    first = visitor("GET", deployed.path, Sec_Fetch_Site="cross-site")
    visitor.cookies |= kept
    (target,) = re.findall(r'http-equiv="refresh" content="0;url=([^"]*)"', first.html)

    assert deployed.path == target
    assert 200 == visitor("GET", target, Sec_Fetch_Site="same-origin").status


def test_programs_with_the_key_get_links(server: LocalServer, guest: Visitor) -> None:
    """That is how a notebook tells where the console of a service that runs already is."""
    link = console_link(server.info)

    assert 200 == guest("GET", link.removeprefix(server.url)).status


@pytest.mark.parametrize("authorization", ["", "ApiKey", "ApiKey wrong", "Bearer x"])
def test_programs_without_the_key_get_none(authorization: str, server: LocalServer) -> None:
    """They are refused as the API refuses."""
    pool = urllib3.PoolManager(ca_certs=str(server.info.ca_bundle))
    answer = pool.request("POST", f"{server.url}/console/links", headers={"Authorization": authorization})
    pool.clear()

    assert (401, "authentication_token_not_valid") == (answer.status, json.loads(answer.data)["errors"][0]["code"])


def test_the_cookie_of_the_console_is_no_token_of_the_api(visitor: Visitor, client: Client) -> None:
    """Pages and programs come in by different doors."""
    shown = visitor("GET", f"/ml/v4/models?{client.scope}")

    assert (401, "authorization_missing") == (shown.status, json.loads(shown.html)["errors"][0]["code"])


def test_what_the_api_does_not_know_is_told_as_before(client: Client) -> None:
    """In JSON, by the service's own code."""
    answer = client("GET", "/ml/v4/consoles")

    assert (404, "operation_does_not_exist") == (answer.status, answer.json["errors"][0]["code"])
