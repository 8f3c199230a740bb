"""Pages and forms of the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from wml_deployer.server.console import responses, sign_in
from wml_deployer.server.console.pages import STATIC, harden
from wml_deployer.server.console.request import SIGN_IN, ConsolePage, respond
from wml_deployer.server.http.prefixes import CONSOLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import Scope

    from wml_deployer.server.context import Context

__all__ = ["ROUTES", "routes"]

_DEPLOYMENT = f"{CONSOLE}deployments/{{deployment_id}}"

ROUTES = (
    ConsolePage("GET", "/", responses.home),
    ConsolePage("GET", _DEPLOYMENT, responses.show_deployment),
    ConsolePage("POST", _DEPLOYMENT, responses.score),
    ConsolePage("GET", f"{_DEPLOYMENT}/rollback", responses.ask_to_roll_back),
    ConsolePage("POST", f"{_DEPLOYMENT}/rollback", responses.roll_back),
    ConsolePage("GET", f"{CONSOLE}models/{{model_id}}", responses.show_model),
    ConsolePage("GET", f"{CONSOLE}requests", responses.requests),
    ConsolePage("GET", sign_in.ENTER, sign_in.redeem, public=True),
    ConsolePage("GET", SIGN_IN, sign_in.show_sign_in, public=True),
    ConsolePage("POST", SIGN_IN, sign_in.sign_in, public=True),
    ConsolePage("POST", f"{CONSOLE}sign-out", sign_in.sign_out),
)
"""What can be opened and sent."""


def routes(context: Context) -> Iterator[BaseRoute]:
    """Yield the console's routes for the application, the fixed ones before those with a variable part."""
    for page in ROUTES:
        yield Route(page.path, _endpoint(context, page), methods=[page.method])
    yield Route(sign_in.LINKS, _links(context), methods=["POST"])
    yield Mount(f"{CONSOLE}static", _Static(directory=STATIC))
    # Whoever looks for a page is told by a page that there is none.
    yield Route(
        f"{CONSOLE}{{path:path}}", _endpoint(context, ConsolePage("GET", CONSOLE, responses.nothing)), methods=["GET"]
    )


class _Static(StaticFiles):
    """The files, which browsers ask for anew each time: the next version of this package has others."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return harden(response)


def _endpoint(context: Context, page: ConsolePage) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await respond(page, context, request)

    return endpoint


def _links(context: Context) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await sign_in.give_link(context, request)

    return endpoint
