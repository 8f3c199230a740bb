"""Errors of IBM's clients and of the HTTP libraries beneath them, as errors of this library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer import errors
from wml_deployer._transport.responses import service_error

if TYPE_CHECKING:
    from wml_deployer._clients.exchange import Exchange

__all__ = ["kind_of", "translated"]

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
