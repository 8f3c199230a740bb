"""What IBM's older client finds in the place of ``requests`` while it works for this library.

Its own wrapper opens a TLS connection a call, waits without end, ignores the CA bundle that it is given, and after
any ``OSError`` sends the request again with TLS verification off, for good. With this in place of ``requests`` every
call goes over the verified, pooled, timed transport, and no failure looks like an ``OSError``.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from wml_deployer.errors import WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from wml_deployer._transport.pool import Transport
    from wml_deployer._transport.responses import Response

__all__ = ["Exchange", "RequestFailedError", "RequestsStandIn", "exchanging"]

_current: ContextVar[Exchange | None] = ContextVar("wml_deployer_exchange", default=None)
_VERBS = frozenset({"delete", "get", "head", "options", "patch", "post", "put"})


class RequestFailedError(Exception):
    """Carries a transport error past handlers for ``OSError``, which it is not."""


@dataclass
class Exchange:
    """What one call into IBM's client asked, and how it ended.

    Attributes:
        transport: What its requests go through.
        responses: Every answer, as method and response, in order.
        failure: The transport error that ended it, if one did.

    """

    transport: Transport
    responses: list[tuple[str, Response]] = field(default_factory=list)
    failure: WMLDeployerError | None = None

    def send(self, method: str, url: str, params: Any = None, data: Any = None, **options: Any) -> Any:
        """Send what IBM's client hands to ``requests``; its ideas of TLS and timeouts are left aside."""
        full = f"{url}?{urlencode(params, doseq=True)}" if params else url
        body = data.encode() if isinstance(data, str) else data
        headers = dict(options.get("headers") or {})
        if isinstance(body, io.BufferedReader):
            headers["Content-Length"] = str(body.seek(0, io.SEEK_END))
            body.seek(0)
        try:
            response = self.transport.request(method.upper(), full, headers=headers, body=body)
        except WMLDeployerError as error:
            self.failure = error
            raise RequestFailedError(str(error)) from error
        self.responses.append((method.upper(), response))
        return _as_requests(method, response)


class RequestsStandIn:
    """Looks like the ``requests`` module; calls made for somebody else reach the real one.

    Args:
        real: The module it stands in for.

    """

    def __init__(self, real: ModuleType) -> None:
        """Keep the real module for everybody else."""
        self.real = real

    def __getattr__(self, name: str) -> Any:
        """Answer the verbs for a call of this library, everything else from the real module."""
        exchange = _current.get()
        if exchange is not None and name in _VERBS:
            return partial(exchange.send, name)
        return getattr(self.real, name)


@contextmanager
def exchanging(transport: Transport) -> Iterator[Exchange]:
    """Send what IBM's client asks within the block through this transport, and keep what happened."""
    exchange = Exchange(transport)
    token = _current.set(exchange)
    try:
        yield exchange
    finally:
        _current.reset(token)


def _as_requests(method: str, response: Response) -> Any:
    import requests  # noqa: PLC0415 - comes with IBM's client, and only it needs it

    answer = requests.Response()
    answer.status_code = response.status
    answer._content = response.body  # noqa: SLF001 - requests has no public way to make a response
    answer.headers.update(response.headers)
    answer.url = response.url
    answer.encoding = "utf-8"
    answer.request = requests.Request(method.upper(), response.url).prepare()
    return answer
