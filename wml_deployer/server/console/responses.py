"""The pages of the console: their handlers and routes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from wml_deployer.server.console import models, overview, rows, scores, sign_in
from wml_deployer.server.console.pages import STATIC, harden
from wml_deployer.server.console.request import SIGN_IN, ConsolePage, respond
from wml_deployer.server.deployments import predictions
from wml_deployer.server.deployments.responses import update
from wml_deployer.server.errors import NotFoundError, ServiceError
from wml_deployer.server.http import request_log
from wml_deployer.server.http.routing import CONSOLE, Call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import Scope

    from wml_deployer.server.console.request import ConsoleRequest
    from wml_deployer.server.context import Context

__all__ = [
    "ROUTES",
    "confirm_rollback",
    "home",
    "not_found",
    "requests",
    "roll_back",
    "routes",
    "score",
    "show_deployment",
    "show_model",
]


async def home(request: ConsoleRequest) -> Response:
    """Show a space: its deployments and models."""
    with request.context.store.reading() as transaction:
        spaces, query = overview.spaces(transaction), request.http.query_params
        chosen = query.get("space") or transaction.setting("default_space") or spaces[0][0]
        pages = {name: query.get(name) for name in ("deployments", "models")}
        space = overview.space(transaction, chosen, **pages)
    return request.page("space", space=space, spaces=spaces)


async def show_deployment(request: ConsoleRequest) -> Response:
    """Show a deployment: the live version, a form to score rows, and the versions for a rollback."""
    return _deployment(request)


async def score(request: ConsoleRequest) -> Response:
    """Score pasted rows."""
    text = request.form.get("rows", "")
    with request.context.store.reading() as transaction:
        deployment = models.deployment(transaction, request.http.path_params["deployment_id"])
    live = deployment.live
    try:
        body = rows.to_body(text, live.fields if live else ())
        started = time.perf_counter()
        answer = await predictions.score(request.context, deployment.id, lambda: _ready(body))
    except ServiceError as error:
        return _deployment(request, error.status, text=text, refusal=error.message)
    seconds = time.perf_counter() - started
    scored = scores.read(bytes(answer.body), seconds, live.classes if live else ())
    return _deployment(request, answer.status_code, text=text, scored=scored)


async def confirm_rollback(request: ConsoleRequest) -> Response:
    """Ask for confirmation of a rollback, and show what would change."""
    with request.context.store.reading() as transaction:
        deployment = models.deployment(transaction, request.http.path_params["deployment_id"])
        model = models.model(transaction, deployment.document["entity"]["asset"]["id"])
    version = models.version_of(model, request.http.query_params.get("revision", ""))
    return request.page("rollback", deployment=deployment, version=version)


async def roll_back(request: ConsoleRequest) -> Response:
    """Roll a deployment back to a revision of its model, with the same patch that the API takes."""
    context, revision = request.context, request.form.get("revision", "")
    with context.store.transaction() as transaction:
        deployment = models.deployment(transaction, request.http.path_params["deployment_id"])
        asset = {"id": deployment.document["entity"]["asset"]["id"], "rev": revision}
        call = Call(
            context=context,
            transaction=transaction,
            caller=request.caller,
            url=request.url,
            path={"deployment_id": deployment.id},
            query={"space_id": deployment.space_id},
            location=request.http.url.path,
            body=[{"op": "replace", "path": "/asset", "value": asset}],
        )
        update(call)
    for work in call.afterwards:
        work()
    return RedirectResponse(f"/console/deployments/{deployment.id}", 303)


async def show_model(request: ConsoleRequest) -> Response:
    """Show a model: its revisions, and the deployments that serve them."""
    with request.context.store.reading() as transaction:
        model = models.model(transaction, request.http.path_params["model_id"])
        space = models.space_name(transaction, model.space_id)
    return request.page("model", model=model, space=space)


async def requests(request: ConsoleRequest) -> Response:
    """Show the request log, newest first."""
    chosen = request.http.query_params.get("only", "all")
    paused = "paused" in request.http.query_params
    shown = request_log.newest(request.context.control.log, chosen)
    return request.page("requests", log=shown, chosen=chosen, filters=list(request_log.FILTERS), paused=paused)


async def not_found(request: ConsoleRequest) -> Response:
    """Show that a page does not exist."""
    raise NotFoundError(f"The page {request.http.url.path} does not exist.", code="page_does_not_exist")


def _deployment(
    request: ConsoleRequest,
    status: int = 200,
    *,
    text: str | None = None,
    refusal: str | None = None,
    scored: scores.Scores | None = None,
) -> Response:
    with request.context.store.reading() as transaction:
        deployment = models.deployment(transaction, request.http.path_params["deployment_id"])
        model = models.model(transaction, deployment.document["entity"]["asset"]["id"])
        space = models.space_name(transaction, deployment.space_id)
    live = deployment.live
    return request.page(
        "deployment",
        status,
        deployment=deployment,
        model=model,
        space=space,
        url=request.url,
        text=text if text is not None else rows.example(live.fields if live else ()),
        refusal=refusal,
        scored=scored,
        log=request_log.predictions_of(request.context.control.log, deployment.id, deployment.serving_name),
    )


async def _ready(body: bytes) -> bytes:
    return body


def routes(context: Context) -> Iterator[BaseRoute]:
    """Yield the console's routes for the application, the fixed ones before those with a variable part."""
    for page in ROUTES:
        yield Route(page.path, _endpoint(context, page), methods=[page.method])
    yield Route(sign_in.LINKS, _links(context), methods=["POST"])
    yield Mount(f"{CONSOLE}static", _Static(directory=STATIC))
    # Missing pages get an HTML page instead of the JSON error of the API.
    yield Route(f"{CONSOLE}{{path:path}}", _endpoint(context, ConsolePage("GET", CONSOLE, not_found)), methods=["GET"])


class _Static(StaticFiles):
    """Static files, which browsers must revalidate: another version of the package has other files."""

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


_DEPLOYMENT = f"{CONSOLE}deployments/{{deployment_id}}"

ROUTES = (
    ConsolePage("GET", "/", home),
    ConsolePage("GET", _DEPLOYMENT, show_deployment),
    ConsolePage("POST", _DEPLOYMENT, score),
    ConsolePage("GET", f"{_DEPLOYMENT}/rollback", confirm_rollback),
    ConsolePage("POST", f"{_DEPLOYMENT}/rollback", roll_back),
    ConsolePage("GET", f"{CONSOLE}models/{{model_id}}", show_model),
    ConsolePage("GET", f"{CONSOLE}requests", requests),
    ConsolePage("GET", sign_in.ENTER, sign_in.redeem, public=True),
    ConsolePage("GET", SIGN_IN, sign_in.show_sign_in, public=True),
    ConsolePage("POST", SIGN_IN, sign_in.sign_in, public=True),
    ConsolePage("POST", f"{CONSOLE}sign-out", sign_in.sign_out),
)
"""The pages and forms of the console."""
