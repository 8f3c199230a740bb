"""Requests with the bearer token, which is renewed once when the service no longer accepts it."""

from __future__ import annotations

from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, TypedDict

from pydantic import SecretStr
from typing_extensions import Unpack

from wml_deployer._transport.responses import service_error
from wml_deployer.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wml_deployer._clients.tokens import TokenSource
    from wml_deployer._transport.pool import Transport
    from wml_deployer._transport.responses import Response

__all__ = ["Options", "request"]


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
