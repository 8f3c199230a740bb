"""How people come in and go out: by a one-time link, or by the account's key."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
from starlette.responses import RedirectResponse, Response

from wml_deployer.server.console.pages import render
from wml_deployer.server.console.visits import PREFIX, SIGN_IN
from wml_deployer.server.errors import AuthenticationError

if TYPE_CHECKING:
    from starlette.requests import Request

    from wml_deployer.server.console.visits import Visit
    from wml_deployer.server.context import Context

__all__ = ["ENTER", "LINKS", "give_link", "link", "redeem", "show_sign_in", "sign_in", "sign_out"]

ENTER = f"{PREFIX}enter"
"""Where a link leads."""
LINKS = f"{PREFIX}links"
"""Where programs that know the key get links for people."""


def link(context: Context, url: str) -> str:
    """Return an address that opens one session, within an hour."""
    return f"{url}{ENTER}?token={quote(context.entrance.link_token())}"


async def redeem(visit: Visit) -> Response:
    """Let in who comes by a link; the address that they see next has no token."""
    session = visit.entrance.redeem(visit.request.query_params.get("token", ""))
    if session is None:
        return RedirectResponse(f"{SIGN_IN}?link=used", 303)
    # Not a redirect: on one that began at another site, a notebook say, the browser would hold the new cookie back.
    response = render("forward", target="/")
    response.headers["referrer-policy"] = "no-referrer"
    return visit.let_in(response, session)


async def show_sign_in(visit: Visit) -> Response:
    """Ask for the key."""
    if visit.session is not None:
        return RedirectResponse("/", 303)
    return _page(visit, used=visit.request.query_params.get("link") == "used")


async def sign_in(visit: Visit) -> Response:
    """Let in who knows the key."""
    if not visit.context.account.owns(visit.form.get("key", "").strip()):
        return _page(visit, 401, wrong=True)
    return visit.let_in(RedirectResponse("/", 303), visit.entrance.open())


async def sign_out(visit: Visit) -> Response:
    """End the session."""
    visit.entrance.close(visit.session or "")
    return visit.let_out(RedirectResponse(SIGN_IN, 303))


async def give_link(context: Context, request: Request) -> Response:
    """Give a program that knows the key a link for a person."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "apikey" or not context.account.owns(key.strip()):
        error = AuthenticationError("A link is given to who knows the key: Authorization: ApiKey KEY.")
        return Response(orjson.dumps(error.body(context.identifiers.trace())), 401, media_type="application/json")
    body = orjson.dumps({"url": link(context, context.url)})
    return Response(body, 201, headers={"cache-control": "no-store"}, media_type="application/json")


def _page(visit: Visit, status: int = 200, *, used: bool = False, wrong: bool = False) -> Response:
    account, folder = visit.context.account.username, visit.context.directory
    return visit.page("sign_in", status, username=account, folder=folder, used=used, wrong=wrong)
