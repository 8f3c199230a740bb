"""How people sign in and out: by a one-time link, or by the account's key."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
from starlette.responses import RedirectResponse, Response

from wml_deployer.server.console.pages import render
from wml_deployer.server.console.request import SIGN_IN
from wml_deployer.server.errors import AuthenticationError
from wml_deployer.server.http.routing import CONSOLE

if TYPE_CHECKING:
    from starlette.requests import Request

    from wml_deployer.server.console.request import ConsoleRequest
    from wml_deployer.server.context import Context

__all__ = ["ENTER", "LINKS", "give_link", "link", "redeem", "show_sign_in", "sign_in", "sign_out"]

ENTER = f"{CONSOLE}enter"
"""Where a link leads."""
LINKS = f"{CONSOLE}links"
"""Where programs that know the key get links for people."""


def link(context: Context, url: str) -> str:
    """Return a link that opens one session, within an hour."""
    return f"{url}{ENTER}?token={quote(context.sessions.link_token())}"


async def redeem(request: ConsoleRequest) -> Response:
    """Open a session for a link; the address shown next has no token."""
    session = request.sessions.redeem(request.http.query_params.get("token", ""))
    if session is None:
        return RedirectResponse(f"{SIGN_IN}?link=used", 303)
    # Not a redirect: on one that began at another site, a notebook say, the browser would hold the new cookie back.
    response = render("forward", target="/")
    response.headers["referrer-policy"] = "no-referrer"
    return request.let_in(response, session)


async def show_sign_in(request: ConsoleRequest) -> Response:
    """Show the sign-in form."""
    if request.session is not None:
        return RedirectResponse("/", 303)
    return _page(request, used=request.http.query_params.get("link") == "used")


async def sign_in(request: ConsoleRequest) -> Response:
    """Open a session for the account's key."""
    if not request.context.account.owns(request.form.get("key", "").strip()):
        return _page(request, 401, wrong=True)
    return request.let_in(RedirectResponse("/", 303), request.sessions.open())


async def sign_out(request: ConsoleRequest) -> Response:
    """End the session."""
    request.sessions.close(request.session or "")
    return request.let_out(RedirectResponse(SIGN_IN, 303))


async def give_link(context: Context, request: Request) -> Response:
    """Give a program that knows the key a link for a browser."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "apikey" or not context.account.owns(key.strip()):
        error = AuthenticationError("A link is given to who knows the key: Authorization: ApiKey KEY.")
        return Response(orjson.dumps(error.body(context.identifiers.trace())), 401, media_type="application/json")
    body = orjson.dumps({"url": link(context, context.url)})
    return Response(body, 201, headers={"cache-control": "no-store"}, media_type="application/json")


def _page(request: ConsoleRequest, status: int = 200, *, used: bool = False, wrong: bool = False) -> Response:
    account, folder = request.context.account.username, request.context.directory
    return request.page("sign_in", status, username=account, folder=folder, used=used, wrong=wrong)
