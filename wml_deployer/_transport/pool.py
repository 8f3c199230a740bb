"""Pooled, verified, timed HTTPS: one connection is opened, many requests use it."""

from __future__ import annotations

import logging
import os
import random
import ssl
import time
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

import certifi
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import parse_url

from wml_deployer import errors
from wml_deployer._transport.connection import Connection
from wml_deployer._transport.deadline import deadline, remaining
from wml_deployer._transport.proxies import proxy_for
from wml_deployer._transport.responses import Response, retry_after
from wml_deployer._transport.resumption import ResumingSocket
from wml_deployer._transport.uploads import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Transport"]

_log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
ATTEMPTS = 4
REQUEST_SECONDS = 300.0
FIRST_PAUSE_SECONDS = 0.1
CHUNK_BYTES = 1 << 20
# A request refused for its rate was not worked on; after the others it may have been.
_REFUSED = frozenset({HTTPStatus.TOO_MANY_REQUESTS})
_BUSY = _REFUSED | {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


class Transport:
    """Sends requests to one service over kept-alive, always verified connections.

    It is safe to share between threads and survives a fork: a child opens connections of its own.

    Args:
        ca_bundle: PEM file of the certificate authorities to trust; ``None`` trusts what ``REQUESTS_CA_BUNDLE`` or
            ``SSL_CERT_FILE`` name, else the public ones.
        connections: How many connections are kept at most; more requests at once wait for one.

    """

    def __init__(self, ca_bundle: Path | None = None, connections: int = 8) -> None:
        """Open nothing yet."""
        self._ca_file = str(Path(ca_bundle or _trusted_by_environment()).absolute())
        self._connections = connections
        self._pools: dict[str, urllib3.HTTPConnectionPool] = {}
        self._process = os.getpid()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        repeatable: bool | None = None,
        read: Callable[[Iterator[bytes]], Any] | None = None,
    ) -> Response:
        """Send one request and return the whole answer, whatever its status.

        Args:
            method: HTTP method.
            url: Absolute ``https`` URL.
            headers: Header fields.
            body: Bytes, or an open file that is streamed.
            repeatable: Whether doing it twice is the same as once; ``None`` says so of GET. Only then is it
                sent again after a lost answer or while the service is busy (429, 502, 503, 504). A request that
                never reached the service is always sent again.
            read: What is given the body of a successful answer chunk by chunk, in place of the response; called anew
                where the answer was lost half-way.

        Raises:
            CertificateError: The server's certificate is not trusted.
            TransportError: No answer.
            DeadlineError: The time for the call is over.

        """
        # Where the caller set no deadline, a server that drips must not hold it for ever.
        with deadline(REQUEST_SECONDS if remaining() is None else None):
            again = method == "GET" if repeatable is None else repeatable
            return self._persist(method, url, headers=headers, body=body, again=again, read=read)

    def _persist(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None,
        body: bytes | IO[bytes] | None,
        again: bool,
        read: Callable[[Iterator[bytes]], Any] | None,
    ) -> Response:
        start = 0 if body is None or isinstance(body, bytes) else body.tell()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self._send(method, url, headers=headers, body=body, read=read)
            except HTTPError as error:
                failure = _failure(error, method, url)
                if attempt == ATTEMPTS or not (_never_arrived(error) or again) or _untrusted(error):
                    raise failure from error
                _pause(attempt, None)
            else:
                if attempt == ATTEMPTS or response.status not in (_BUSY if again else _REFUSED):
                    return response
                _pause(attempt, retry_after(response))
            _log.debug("%s %s: attempt %d failed, once more", method, url, attempt)
            if body is not None and not isinstance(body, bytes):
                body.seek(start)
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    def close(self) -> None:
        """Close every kept connection; the next request opens new ones."""
        for pool in self._pools.values():
            pool.close()
        self._pools = {}

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None,
        body: bytes | IO[bytes] | None,
        read: Callable[[Iterator[bytes]], Any] | None,
    ) -> Response:
        left = remaining()
        timeout = urllib3.Timeout(
            connect=CONNECT_SECONDS if left is None else min(CONNECT_SECONDS, left),
            read=READ_SECONDS if left is None else min(READ_SECONDS, left),
        )
        with counted(body) as sent:
            # Not by the manager's request(), which looks the pool up by a dozen keys: half of what a small call takes.
            answer = self._pool(url).urlopen(
                method,
                _target(url),
                body=sent,
                headers=dict(headers or {}),
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=read is None,
            )
        if read is not None and answer.status < HTTPStatus.BAD_REQUEST:
            try:
                read(answer.stream(CHUNK_BYTES))
            finally:
                # A connection with an unread rest is of no use to the next request; one without is in the pool again.
                answer.close()
                answer.release_conn()
            return Response(answer.status, b"", answer.headers, url)
        return Response(answer.status, answer.data or b"", answer.headers, url)

    def _pool(self, url: str) -> urllib3.HTTPConnectionPool:
        # A forked child must not write into the connections of its parent.
        if self._process != os.getpid():
            self._pools, self._process = {}, os.getpid()
        host = urlsplit(url).netloc
        if host not in self._pools:
            self._pools[host] = self._new_pool(url)
        return self._pools[host]

    def _new_pool(self, url: str) -> urllib3.HTTPConnectionPool:
        proxy = proxy_for(url)
        context = _tls_context(self._ca_file, Path(self._ca_file).stat().st_mtime_ns)
        options: dict[str, Any] = {"ssl_context": context, "maxsize": self._connections, "block": True}
        if proxy is None:
            manager = urllib3.PoolManager(**options)
        else:
            manager = urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, **options)
        pool = manager.connection_from_url(url)
        pool.ConnectionCls = Connection
        return pool


