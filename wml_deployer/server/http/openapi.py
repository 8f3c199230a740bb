"""The OpenAPI 3.1 document of the service, from the table of routes and the schemas that it names."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from wml_deployer.server.http.schemas import PARAMETERS, SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wml_deployer.server.http.routing import Route

__all__ = ["openapi"]

_BYTES: dict[str, Any] = {"application/octet-stream": {"schema": {}}}
_FORMS = ("KeyForm",)


def openapi(routes: Iterable[Route], url: str, version: str) -> dict[str, Any]:
    """Return the OpenAPI document of some routes.

    Args:
        routes: The routes.
        url: URL of the service.
        version: Release that the service emulates.

    Example:
        >>> openapi([], "https://127.0.0.1:8443", "5.0.0")["openapi"]
        '3.1.0'

    """
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Watson Machine Learning, as emulated by the embedded service of wml_deployer",
            "version": version,
        },
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    handler = route.handler.func if isinstance(route.handler, partial) else route.handler
    operation: dict[str, Any] = {
        "summary": (handler.__doc__ or "").partition("\n")[0],
        "operationId": _identifier(route),
        "parameters": [*_of_path(route), *_of_query(route)],
        "responses": {**dict(_answers(route)), "default": _answer("Refused.", "Error")},
    }
    if route.public:
        operation["security"] = []
    if route.takes:
        operation["requestBody"] = {"required": True, "content": _content(route.takes)}
    return operation


def _identifier(route: Route) -> str:
    words = re.findall(r"[A-Za-z0-9]+", route.path)
    return "_".join([route.method.lower(), *words])


def _of_path(route: Route) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _of_query(route: Route) -> Iterable[dict[str, Any]]:
    for group in route.query.split():
        for name, text, schema in PARAMETERS[group]:
            yield {"name": name, "in": "query", "required": False, "description": text, "schema": schema}


def _answers(route: Route) -> Iterable[tuple[str, dict[str, Any]]]:
    for given in route.gives.split(","):
        status, _, name = given.strip().partition(" ")
        yield status, _answer("Done." if status.startswith("2") else "Refused.", name)


def _answer(text: str, name: str) -> dict[str, Any]:
    return {"description": text, "content": _content(name)} if name else {"description": text}


def _content(name: str) -> dict[str, Any]:
    if name == "bytes":
        return _BYTES
    media_type = "application/x-www-form-urlencoded" if name in _FORMS else "application/json"
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
