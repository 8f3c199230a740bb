"""Send the requests of IBM's clients, and our own, with the bearer token over the verified transport.

Whatever HTTP library a client uses, a stand-in for it hands each request to the exchange of the running call: it goes
over the verified, pooled, timed transport, with a fresh token, to the service's own hosts only. Errors that IBM's
clients raise become errors of this library: by the failed response where there is one, otherwise by their type. What
they do to the process meanwhile (prints, log lines, environment, class flags) is kept away from the caller.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from pydantic import SecretBytes, SecretStr
from typing_extensions import Unpack

from wml_deployer import errors
from wml_deployer._clients.documents import parts_of, required
from wml_deployer._transport.deadline import hold
from wml_deployer._transport.responses import service_error
from wml_deployer.credentials._regions import is_cloud_host
from wml_deployer.errors import AuthenticationError, InvalidResponseError, TransportError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wml_deployer._clients.tokens import TokenSource
    from wml_deployer._transport.pool import Transport
    from wml_deployer._transport.responses import Response
    from wml_deployer.monitoring._events import Attempt

__all__ = ["Exchange", "RequestFailedError", "exchanging", "isolated", "kind_of", "request", "running", "translated"]

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
    attempts: list[Attempt] | None


def request(
    transport: Transport,
    tokens: TokenSource,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | SecretBytes | IO[bytes] | None = None,
    **options: Unpack[Options],
) -> Response:
    """Send a request with the token; after a 401, which nothing was done for, once more with a new one.

    IBM's clients do not log in again after a 401, and the newer one sends the same token four times.
    """
    start = None if body is None or isinstance(body, bytes | SecretBytes) else body.tell()
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


_SUCCESS = range(200, 300)
# By name, because the packages are imported only where they are used. The nearest ancestor that stands here counts.
_TRANSPORT: dict[str, type[errors.WMLDeployerError]] = {
    "builtins.OSError": errors.TransportError,
    "builtins.TimeoutError": errors.DeadlineError,
    "httpx.CookieConflict": errors.TransportError,
    "httpx.HTTPError": errors.TransportError,
    "httpx.InvalidURL": errors.TransportError,
    "httpx.StreamError": errors.TransportError,
    "httpx.TimeoutException": errors.DeadlineError,
    "requests.RequestException": errors.TransportError,
    "requests.SSLError": errors.CertificateError,
    "requests.Timeout": errors.DeadlineError,
    "ssl.SSLCertVerificationError": errors.CertificateError,
    "urllib3.HTTPError": errors.TransportError,
    "urllib3.NewConnectionError": errors.TransportError,
    "urllib3.ProxySchemeUnsupported": errors.TransportError,
    "urllib3.SSLError": errors.CertificateError,
    "urllib3.TimeoutError": errors.DeadlineError,
}
_CLIENT: dict[str, type[errors.WMLDeployerError]] = {
    "ApiException": errors.ServiceError,
    "AuthenticationError": errors.AuthenticationError,
    "CannotAutogenerateBedrockUrl": errors.AuthenticationError,
    "CannotInstallLibrary": errors.ClientNotInstalledError,
    "CannotSetProjectOrSpace": errors.NotFoundError,
    "ExceededLimitOfAPICalls": errors.RateLimitError,
    "ForbiddenActionForGitBasedProject": errors.AuthorizationError,
    "ForbiddenActionForPlan": errors.AuthorizationError,
    "GovCloudEnvironmentConsentError": errors.ConfigurationError,
    "InvalidCaffeModelArchive": errors.PackagingError,
    "InvalidCredentialsError": errors.AuthenticationError,
    "MetaPropMissingError": errors.ServiceError,
    "MissingExtension": errors.ClientNotInstalledError,
    "MissingWMLComponent": errors.NotFoundError,
    "NoWMLCredentialsProvided": errors.CredentialsError,
    "NoneResponseError": errors.InvalidResponseError,
    "ReadingDataTimeoutError": errors.DeadlineError,
    "ResourceIdByNameNotFound": errors.NotFoundError,
    "UnmatchedKerasVersion": errors.PackagingError,
    "UnsupportedTFSerializationFormat": errors.PackagingError,
    "VectorStoreSerializationError": errors.ServiceError,
    "WMLClientError": errors.ServiceError,
    "WrongEnvironmentVersion": errors.ConfigurationError,
}
_CLIENT_PACKAGES = ("ibm_watson_machine_learning", "ibm_watsonx_ai")
# What Python says when an answer lacks a key, or holds another type.
_OF_ANOTHER_SHAPE = (KeyError, TypeError, ValueError, AttributeError)


def kind_of(error: Exception) -> type[errors.WMLDeployerError] | None:
    """Return which of our errors another package's means; ``None`` where it means none in particular."""
    for ancestor in type(error).__mro__:
        package = ancestor.__module__.partition(".")[0]
        if package in _CLIENT_PACKAGES and ancestor.__name__ in _CLIENT:
            return _CLIENT[ancestor.__name__]
        if f"{package}.{ancestor.__name__}" in _TRANSPORT:
            return _TRANSPORT[f"{package}.{ancestor.__name__}"]
    return None


