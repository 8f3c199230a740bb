"""Requests to the service's REST API, with the client's own URL and token."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

from wml_deployer._clients.documents import is_document
from wml_deployer._clients.exchange import request
from wml_deployer._transport.responses import Response, checked
from wml_deployer.credentials._regions import find_region
from wml_deployer.errors import InvalidResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer._clients.documents import Document
    from wml_deployer._clients.protocol import Scope
    from wml_deployer._clients.tokens import TokenSource
    from wml_deployer._transport.pool import Transport

__all__ = ["API_VERSION", "RestCalls"]

API_VERSION = "2026-08-17"
"""The version of the REST API that requests name, as its date."""
PAGE = 200
_JSON = {"Content-Type": "application/json"}


class RestCalls:
    """What every call has in common: the space in its query, the token, typed errors.

    Args:
        url: Base URL of the service.
        scope: The deployment space, or a project.
        transport: What to ask through.
        tokens: Where the bearer token comes from.

    """

    def __init__(self, url: str, scope: Scope, transport: Transport, tokens: TokenSource) -> None:
        """Ask nothing yet."""
        self.url = url.rstrip("/")
        self.scope = scope
        self._transport = transport
        self._tokens = tokens

    def _platform_url(self) -> str:
        """Return the URL of the platform, which on IBM Cloud is another host than that of the service."""
        region = find_region(self.url)
        return self.url if region is None else f"https://{region.platform_host}"

    def _pages(self, path: str, operation: str) -> Iterator[Document]:
        params: dict[str, str] = {"limit": str(PAGE)}
        while True:
            page = self._call("GET", path, operation, params=params).document()
            resources = page.get("resources") or []
            following = page.get("next") or {}
            if not isinstance(resources, list) or not isinstance(following, dict):
                raise InvalidResponseError("The service's list is not a list.", operation=operation)
            yield from filter(is_document, resources)
            if not isinstance(following.get("href"), str):
                return
            params = {"limit": str(PAGE), "start": _start_of(following["href"])}

    def _call(
        self,
        method: str,
        path: str,
        operation: str,
        *,
        params: dict[str, str] | None = None,
        json: object = None,
        headers: dict[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        **options: Any,
    ) -> Response:
        query = urlencode({"version": API_VERSION, **self.scope.query, **(params or {})})
        if json is not None:
            body, headers = orjson.dumps(json), _JSON
        url = f"{self.url}{path}?{query}"
        return checked(
            request(self._transport, self._tokens, method, url, headers=headers, body=body, **options), operation
        )


def _start_of(href: str) -> str:
    query = parse_qs(urlsplit(href).query)
    return (query.get("start") or query.get("bookmark") or [""])[0]
