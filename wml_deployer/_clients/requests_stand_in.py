"""What IBM's older client finds in the place of ``requests`` while it works for this library.

Its own wrapper opens a TLS connection a call, waits without end, ignores the CA bundle that it is given, and after
any ``OSError`` sends the request again with TLS verification off, for good. With this in place of ``requests`` every
call goes over the verified, pooled, timed transport, and no failure looks like an ``OSError``.
"""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from wml_deployer._clients.exchange import Exchange, running

if TYPE_CHECKING:
    from types import ModuleType

    from wml_deployer._transport.responses import Response

__all__ = ["RequestsStandIn"]

_VERBS = frozenset({"delete", "get", "head", "options", "patch", "post", "put"})


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
        exchange = running()
        if exchange is not None and name in _VERBS:
            return partial(_send, exchange, name.upper())
        return getattr(self.real, name)


def _send(exchange: Exchange, method: str, url: str, params: Any = None, data: Any = None, **options: Any) -> Any:
    """Take what ``requests`` takes, as far as IBM's client gives it, and answer as ``requests`` does."""
    # The link of a following page has a query already, and IBM's client adds its own.
    full = f"{url}{'&' if '?' in url else '?'}{urlencode(params, doseq=True)}" if params else url
    body = data.encode() if isinstance(data, str) else data
    headers = dict(options.get("headers") or {})
    if isinstance(body, io.BufferedReader):
        headers["Content-Length"] = str(body.seek(0, io.SEEK_END))
        body.seek(0)
    return _as_requests(method, exchange.send(method, full, headers, body))


def _as_requests(method: str, response: Response) -> Any:
    import requests  # noqa: PLC0415 - comes with IBM's client, and only it needs it

    answer = requests.Response()
    answer.status_code = response.status
    answer._content = response.body  # noqa: SLF001 - requests has no public way to make a response
    answer.headers.update(response.headers)
    answer.url = response.url
    answer.encoding = "utf-8"
    answer.request = requests.Request(method, response.url).prepare()
    return answer
