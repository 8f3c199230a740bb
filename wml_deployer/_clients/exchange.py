"""Send the requests of IBM's clients, and our own, with the bearer token over the verified transport.

Whatever HTTP library a client uses, a stand-in for it hands each request to the exchange of the running call: it goes
over the verified, pooled, timed transport, with a fresh token, to the service's own hosts only.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from pydantic import SecretStr
from typing_extensions import Unpack

from wml_deployer._clients.documents import parts_of, required
from wml_deployer._transport.responses import service_error
from wml_deployer.credentials._regions import is_cloud_host
from wml_deployer.errors import AuthenticationError, InvalidResponseError, TransportError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wml_deployer._clients.tokens import TokenSource
    from wml_deployer._transport.pool import Transport
    from wml_deployer._transport.responses import Response

__all__ = ["Exchange", "RequestFailedError", "exchanging", "request", "running"]

_current: ContextVar[Exchange | None] = ContextVar("wml_deployer_exchange", default=None)
_CREATED = 201


class RequestFailedError(Exception):
    """Carries a transport error past handlers for ``OSError`` and the HTTP libraries' own errors, which it is not."""


@dataclass
class Exchange:
    """The requests of one call into IBM's client, and how it ended.

    Attributes:
        transport: What its requests go through.
        tokens: Where the bearer token comes from.
        url: Base URL of the service; only its platform's hosts are sent a token.
        responses: Every answer, as method and response, in order.
        failure: The transport error that ended it, if one did.

    """

    transport: Transport
    tokens: TokenSource
    url: str
    responses: list[tuple[str, Response]] = field(default_factory=list)
    failure: WMLDeployerError | None = None

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | IO[bytes] | None) -> Response:
        """Send what IBM's client hands to its HTTP library; its ideas of TLS, retries and timeouts are left aside."""
        bare = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        is_authorized = len(bare) < len(headers)
        del headers  # a traceback shows the variables of this frame
        try:
            if not is_authorized:
                response = self.transport.request(method, url, headers=bare, body=body)
            else:
                self._refuse_strangers(url)
                response = request(self.transport, self.tokens, method, url, headers=bare, body=body)
        except WMLDeployerError as error:
            self.failure = error
        else:
            self.responses.append((method, response))
            return response
        # Raised out here, without a context: the failure ends the call in the end, and is not to be its own cause.
        raise RequestFailedError(self.failure.message)

    def made_models(self) -> list[str]:
        """Ids of the models that were created within the call."""
        made: list[str] = []
        for method, response in self.responses:
            is_model = response.url.split("?")[0].endswith("/ml/v4/models")
            if method == "POST" and response.status == _CREATED and is_model:
                # A response that was spoilt does not say which: the next call finds the model by its facts.
                with suppress(InvalidResponseError):
                    made.append(required(parts_of(response.document())[0], "id"))
        return made

    def _refuse_strangers(self, url: str) -> None:
        asked, own = urlsplit(url).netloc, urlsplit(self.url).netloc
        if asked != own and not (is_cloud_host(own) and is_cloud_host(asked)):
            raise TransportError(
                f"IBM's client wanted to send the token for {own} to {asked}; nothing was sent.",
                next_step=f"Check what stands between you and {own}: its answers name another host.",
            )


def running() -> Exchange | None:
    """Return the exchange of the call that runs here; ``None`` where somebody else uses IBM's client."""
    return _current.get()


@contextmanager
def exchanging(transport: Transport, tokens: TokenSource, url: str) -> Iterator[Exchange]:
    """Send what IBM's client asks within the block through this transport, and keep what happened."""
    exchange = Exchange(transport, tokens, url)
    token = _current.set(exchange)
    try:
        yield exchange
    finally:
        _current.reset(token)


class Options(TypedDict, total=False):
    """Further arguments of :meth:`wml_deployer._transport.pool.Transport.request`."""

    repeatable: bool | None
    read: Callable[[Iterator[bytes]], Any] | None
    silence: float | None


def request(
    transport: Transport,
    tokens: TokenSource,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | IO[bytes] | None = None,
    **options: Unpack[Options],
) -> Response:
    """Send a request with the token; after a 401, which nothing was done for, once more with a new one.

    IBM's clients do not log in again after a 401, and the newer one sends the same token four times.
    """
    start = None if body is None or isinstance(body, bytes) else body.tell()
    token = SecretStr(tokens.token())
    response = transport.request(method, url, headers=headers, body=body, token=token, **options)
    if response.status != HTTPStatus.UNAUTHORIZED:
        return response
    if not tokens.renew_after_refusal(token.get_secret_value()):
        raise _ran_out(response)
    if start is not None:
        body.seek(start)  # type: ignore[union-attr]  # only a file has a start
    token = SecretStr(tokens.token())
    return transport.request(method, url, headers=headers, body=body, token=token, **options)


def _ran_out(response: Response) -> AuthenticationError:
    """Say what to do about a token that the caller gave: nothing here can renew it."""
    refusal = service_error(response)
    return AuthenticationError(
        f"The service does not accept the token that it was given: {refusal.message}",
        status=refusal.status,
        code=refusal.code,
        trace=refusal.trace,
        next_step="Get a new token, or give an API key instead: tokens made from a key are renewed.",
    )
