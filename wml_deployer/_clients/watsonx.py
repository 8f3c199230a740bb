"""The door to ``ibm-watsonx-ai``, the client for Python from 3.11, every region, and Cloud Pak for Data from 5.0."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from wml_deployer._clients.exchange import RequestFailedError, running
from wml_deployer._clients.ibm import IBMClient
from wml_deployer.credentials import CloudCredentials, SoftwareCredentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer._clients.documents import Document

__all__ = ["WatsonxClient"]


class WatsonxClient(IBMClient):
    """One deployment space through ``ibm_watsonx_ai.APIClient``."""

    package = "ibm_watsonx_ai"
    extra = "watsonx"

    def _constructed(self, credentials: CloudCredentials | SoftwareCredentials) -> Any:
        from ibm_watsonx_ai import APIClient, Credentials  # noqa: PLC0415 - takes a second to import

        given = Credentials(url=self.url, token=self._tokens.token())
        if isinstance(credentials, SoftwareCredentials):
            given.version = credentials.version
        # Proxies and certificates of the environment are the transport's affair. The asynchronous client is never used;
        # without it IBM's client would make one, and read all certificates for it.
        return APIClient(
            given,
            httpx_client=_HttpxClient(transport=_HttpxTransport(), trust_env=False),
            async_httpx_client=httpx.AsyncClient(transport=_NoHttpxTransport(), trust_env=False),
        )

    def _hand_over(self, token: str) -> None:
        if self._client.credentials.token != token:
            self._client.set_token(token)

    def _specification_key(self) -> str:
        return str(self._client.repository.ModelMetaNames.SOFTWARE_SPEC_ID)

    def _listed_spaces(self) -> list[Document]:
        listed: list[Document] = self._client.spaces.get_details(get_all=True, include="members")["resources"]
        return listed

    @contextmanager
    def _over_our_transport(self) -> Iterator[None]:
        from ibm_watsonx_ai._wrappers.httpx import GlobalHttpxSettings as Settings  # noqa: PLC0415 - takes a second

        # Its constructor forgets the proxies that another client of this process was given.
        before = Settings.verify, Settings.proxies
        try:
            yield
        finally:
            Settings.verify, Settings.proxies = before


_BODY = "wml_deployer_body"
# The pool says these itself, and decodes what it asks for.
_OF_THE_CONNECTION = frozenset({"accept-encoding", "connection", "host", "transfer-encoding"})
# The body is decoded and whole already; httpx would decode it again.
_OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class _HttpxClient(httpx.Client):
    """Keeps an open file beside the request that is made of it: sent once more, it must be read again."""

    def build_request(self, *args: Any, content: Any = None, extensions: Any = None, **options: Any) -> httpx.Request:
        """Build a request, and keep the file that it sends."""
        kept = {_BODY: content} if hasattr(content, "seek") else {}
        return super().build_request(*args, content=content, extensions={**(extensions or {}), **kept}, **options)


class _HttpxTransport(httpx.BaseTransport):
    """Hands each request to the exchange that is running."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the whole answer."""
        exchange = running()
        if exchange is None:
            raise RequestFailedError("IBM's client asked for something outside of a call of this library.")
        body = request.extensions.get(_BODY) or request.read() or None
        headers = {name: value for name, value in request.headers.items() if name not in _OF_THE_CONNECTION}
        answer = exchange.send(request.method, str(request.url), headers, body)
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_THE_WIRE}
        return httpx.Response(answer.status, headers=kept, content=answer.body)


class _NoHttpxTransport(httpx.AsyncBaseTransport):
    """The door makes no asynchronous call."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse."""
        raise RequestFailedError(f"IBM's client asked for {request.url.path} asynchronously.")
