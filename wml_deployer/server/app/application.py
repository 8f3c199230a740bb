"""The ASGI application: the routes of all packages, and error handling."""

from __future__ import annotations

import contextlib
import difflib
import logging
from typing import TYPE_CHECKING

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from wml_deployer.server.app.middleware import Middleware
from wml_deployer.server.artifacts import responses as artifacts
from wml_deployer.server.assets import responses as assets
from wml_deployer.server.console import responses as console
from wml_deployer.server.control import responses as control
from wml_deployer.server.deployments import models as deployments_state
from wml_deployer.server.deployments import responses as deployments
from wml_deployer.server.deployments.changes import resume
from wml_deployer.server.errors import NotFoundError, ServiceError
from wml_deployer.server.http.not_served import NotServedError, missing_part
from wml_deployer.server.http.openapi import openapi
from wml_deployer.server.http.routing import CONTROL, JsonResponse, Route, respond
from wml_deployer.server.jobs import models as jobs_state
from wml_deployer.server.jobs import responses as jobs
from wml_deployer.server.jobs import running as jobs_running
from wml_deployer.server.platform import responses as platform
from wml_deployer.server.platform.responses import RELEASE
from wml_deployer.server.projects import responses as projects
from wml_deployer.server.spaces import models as spaces_state
from wml_deployer.server.spaces import responses as spaces
from wml_deployer.server.spaces.containers import SPACE
from wml_deployer.server.specifications import responses as specifications

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import ASGIApp

    from wml_deployer.server.context import Context
    from wml_deployer.server.http.routing import Call

__all__ = ["ROUTES", "build"]

_LOGGER = logging.getLogger(__name__)

ROUTES = (
    *deployments.ROUTES,
    *platform.ROUTES,
    *spaces.ROUTES,
    *specifications.ROUTES,
    *artifacts.ROUTES,
    *jobs.ROUTES,
    *assets.ROUTES,
    *projects.ROUTES,
)
"""All routes of the API. Predictions come first, since they are requested most often."""


class _MethodError(ServiceError):
    status = 405
    code = "method_not_allowed"


def show_openapi(call: Call) -> JsonResponse:
    """Describe the service as OpenAPI 3.1."""
    return JsonResponse(200, openapi(ROUTES, call.url, RELEASE))


def build(context: Context, *, controllable: bool) -> ASGIApp:
    """Return the application.

    Args:
        context: The running service.
        controllable: Whether it has the control API.

    """
    description = Route("GET", f"{CONTROL}/openapi", show_openapi)
    routes = (*ROUTES, *control.ROUTES, description) if controllable else ROUTES
    tables: dict[str, dict[str, Route]] = {}
    for route in routes:
        tables.setdefault(route.path, {})[route.method] = route
    app = Starlette(
        routes=[
            *(StarletteRoute(path, _endpoint(context, table), methods=list(table)) for path, table in tables.items()),
            *console.routes(context),
        ],
        exception_handlers={HTTPException: _unrouted(context, routes)},
        lifespan=_lifespan(context),
    )
    # A trailing slash makes a different path; a redirect would lose the body.
    app.router.redirect_slashes = False
    return Middleware(app, context)


def _lifespan(context: Context) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        with context.store.transaction() as transaction:
            deployed = transaction.find(deployments_state.KIND)
            queued = transaction.find(jobs_state.KIND)
            prepared = transaction.find(SPACE)
        context.spawn(context.serving.warm_up())
        resume(context, deployed)
        jobs_running.resume(context, queued)
        spaces_state.resume(context, prepared)
        try:
            yield
        finally:
            await context.close()

    return lifespan


def _endpoint(context: Context, table: dict[str, Route]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        # Starlette routes HEAD requests to the GET handler.
        route = table["GET" if request.method == "HEAD" else request.method]
        try:
            return await respond(route, context, request)
        except ServiceError as error:
            return _refusal(context, error)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:
            _LOGGER.exception("%s %s failed", request.method, request.url.path)
            return _refusal(context, ServiceError("The service failed to respond. Its log contains the reason."))

    return endpoint


def _unrouted(context: Context, routes: tuple[Route, ...]) -> Callable[[Request, Exception], Response]:
    templates = sorted({f"{route.method} {route.path}" for route in routes})

    def handler(request: Request, error: Exception) -> Response:
        asked = f"{request.method} {request.url.path}"
        near = difflib.get_close_matches(asked, templates, n=3, cutoff=0.4)
        hint = f" Similar operations: {'; '.join(near)}." if near else ""
        missing = missing_part(request.url.path)
        if isinstance(error, HTTPException) and error.status_code == _MethodError.status:
            refusal: ServiceError = _MethodError(
                f"The service has no operation {asked}.{hint}", headers=dict(error.headers or {})
            )
        elif missing is not None:
            refusal = NotServedError(f"The embedded service does not serve {asked} ({missing.name}). {missing.reason}")
        else:
            refusal = NotFoundError(f"The service has no operation {asked}.{hint}", code="operation_does_not_exist")
        return _refusal(context, refusal)

    return handler


def _refusal(context: Context, error: ServiceError) -> Response:
    body = orjson.dumps(error.body(context.identifiers.trace()))
    return Response(body, error.status, headers=error.headers, media_type="application/json")
