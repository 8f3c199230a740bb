"""Every error this library raises.

Each is also the builtin it resembles, says what happened, to what, why and what to do next, and pickles::

    WMLDeployerError
    ├── ConfigurationError (ValueError)      what the caller configured
    │   ├── CredentialsError                 credentials: file, environment or mapping
    │   ├── MetadataError                    metadata.yaml, metadata.lock
    │   └── ClientNotInstalledError (ImportError)
    ├── ModelError (ValueError)              what the caller wants to store
    │   ├── UnsupportedModelError (TypeError)
    │   ├── CheckError                       the preflight found what would keep it from being served
    │   ├── SpecificationError               no software specification of the service fits
    │   └── PackagingError                   cannot be packed into an archive
    ├── PayloadError (ValueError)            what the caller wants to score
    │   └── SchemaError                      its columns are not the model's
    ├── VersionError (LookupError)           a version, revision or deployment that is not there
    ├── RolloutError (RuntimeError)          a deployment failed, or its verification did
    ├── ServiceError (RuntimeError)          the service refused
    │   ├── BadRequestError (ValueError)     400
    │   ├── AuthenticationError (PermissionError)   401
    │   ├── AuthorizationError (PermissionError)    403
    │   ├── NotFoundError (LookupError)      404
    │   ├── ConflictError                    409, or somebody else was faster
    │   ├── PayloadTooLargeError (ValueError)       413
    │   ├── RateLimitError                   429
    │   ├── ServerError                      5xx
    │   └── InvalidResponseError (ValueError)       an answer that is not what the service promises
    ├── TransportError (ConnectionError)     no answer
    │   └── CertificateError                 the server's certificate is not trusted
    └── DeadlineError (TimeoutError)         the time for the whole call is over
"""

from __future__ import annotations

import linecache
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "AuthenticationError",
    "AuthorizationError",
    "BadRequestError",
    "CertificateError",
    "CheckError",
    "ClientNotInstalledError",
    "ConfigurationError",
    "ConflictError",
    "CredentialsError",
    "DeadlineError",
    "Fault",
    "InvalidResponseError",
    "MetadataError",
    "ModelError",
    "NotFoundError",
    "PackagingError",
    "PayloadError",
    "PayloadTooLargeError",
    "RateLimitError",
    "RolloutError",
    "SchemaError",
    "ServerError",
    "ServiceError",
    "SpecificationError",
    "TransportError",
    "UnsupportedModelError",
    "VersionError",
    "WMLDeployerError",
]


_PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in what the caller handed in.

    Attributes:
        where: What it is about: a key, a column, a row.
        problem: What is wrong with it.
        expected: What would be right.

    Example:
        >>> print(Fault("url", "http is not encrypted", "https://eu-de.ml.cloud.ibm.com"))
        url: http is not encrypted (https://eu-de.ml.cloud.ibm.com)

    """

    where: str
    problem: str
    expected: str = ""

    def __str__(self) -> str:
        """One line: where, what, and what would be right."""
        return f"{self.where}: {self.problem}" + (f" ({self.expected})" if self.expected else "")


class WMLDeployerError(Exception):
    """Base of every error of this library.

    Attributes:
        message: What happened, to what, and why.
        operation: The verb that failed (``"deploy"``), where known.
        status: The service's HTTP status, where it answered.
        code: The service's own error code (``errors[0].code``), where it gave one.
        trace: The service's trace id, to be quoted to its support.
        next_step: What the caller can do about it.
        faults: Every single thing that is wrong, where several can be.

    Example:
        >>> faults = (Fault("age", "infinite in row 3", "a finite number, or NaN for unknown"),)
        >>> print(PayloadError("1 value cannot be sent.", operation="score", faults=faults, next_step="Clean it."))
        score: 1 value cannot be sent.
          - age: infinite in row 3 (a finite number, or NaN for unknown)
        Next: Clean it.

    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: int | None = None,
        code: str | None = None,
        trace: str | None = None,
        next_step: str | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        """Keep the parts; ``str()`` puts them together."""
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.status = status
        self.code = code
        self.trace = trace
        self.next_step = next_step
        self.faults = faults

    def __str__(self) -> str:
        """Join the message, each fault, the service's own codes and the next step."""
        lines = [f"{self.operation}: {self.message}" if self.operation else self.message]
        lines += [f"  - {fault}" for fault in self.faults]
        service = {"status": self.status, "code": self.code, "trace": self.trace}
        said = ", ".join(f"{name} {value}" for name, value in service.items() if value is not None)
        if said:
            lines.append(f"Service: {said}")
        if self.next_step:
            lines.append(f"Next: {self.next_step}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # By its name, for views stand on errors, and not the other way round.
        html: str = import_module("wml_deployer.display").view_of(self).html
        return html

    def _render_traceback_(self) -> list[str]:
        """Show IPython the caller's own line and the message, not the frames of this library, and a notebook the card.

        ``__traceback__`` keeps them all: ``traceback.print_exception(sys.last_value)`` shows them.
        """
        import_module("wml_deployer.display._view").draw_after_cell(self)
        own = None
        for frame, line in traceback.walk_tb(self.__traceback__):
            if Path(frame.f_code.co_filename).is_relative_to(_PACKAGE):
                break
            own = frame.f_code.co_filename, line
        lines = [] if own is None else [f"----> {own[1]} {linecache.getline(*own).strip()}", ""]
        lines.append(f"{type(self).__name__}: {self}")
        cause = self.__cause__
        if cause is not None and not isinstance(cause, WMLDeployerError):
            lines += ["", *(f"Caused by {line}" for line in traceback.format_exception_only(type(cause), cause)[-1:])]
        return "\n".join(lines).split("\n")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by parts: the builtin bases would rebuild from ``args`` alone."""
        return _rebuild, (type(self), self.message, self.__dict__)


def _rebuild(cls: type[WMLDeployerError], message: str, state: dict[str, Any]) -> WMLDeployerError:
    error = cls(message)
    error.__dict__.update(state)
    return error


class ConfigurationError(WMLDeployerError, ValueError):
    """The caller's configuration cannot be used."""


class CredentialsError(ConfigurationError):
    """Credentials are missing, malformed or contradict each other; ``faults`` lists all of it."""


class MetadataError(ConfigurationError):
    """metadata.yaml or metadata.lock is missing, malformed or cannot be written; ``faults`` lists all of it."""


class ClientNotInstalledError(ConfigurationError, ImportError):
    """The package that this platform or feature needs is not installed."""


class ModelError(WMLDeployerError, ValueError):
    """The model cannot be stored."""


class UnsupportedModelError(ModelError, TypeError):
    """The object is not a fitted model of a framework that can be stored."""


class CheckError(ModelError):
    """The check before the upload found problems that would make the model fail; ``faults`` lists all of them."""


class SpecificationError(ModelError):
    """No software specification of the service fits the model."""


class PackagingError(ModelError):
    """The model cannot be packed into an archive that the service accepts."""


class PayloadError(WMLDeployerError, ValueError):
    """A value cannot be sent: infinite, bytes, an arbitrary object; ``faults`` names column and row."""


class SchemaError(PayloadError):
    """The columns are not those of the model; ``faults`` lists missing, unknown and duplicate ones."""


class VersionError(WMLDeployerError, LookupError):
    """No such version, revision or deployment in this project."""


class RolloutError(WMLDeployerError, RuntimeError):
    """A deployment failed, or did not answer as the model does; the message says what serves now.

    Attributes:
        differing: The sample's rows that the deployment answers otherwise, where that is what failed: columns
            ``("local", ...)`` and ``("deployed", ...)``.

    """

    differing: pd.DataFrame | None = None


class ServiceError(WMLDeployerError, RuntimeError):
    """The service answered, and refused.

    Attributes:
        retry_after: Seconds to wait before the next try, where the service said so.

    """

    retry_after: float | None = None


class BadRequestError(ServiceError, ValueError):
    """The service found the request invalid (400)."""


class AuthenticationError(ServiceError, PermissionError):
    """The service does not accept the key, password or token (401)."""


class AuthorizationError(ServiceError, PermissionError):
    """The key is valid, but not allowed to do this (403)."""


class NotFoundError(ServiceError, LookupError):
    """The service has nothing of this id or name (404)."""


class ConflictError(ServiceError):
    """Something of this name is there already, or a concurrent change got there first (409)."""


class PayloadTooLargeError(ServiceError, ValueError):
    """The request is larger than the service takes (413)."""


class RateLimitError(ServiceError):
    """Too many requests, or the plan's quota is used up (429)."""


class ServerError(ServiceError):
    """The service failed (5xx)."""


class InvalidResponseError(ServiceError, ValueError):
    """The response is not what the service promises: cut off, not JSON, or of another shape."""


class TransportError(WMLDeployerError, ConnectionError):
    """No answer: refused, unreachable, or the connection closed."""


class CertificateError(TransportError):
    """The server's certificate is not trusted; nothing was sent."""


class DeadlineError(WMLDeployerError, TimeoutError):
    """The time for the whole call is over; the message says what the service was doing."""
