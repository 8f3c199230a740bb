"""Requests to one service over pooled, verified connections, each with a deadline and a few careful retries."""

from __future__ import annotations

import logging
import os
import random
import ssl
import threading
import time
from collections import deque
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import certifi
from pydantic import SecretBytes, SecretStr

from wml_deployer._transport.body import DOWNLOAD_BYTES, RESPONSE_BYTES
from wml_deployer._transport.connection import Address, Connection, connect
from wml_deployer._transport.deadline import POLL_SECONDS, DeadlineSocket, pause, remaining, request_deadline, stoppable
from wml_deployer._transport.pacing import LONGEST_PAUSE_SECONDS, Pace
from wml_deployer._transport.proxies import proxy_for
from wml_deployer._transport.responses import Response, retry_after
from wml_deployer.errors import (
    CertificateError,
    DeadlineError,
    InvalidResponseError,
    TransportError,
)
from wml_deployer.monitoring._events import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["CONNECTIONS", "PAUSES_SECONDS", "READ_SECONDS", "Background", "Transport"]

Error = TypeVar("Error", bound=Exception)

_log = logging.getLogger(__name__)

READ_SECONDS = 60.0
"""How long a server may be silent, unless told otherwise."""
REQUEST_SECONDS = 300.0
"""Time for a request with its retries, where the caller set no deadline."""
PAUSES_SECONDS = (0.1, 0.2, 0.4)
"""Pauses between the attempts of a request, unless told otherwise."""
CLOSE_SECONDS = 2.0
"""How long closing waits for requests that are under way."""
CONNECTIONS = 8
"""The most connections to a host, unless told otherwise."""
HTTPS_PORT = 443
_URL_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"
# A request that was refused for its rate was not worked on; with the other statuses it may have been.
_NOT_WORKED_ON = frozenset({HTTPStatus.TOO_MANY_REQUESTS})
_BUSY = _NOT_WORKED_ON | {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


class Transport:
    """Sends requests to one service over kept-alive, always verified connections.

    It can be shared between threads and survives a fork: the child opens connections of its own.

    Args:
        ca_bundle: PEM file of the certificate authorities to trust; ``None`` trusts those that ``REQUESTS_CA_BUNDLE``
            or ``SSL_CERT_FILE`` name, or else the public ones.
        connections: The most connections to a host; further requests wait for one.
        pauses: Seconds to wait before each retry; as many retries as pauses. The service's ``Retry-After`` goes first.

    """

    def __init__(
        self,
        ca_bundle: Path | None = None,
        connections: int = CONNECTIONS,
        pauses: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        self._ca_file = str(ca_bundle) if ca_bundle else _trusted_by_environment()
        self._connections = connections
        self._pauses = pauses
        self._pools: dict[str, _Pool] = {}
        self._process = os.getpid()
        self._background = Background()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | SecretBytes | IO[bytes] | None = None,
        token: SecretStr | None = None,
        repeatable: bool | None = None,
        read: Callable[[Iterator[bytes]], Any] | None = None,
        silence: float | None = READ_SECONDS,
        attempts: list[Attempt] | None = None,
    ) -> Response:
        """Send one request and return the whole response, whatever its status.

        Args:
            method: HTTP method.
            url: Absolute ``https`` URL.
            headers: Header fields.
            body: Bytes, or an open file, which is sent from its position to its end.
            token: A bearer token. Like the body of a login, it is unwrapped when it is written to the connection, so
                that no local variable of a traceback shows it.
            repeatable: Whether sending it twice is the same as once; by default, that is true of GET alone. Only then
                is it sent again after a lost response or while the service is busy (429, 502, 503, 504). A request
                that never reached the service is always sent again.
            read: A function that is given the body of a successful response piece by piece, which is then not part of
                the result; it is called again where the response was lost half-way.
            silence: Seconds to wait for bytes of the response; ``None`` leaves it to the deadline.
            attempts: A list to which every attempt is added.

        Returns:
            The response, with at most 512 MiB of body; a download for ``read`` may have 16 GiB.

        Raises:
            CertificateError: The server's certificate is not trusted.
            TransportError: There was no response.
            InvalidResponseError: The response is damaged or too large.
            DeadlineError: The time for the call is over.

        """
        again = method == "GET" if repeatable is None else repeatable
        start = None if body is None or isinstance(body, bytes | SecretBytes) else body.tell()
        # Without a deadline of the caller, a server that sends a byte now and then must not hold them for ever.
        remaining()
        with request_deadline(REQUEST_SECONDS):
            attempt, answers, is_refused = 0, -1, False
            while True:
                seconds = self._pauses[attempt] if attempt < len(self._pauses) else None
                exchange = _RequestAttempt(method, url, headers or {}, body, token, read, silence)
                # Somebody waits for what is looked up, and everybody for a login.
                exchange.is_first = is_refused or method == "GET" or token is None
                asked, is_refused = None, False
                try:
                    response = self._send(exchange) if attempts is None else self._recorded(exchange, attempts)
                except (TransportError, DeadlineError) as error:
                    may_repeat = again or not exchange.was_sent
                    if seconds is None or not may_repeat or isinstance(error, CertificateError) or _is_over(seconds):
                        raise
                else:
                    if seconds is None or response.status not in (_BUSY if again else _NOT_WORKED_ON):
                        return response
                    asked, is_refused = retry_after(response.headers), response.status in _NOT_WORKED_ON
                _log.debug("%s: attempt %d failed", exchange, attempt + 1)
                attempt += 1
                if is_refused:
                    # Its next turn comes when the service accepts requests again. It is not given up as long as others
                    # are answered.
                    _refuse_long_wait(asked)
                    pause(asked if asked is not None and asked > LONGEST_PAUSE_SECONDS else 0.0)
                    now_answered = self._pool(url).pace.answers
                    attempt, answers = (attempt if answers in {-1, now_answered} else 1), now_answered
                else:
                    _pause(seconds, asked)
                if start is not None:
                    body.seek(start)  # type: ignore[union-attr]  # only a file has a start

    def is_crowded(self, url: str) -> bool:
        """Say whether requests to the host of a URL wait for their turn."""
        return self._pool(url).pace.is_crowded

    def start(self, work: Callable[[], None]) -> None:
        """Run something that sends requests on a thread of its own, until :meth:`close` ends it."""
        self._background.start(work)

    def close(self) -> None:
        """End what runs in the background, and close every connection; the next request opens new ones.

        Requests of other threads, such as those of an iterator that was given up, have two seconds to end.
        """
        end = time.monotonic() + CLOSE_SECONDS
        self._background.end(within=CLOSE_SECONDS)
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close(end)

    def _recorded(self, exchange: _RequestAttempt, attempts: list[Attempt]) -> Response:
        """Send a request once, and record how that went."""
        started, begin = time.time(), time.monotonic()
        status = error = None
        try:
            response = self._send(exchange)
            status = response.status
        except BaseException as failure:
            error = type(failure).__name__
            raise
        finally:
            attempts.append(Attempt(started, time.monotonic() - begin, status, error))
        return response

    def _send(self, exchange: _RequestAttempt) -> Response:
        """Send a request once, over an idle connection or a new one, and keep it if it can be reused."""
        pool = self._pool(exchange.url)
        began = pool.pace.enter(first=exchange.is_first)
        try:
            connection = pool.idle_connection()
            if connection is None:
                with _typed_errors(exchange):
                    connection = self._connect(exchange.url)
            try:
                response = exchange.run(connection)
            except BaseException:
                connection.close()
                raise
            if response.status in _NOT_WORKED_ON:
                pool.pace.refused(began, response.headers)
            else:
                pool.pace.answered()
            if connection.is_reusable and self._pools.get(pool.key) is pool:
                pool.idle.append(connection)
            else:
                connection.close()
            return response
        finally:
            pool.pace.leave()

    def _connect(self, url: str) -> Connection:
        parts = urlsplit(url)
        try:
            context = _tls_context(self._ca_file, Path(self._ca_file).stat().st_mtime_ns)
        except (OSError, ssl.SSLError) as error:
            raise CertificateError(
                f"The certificate authorities in {self._ca_file} cannot be read: {error}",
                next_step="Give a PEM file as ca_bundle in the credentials, REQUESTS_CA_BUNDLE or SSL_CERT_FILE.",
            ) from error
        return connect(Address(parts.hostname or "", parts.port or HTTPS_PORT), context, proxy_for(url))

    def _pool(self, url: str) -> _Pool:
        # A forked child must not write into the connections of its parent.
        if self._process != os.getpid():
            self._pools, self._process = {}, os.getpid()
        key = urlsplit(url).netloc
        return self._pools.get(key) or self._pools.setdefault(key, _Pool(key, self._connections))


class _Pool:
    """The connections to one host: the pace of their requests, and the idle ones.

    Args:
        key: The host and its port.
        connections: The most connections.

    """

    def __init__(self, key: str, connections: int) -> None:
        self.key = key
        self.pace = Pace(connections)
        self.idle: deque[Connection] = deque()

    def idle_connection(self) -> Connection | None:
        """Take the idle connection that was used last, and close those that the server closed meanwhile."""
        while True:
            try:
                connection = self.idle.pop()
            except IndexError:
                return None
            if connection.is_alive():
                return connection
            connection.close()

    def close(self, end: float) -> None:
        """Wait until no connection is in use, at most until this moment, and close them."""
        self.pace.drain(end)
        while self.idle:
            self.idle.pop().close()


@dataclass
class _RequestAttempt:
    """One attempt of a request.

    Attributes:
        was_sent: Whether the service may have received it.
        is_first: Whether its turn comes before those of others.

    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | SecretBytes | IO[bytes] | None
    token: SecretStr | None
    read: Callable[[Iterator[bytes]], Any] | None
    silence: float | None
    was_sent: bool = False
    is_first: bool = False

    def __str__(self) -> str:
        """Name method and URL, without the query."""
        return f"{self.method} {self.url.partition('?')[0]}"

    def run(self, connection: Connection) -> Response:
        """Send the request over a connection and read the response."""
        self.was_sent = True
        with _typed_errors(self):
            head = connection.request(self.method, _target(self.url), self.headers, self.body, self.token, self.silence)
            is_read_whole = self.read is None or head.status >= HTTPStatus.BAD_REQUEST
            body = b"".join(connection.body(RESPONSE_BYTES)) if is_read_whole else b""
        if self.read is not None and not is_read_whole:
            self.read(self._download(connection))
        return Response(head.status, body, head.headers, self.url)

    def _download(self, connection: Connection) -> Iterator[bytes]:
        """Read the body for the caller's function, whose own errors stay what they are."""
        with _typed_errors(self):
            yield from connection.body(DOWNLOAD_BYTES)


@contextmanager
def _typed_errors(exchange: _RequestAttempt) -> Iterator[None]:
    """Turn errors of sockets into this library's, and say in each of them what was asked for."""
    try:
        yield
    except (TransportError, DeadlineError, InvalidResponseError) as error:
        if not error.message.startswith(str(exchange)):
            error.message = f"{exchange}: {error.message}"
        error.__context__ = None
        raise _without_frames(error) from None
    except ssl.SSLCertVerificationError as error:
        raise CertificateError(
            f"{exchange}: the server's certificate is not trusted: {error.verify_message}",
            next_step="Give the certificate authority's PEM file as ca_bundle in the credentials (or WML_CA_BUNDLE).",
        ) from error
    except TimeoutError as error:
        try:
            remaining()
        except DeadlineError as over:
            raise DeadlineError(f"{exchange}: {over.message}", next_step=over.next_step) from _without_frames(error)
        raise DeadlineError(
            f"{exchange}: no response in time.", next_step="Try again; the service may be busy."
        ) from _without_frames(error)
    except OSError as error:
        raise TransportError(
            f"{exchange}: {error}",
            next_step="Check the URL, the network and the proxy settings (HTTPS_PROXY, NO_PROXY).",
        ) from _without_frames(error)


def _without_frames(error: Error) -> Error:
    """Drop the frames below: their variables hold what was read so far, and that may be a token."""
    return error.with_traceback(None)


@lru_cache(maxsize=64)
def _target(url: str) -> str:
    """Return the path and query of a URL, with what a request line cannot hold in percent-encoding."""
    parts = urlsplit(url)
    return quote(f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", safe=_URL_CHARACTERS)


def _trusted_by_environment() -> str:
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or certifi.where()


@lru_cache(maxsize=8)
def _tls_context(ca_file: str, changed: int) -> ssl.SSLContext:  # noqa: ARG001 - a changed file is another key
    # Reading a bundle of certifi's size takes twenty milliseconds: once a process, not once a connection.
    context = ssl.create_default_context(cafile=ca_file)
    context.sslsocket_class = DeadlineSocket
    return context


def _is_over(seconds: float) -> bool:
    """Whether the deadline comes within this many seconds."""
    try:
        left = remaining()
    except DeadlineError:
        return True
    return left is not None and left <= seconds


def _pause(seconds: float, asked: float | None) -> None:
    """Wait before the next attempt: as long as the service asks, or else as long as usual."""
    # Jitter keeps many workers that failed together from coming back together.
    wait = seconds * random.uniform(0.5, 1.5) if asked is None else asked  # noqa: S311 - not a secret
    _refuse_long_wait(asked)
    pause(wait)


def _refuse_long_wait(asked: float | None) -> None:
    """Refuse to wait as long as the service asks where the call's time is over before.

    Raises:
        DeadlineError: It is.

    """
    left = remaining()
    if asked is not None and left is not None and asked >= left:
        raise DeadlineError(
            f"The service asks to wait {asked:.1f} s, but only {left:.1f} s of the call's time are left.",
            next_step="Give it more with timeout=, in seconds.",
        )


STOP_SECONDS = 5 * POLL_SECONDS
"""How long work that was stopped has to notice it."""


class Background:
    """Starts work on threads, and ends it.

    Example:
        >>> background, done = Background(), []
        >>> background.start(lambda: done.append("looked"))
        >>> background.end(within=5)
        >>> done
        ['looked']

    """

    def __init__(self) -> None:
        """Run nothing yet."""
        self._running: dict[threading.Thread, threading.Event] = {}

    def start(self, work: Callable[[], None]) -> None:
        """Run something on a thread of its own; its errors are its own as well."""
        stop = threading.Event()

        def run() -> None:
            with stoppable(stop):
                work()

        # A daemon, for no process is to wait for it at its end; in a context of its own, for the caller's deadline is
        # not its.
        thread = threading.Thread(target=Context().run, args=(run,), name="wml_deployer-beside", daemon=True)
        thread.start()
        for other in [other for other in list(self._running) if not other.is_alive()]:
            self._running.pop(other, None)
        self._running[thread] = stop

    def end(self, *, within: float) -> None:
        """Wait until everything that was started is over; after so many seconds, stop it."""
        running, self._running = self._running, {}
        end = time.monotonic() + within
        for thread in running:
            thread.join(max(0.0, end - time.monotonic()))
        for stop in running.values():
            stop.set()
        end = time.monotonic() + STOP_SECONDS
        for thread in running:
            thread.join(max(0.0, end - time.monotonic()))
