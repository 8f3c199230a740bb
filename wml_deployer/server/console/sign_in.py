"""Sign in, with a one-time link or the API key, and sign out."""

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
"""Path of sign-in links."""
LINKS = f"{CONSOLE}links"
"""Path where programs that know the API key get sign-in links."""


def link(context: Context, url: str) -> str:
    """Return a link that opens a session once, within an hour."""
    return f"{url}{ENTER}?token={quote(context.sessions.link_token())}"


async def redeem(request: ConsoleRequest) -> Response:
    """Open a session for a link, and redirect to an address without its token."""
    session = request.sessions.redeem(request.http.query_params.get("token", ""))
    if session is None:
        return RedirectResponse(f"{SIGN_IN}?link=used", 303)
    # Not an HTTP redirect: after a link on another site, such as a notebook, the browser would not send the new cookie.
    response = render("forward", target="/")
    response.headers["referrer-policy"] = "no-referrer"
    return request.with_session(response, session)


async def show_sign_in(request: ConsoleRequest) -> Response:
    """Show the sign-in form."""
    if request.session is not None:
        return RedirectResponse("/", 303)
    return _page(request, used=request.http.query_params.get("link") == "used")


async def sign_in(request: ConsoleRequest) -> Response:
    """Open a session for the API key."""
    if not request.context.account.verify(request.form.get("key", "").strip()):
        return _page(request, 401, wrong=True)
    return request.with_session(RedirectResponse("/", 303), request.sessions.open())


async def sign_out(request: ConsoleRequest) -> Response:
    """Close the session."""
    request.sessions.close(request.session or "")
    return request.without_session(RedirectResponse(SIGN_IN, 303))


async def give_link(context: Context, request: Request) -> Response:
    """Create a sign-in link for a program that knows the API key."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "apikey" or not context.account.verify(key.strip()):
        error = AuthenticationError("Creating a link needs the API key, in the header Authorization: ApiKey KEY.")
        return Response(orjson.dumps(error.body(context.identifiers.trace())), 401, media_type="application/json")
    body = orjson.dumps({"url": link(context, context.url)})
    return Response(body, 201, headers={"cache-control": "no-store"}, media_type="application/json")


def _page(request: ConsoleRequest, status: int = 200, *, used: bool = False, wrong: bool = False) -> Response:
    account, folder = request.context.account.username, request.context.directory
    return request.page("sign_in", status, username=account, folder=folder, used=used, wrong=wrong)
