"""The pages of the console: their handlers and routes."""

from __future__ import annotations

import getpass
import time
from itertools import chain
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from wml_deployer.server.console import calls, charts, comparison, models, overview, rows, scores, sign_in
from wml_deployer.server.console.pages import STATIC, harden
from wml_deployer.server.console.request import SIGN_IN, ConsolePage, respond
from wml_deployer.server.deployments import predictions
from wml_deployer.server.deployments.changes import request_verification
from wml_deployer.server.deployments.history import LONGEST_REASON
from wml_deployer.server.deployments.models import KIND as DEPLOYMENT
from wml_deployer.server.deployments.responses import update
from wml_deployer.server.errors import NotFoundError, ServiceError
from wml_deployer.server.http import request_log
from wml_deployer.server.http.routing import CONSOLE, FAVICON, Call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import Scope

    from wml_deployer.server.console.request import ConsoleRequest
    from wml_deployer.server.console.versions import Version
    from wml_deployer.server.context import Context

__all__ = [
    "ROUTES",
    "compare",
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


_LONGEST_SEARCH, _MOST_CHARTS = 200, 12


async def home(request: ConsoleRequest) -> Response:
    """Show a space: its deployments and models, or those that a search finds."""
    with request.context.store.reading() as transaction:
        spaces, query = overview.spaces(transaction), request.http.query_params
        chosen = query.get("space") or transaction.setting("default_space") or spaces[0][0]
        pages = {name: query.get(name) for name in ("deployments", "models")}
        text = query.get("q", "").strip()[:_LONGEST_SEARCH]
        space = overview.space(transaction, chosen, **pages, text=text)
    return request.page("space", space=space, spaces=spaces, text=text)


async def show_deployment(request: ConsoleRequest) -> Response:
    """Show a deployment: the live version, a form to score rows, calls to copy, its traffic and its history."""
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
    """Ask for the reason of a rollback, and show what would change and how it is verified."""
    return _rollback(request, request.http.query_params.get("revision", ""))


async def roll_back(request: ConsoleRequest) -> Response:
    """Roll a deployment back to a revision of its model, with the same patch that the API takes, and verify it."""
    context, revision = request.context, request.form.get("revision", "")
    why = " ".join(request.form.get("why", "").split())
    if not why or len(why) > LONGEST_REASON or not why.isprintable():
        return _rollback(request, revision, why)
    with context.store.transaction() as transaction:
        deployment = models.deployment(transaction, request.http.path_params["deployment_id"])
        model = models.model(transaction, deployment.document["entity"]["asset"]["id"])
        asset = {"id": model.id, "rev": revision}
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
        record = transaction.get(DEPLOYMENT, deployment.id)
        if record is not None:
            request_verification(context, record, _entry(deployment, models.version_of(model, revision), why))
            transaction.save(record)
    for work in call.afterwards:
        work()
    return RedirectResponse(f"/console/deployments/{deployment.id}", 303)


def _rollback(request: ConsoleRequest, revision: str, why: str | None = None) -> Response:
    with request.context.store.reading() as transaction:
        deployment = models.deployment(transaction, request.http.path_params["deployment_id"])
        model = models.model(transaction, deployment.document["entity"]["asset"]["id"])
    version = models.version_of(model, revision)
    asset = {"id": version.model_id, "rev": version.revision}
    return request.page(
        "rollback",
        200 if why is None else 400,
        deployment=deployment,
        version=version,
        groups=comparison.compare(deployment.live, version),
        kept=len(request.context.answers.of(deployment.id, asset)),
        why=why,
        longest=LONGEST_REASON,
    )


def _entry(deployment: models.Deployment, version: Version, why: str) -> dict[str, Any]:
    """Return what the log of a deployment says of a change that was made here, in the library's words."""
    return {
        "action": "rollback" if version.is_older(deployment.live) else "update",
        "from": deployment.live.name if deployment.live else None,
        "to": version.name,
        "model_id": version.model_id,
        "revision": version.revision,
        "digest": version.digest,
        "why": why,
        "who": _who(),
    }


def _who() -> str:
    """Return the user whose service this is: the console has no accounts of its own."""
    try:
        return f"{getpass.getuser()} (console)"
    except (KeyError, OSError):
        # Containers may run under a number without a name.
        return "console"


async def compare(request: ConsoleRequest) -> Response:
    """Show two versions of a space side by side."""
    query = request.http.query_params
    with request.context.store.reading() as transaction:
        space_id = query.get("space") or transaction.setting("default_space") or ""
        space = models.space_name(transaction, space_id)
        listed = comparison.choices(transaction, space_id)
    if not listed:
        raise NotFoundError("There is no version to compare in this space.", code="revision_does_not_exist")
    other = comparison.pick(listed, query.get("other") or listed[0].key)
    one = comparison.pick(listed, query.get("one") or listed[min(1, len(listed) - 1)].key)
    groups = comparison.compare(one, other)
    return request.page("compare", groups=groups, listed=listed, one=one, other=other, space=space, space_id=space_id)


async def show_model(request: ConsoleRequest) -> Response:
    """Show a model: its revisions, and the deployments that serve them."""
    with request.context.store.reading() as transaction:
        model = models.model(transaction, request.http.path_params["model_id"])
        space = models.space_name(transaction, model.space_id)
    return request.page("model", model=model, space=space)


async def requests(request: ConsoleRequest) -> Response:
    """Show the request log, newest first, and the traffic of each deployment."""
    query, log = request.http.query_params, request.context.control.log
    with request.context.store.reading() as transaction:
        deployed = [models.as_deployment(transaction, record) for record in transaction.find(DEPLOYMENT)]
    chosen, text = query.get("only", "all"), query.get("q", "").strip()[:_LONGEST_SEARCH]
    only = next((each for each in deployed if each.id == query.get("deployment")), None)
    now = request.context.clock.now()
    by_name = request_log.predictions(log)
    asked = [each for each in deployed if only in (None, each) and any(name in by_name for name in each.names)]
    entries = [
        (each, sorted(chain.from_iterable(by_name.get(name, ()) for name in each.names), key=_moment)) for each in asked
    ]
    traffic = [(each, charts.traffic(found, now)) for each, found in entries[-_MOST_CHARTS:]]
    return request.page(
        "requests",
        log=request_log.newest(log, chosen, names=only.names if only else (), text=text),
        chosen=chosen,
        filters=list(request_log.FILTERS),
        deployed=deployed,
        only=only,
        text=text,
        traffic=[(each, found) for each, found in traffic if found],
        left_out=len(asked) - len(traffic),
        paused="paused" in query,
    )


def _moment(entry: request_log.Entry) -> datetime:
    return entry.at


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
    fields = live.fields if live else ()
    log = request_log.predictions_of(request.context.control.log, deployment.names)
    return request.page(
        "deployment",
        status,
        deployment=deployment,
        model=model,
        space=space,
        url=request.url,
        text=text if text is not None else rows.example(fields),
        refusal=refusal,
        scored=scored,
        log=log,
        traffic=charts.traffic(log.matching, request.context.clock.now()),
        calls=calls.calls(
            request.url, deployment.names[-1], request.context.account.username, request.context.directory, fields
        ),
    )


async def _ready(body: bytes) -> bytes:
    return body


def routes(context: Context) -> Iterator[BaseRoute]:
    """Yield the console's routes for the application, the fixed ones before those with a variable part."""
    for page in ROUTES:
        yield Route(page.path, _endpoint(context, page), methods=[page.method])
    yield Route(sign_in.LINKS, _links(context), methods=["POST"])
    yield Mount(f"{CONSOLE}static", _Static(directory=STATIC))
    yield Route(FAVICON, _show_icon, methods=["GET"])
    # Missing pages get an HTML page instead of the JSON error of the API.
    yield Route(f"{CONSOLE}{{path:path}}", _endpoint(context, ConsolePage("GET", CONSOLE, not_found)), methods=["GET"])


class _Static(StaticFiles):
    """Static files, which browsers must revalidate: another version of the package has other files."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return harden(response)


async def _show_icon(_request: Request) -> Response:
    return harden(RedirectResponse(f"{CONSOLE}static/icon.svg", 301))


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
    ConsolePage("GET", f"{CONSOLE}compare", compare),
    ConsolePage("GET", f"{CONSOLE}requests", requests),
    ConsolePage("GET", sign_in.ENTER, sign_in.redeem, public=True),
    ConsolePage("GET", SIGN_IN, sign_in.show_sign_in, public=True),
    ConsolePage("POST", SIGN_IN, sign_in.sign_in, public=True),
    ConsolePage("POST", f"{CONSOLE}sign-out", sign_in.sign_out),
)
"""The pages and forms of the console."""