@lru_cache(maxsize=64)
def _target(url: str) -> str:
    """What is asked for on the host: the URL's path and query."""
    return parse_url(url).request_uri


def _trusted_by_environment() -> str:
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or certifi.where()


@lru_cache(maxsize=8)
def _tls_context(ca_file: str, changed: int) -> ssl.SSLContext:  # noqa: ARG001 - a changed file is another key
    # Reading a bundle of certifi's size takes twenty milliseconds: once a process, not once a call.
    context = ssl.create_default_context(cafile=ca_file)
    context.sslsocket_class = ResumingSocket
    return context


def _pause(attempt: int, asked: float | None) -> None:
    # Jitter keeps many workers that failed together from coming back together.
    seconds = asked if asked is not None else FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
    left = remaining()
    if left is not None and seconds >= left:
        raise errors.DeadlineError(
            f"The service asks to wait {seconds:.1f} s, but only {left:.1f} s of the call's time are left.",
            next_step="Give it more with timeout=, in seconds.",
        )
    time.sleep(seconds)


def _never_arrived(error: HTTPError) -> bool:
    return isinstance(_without_proxy(error), NewConnectionError | ConnectTimeoutError)


def _untrusted(error: HTTPError) -> bool:
    return isinstance(_without_proxy(error), SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)


def _without_proxy(error: HTTPError) -> Exception:
    """Return what happened: behind a proxy, urllib3 calls also an answer that was lost an error of the proxy."""
    return error.original_error if isinstance(error, ProxyError) else error


def _failure(error: HTTPError, method: str, url: str) -> errors.WMLDeployerError:
    parts = urlsplit(url)
    where = f"{method} {parts.scheme}://{parts.netloc}{parts.path}"
    try:
        remaining()
    except errors.DeadlineError as over:
        return errors.DeadlineError(f"{where}: the time for the call is over.", next_step=over.next_step)
    if _untrusted(error):
        return errors.CertificateError(
            f"{where}: the server's certificate is not trusted: {error}",
            next_step="Give the certificate authority's PEM file as ca_bundle in the credentials (or WML_CA_BUNDLE).",
        )
    if isinstance(_without_proxy(error), ReadTimeoutError):
        return errors.DeadlineError(f"{where}: no answer in time.", next_step="Try again; the service may be busy.")
    return errors.TransportError(
        f"{where}: {error}",
        next_step="Check the URL, the network and the proxy settings (HTTPS_PROXY, NO_PROXY).",
    )
