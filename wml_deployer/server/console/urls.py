"""Pages and forms of the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from wml_deployer.server.console import entering, responses
from wml_deployer.server.console.pages import STATIC, harden
from wml_deployer.server.console.visits import PREFIX, SIGN_IN, Page, respond

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import Scope

    from wml_deployer.server.context import Context

__all__ = ["ROUTES", "routes"]

_DEPLOYMENT = f"{PREFIX}deployments/{{deployment_id}}"

ROUTES = (
    Page("GET", "/", responses.home),
    Page("GET", _DEPLOYMENT, responses.show_deployment),
    Page("POST", _DEPLOYMENT, responses.score),
    Page("GET", f"{_DEPLOYMENT}/rollback", responses.ask_to_roll_back),
    Page("POST", f"{_DEPLOYMENT}/rollback", responses.roll_back),
    Page("GET", f"{PREFIX}models/{{model_id}}", responses.show_model),
    Page("GET", f"{PREFIX}requests", responses.requests),
    Page("GET", entering.ENTER, entering.redeem, public=True),
    Page("GET", SIGN_IN, entering.show_sign_in, public=True),
    Page("POST", SIGN_IN, entering.sign_in, public=True),
    Page("POST", f"{PREFIX}sign-out", entering.sign_out),
)
"""What can be opened and sent."""


def routes(context: Context) -> Iterator[BaseRoute]:
    """Yield the console's routes for the application, the fixed ones before those with a variable part."""
    for page in ROUTES:
        yield Route(page.path, _endpoint(context, page), methods=[page.method])
    yield Route(entering.LINKS, _links(context), methods=["POST"])
    yield Mount(f"{PREFIX}static", _Static(directory=STATIC))
    # Whoever looks for a page is told by a page that there is none.
    yield Route(f"{PREFIX}{{path:path}}", _endpoint(context, Page("GET", PREFIX, responses.nothing)), methods=["GET"])


class _Static(StaticFiles):
    """The files, which browsers ask for anew each time: the next version of this package has others."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return harden(response)


def _endpoint(context: Context, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await respond(page, context, request)

    return endpoint


def _links(context: Context) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await entering.give_link(context, request)

    return endpoint