def translated(error: Exception, exchange: Exchange, operation: str) -> errors.WMLDeployerError:
    """Turn what came out of IBM's client into our error: by the failed exchange where there is one, not by its text."""
    if exchange.failure is not None:
        return exchange.failure
    # IBM's clients try out paths that a platform may not have, and delete what failed: neither is what went wrong.
    refused = [r for method, r in exchange.responses if r.status not in _SUCCESS and method != "DELETE"]
    refused = refused or [r for _, r in exchange.responses if r.status not in _SUCCESS]
    if refused:
        return service_error(refused[-1], operation)
    kind = kind_of(error)
    if kind is None and isinstance(error, _OF_ANOTHER_SHAPE):
        message = f"The service's answer has another shape than promised: {error!r}"
        return errors.InvalidResponseError(message, operation=operation)
    message = str(error) or type(error).__name__
    changed = [response for method, response in exchange.responses[-1:] if method != "GET"]
    if kind is errors.ServiceError and changed:
        # The client was promised another success, such as a 204: the work may be done.
        return errors.InvalidResponseError(message, operation=operation, status=changed[0].status)
    return (kind or errors.ServiceError)(message, operation=operation)


# Reentrant: a verb may ask the client for something while it holds the process's state.
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    # A fork waits for the one call that is on its way, so that no child is born into a changed process.
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
_FLAGS = ("cloud_platform_spaces", "icp_platform_spaces")
_FLAGGED = (("deployments", "Deployments"), ("repository", "Repository"), ("factsheets", "Factsheets"))


class _QuietStdout:
    """Swallows what one thread prints; other threads print on."""

    def __init__(self, real: IO[str]) -> None:
        self.real = real
        self.thread = threading.get_ident()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self.thread else self.real.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@contextmanager
def isolated(package: str, flags: Mapping[str, bool]) -> Iterator[None]:
    """Run the block with one of IBM's packages kept quiet, and put back what it changes.

    Args:
        package: Name of the package whose log lines are dropped: it logs whole answers of the service.
        flags: What its classes are to say within the block of the platform that they are on.

    """
    with hold(_lock), ExitStack() as stack:
        stack.enter_context(_quiet_stdout())
        stack.enter_context(_quiet_logger(package))
        stack.enter_context(_same_environment())
        stack.enter_context(_same_flags(package, flags))
        # Its constructor switches off urllib3's warnings for the whole process; its own are not the caller's affair.
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    real = sys.stdout
    quiet = _QuietStdout(real)
    sys.stdout = quiet
    try:
        yield
    finally:
        # Somebody else may have redirected stdout meanwhile: theirs stays.
        if sys.stdout is quiet:
            sys.stdout = real


@contextmanager
def _quiet_logger(package: str) -> Iterator[None]:
    logger = logging.getLogger(package)
    propagates, handlers = logger.propagate, logger.handlers
    logger.propagate, logger.handlers = False, [logging.NullHandler()]
    try:
        yield
    finally:
        logger.propagate, logger.handlers = propagates, handlers


@contextmanager
def _same_flags(package: str, flags: Mapping[str, bool]) -> Iterator[None]:
    """Keep a client on a Cloud Pak and one in the cloud apart: IBM's classes hold for the process which it is."""
    owners = [
        getattr(module, name)
        for part, name in _FLAGGED
        if (module := sys.modules.get(f"{package}.{part}")) and hasattr(getattr(module, name), _FLAGS[0])
    ]
    before = [(owner, flag, getattr(owner, flag)) for owner in owners for flag in _FLAGS]
    for owner in owners:
        for flag, value in flags.items():
            setattr(owner, flag, value)
    try:
        yield
    finally:
        for owner, flag, value in before:
            setattr(owner, flag, value)


@contextmanager
def _same_environment() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() | before.keys():
            if os.environ.get(name) != before.get(name):
                _restore(name, before.get(name))


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
