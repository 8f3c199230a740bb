"""Every exception of the packages beneath means one of this library's errors."""

from __future__ import annotations

import inspect
import ssl
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer import CloudCredentials, errors
from wml_deployer._clients.exchange import Exchange, kind_of, translated
from wml_deployer._clients.tokens import TokenSource
from wml_deployer._transport.pool import Transport
from wml_deployer._transport.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = (
    "ibm_watson_machine_learning.wml_client_error",
    "ibm_watsonx_ai.wml_client_error",
    "requests.exceptions",
    "urllib3.exceptions",
    "httpx",
)
# What the calls of the door may meet in the depth of IBM's clients.
BENEATH = (
    "libs.repo.swagger_client.rest",
    "libs.repo.util.exceptions",
    "utils.autoai.errors",
    "utils.deployment.errors",
)


def exceptions_of(name: str) -> Iterator[type[Exception]]:
    """Every exception class that a module has."""
    module = import_module(name)
    for _, member in inspect.getmembers(module, inspect.isclass):
        if (
            issubclass(member, Exception)
            and not issubclass(member, Warning)
            and member.__module__.partition(".")[0] == name.partition(".")[0]
        ):
            yield member


def made(kind: type[Exception]) -> Exception:
    """Make one without its constructor, whose arguments are each class's own."""
    error = kind.__new__(kind)
    error.args = ("said",)
    return error


INSTALLED = [name for name in PACKAGES if find_spec(name.partition(".")[0])]
DEEPER = [f"{name.partition('.')[0]}.{part}" for name in INSTALLED if name.startswith("ibm_") for part in BENEATH]


@pytest.mark.parametrize("name", INSTALLED + DEEPER)
def test_every_exception_of_a_package_is_mapped(name: str) -> None:
    """A class that a new release brings along, and that means nothing here, fails this test."""
    assert [] == [kind.__name__ for kind in exceptions_of(name) if kind_of(made(kind)) is None]


@pytest.mark.parametrize("name", INSTALLED)
def test_a_package_has_exceptions(name: str) -> None:
    """The test before it looks at something."""
    assert len(list(exceptions_of(name))) > 10


@pytest.mark.parametrize("kind", [ssl.SSLError, ssl.SSLCertVerificationError, ssl.SSLEOFError, ssl.SSLZeroReturnError])
def test_every_exception_of_tls_is_no_answer(kind: type[Exception]) -> None:
    """What fails below HTTP is a transport error."""
    found = kind_of(made(kind))

    assert found is not None
    assert issubclass(found, errors.TransportError)


@pytest.fixture
def exchange() -> Exchange:
    """A call in which nothing was asked."""
    credentials, transport = CloudCredentials(url="eu-de", token="t"), Transport()
    return Exchange(transport, TokenSource(credentials, transport), "https://eu-de.ml.cloud.ibm.com")


def test_a_failed_exchange_is_the_error(exchange: Exchange) -> None:
    """What IBM's client makes of it does not count."""
    exchange.failure = errors.CertificateError("not trusted")

    assert exchange.failure is translated(RuntimeError("Error refreshing the token"), exchange, "deploy")


def test_the_refusal_before_the_clean_up_counts(exchange: Exchange) -> None:
    """The clean-up after a failed upload answers 204 or 404: the upload's own status is told."""
    body = b'{"trace":"abc","errors":[{"code":"invalid_request_entity","message":"no"}]}'
    exchange.responses += [("PUT", Response(400, body, {}, "u")), ("DELETE", Response(404, b"{}", {}, "u"))]
    error = translated(RuntimeError("Reason: (204)"), exchange, "store the model")

    assert (400, "invalid_request_entity", "abc") == (error.status, error.code, error.trace)


@pytest.mark.parametrize("error", [KeyError("id"), TypeError("x"), AttributeError("y"), ValueError("z")])
def test_a_bare_error_of_python_is_an_answer_of_another_shape(exchange: Exchange, error: Exception) -> None:
    """No bare KeyError leaves the door."""
    assert isinstance(translated(error, exchange, "look up"), errors.InvalidResponseError)


@pytest.mark.parametrize(
    ("package", "name", "expected"),
    [
        ("requests.exceptions", "ReadTimeout", errors.DeadlineError),
        ("requests.exceptions", "SSLError", errors.CertificateError),
        ("httpx", "RemoteProtocolError", errors.TransportError),
        ("httpx", "ReadTimeout", errors.DeadlineError),
        ("urllib3.exceptions", "NewConnectionError", errors.TransportError),
        ("ibm_watson_machine_learning.wml_client_error", "ApiRequestFailure", errors.ServiceError),
        ("ibm_watsonx_ai.wml_client_error", "InvalidCredentialsError", errors.AuthenticationError),
        ("ibm_watsonx_ai.wml_client_error", "ResourceIdByNameNotFound", errors.NotFoundError),
    ],
)
def test_an_error_means_what_it_resembles(package: str, name: str, expected: type[Any]) -> None:
    """The nearest of ours is chosen."""
    if find_spec(package.partition(".")[0]) is None:
        pytest.skip(f"{package} does not exist for this Python or is not installed")
    found = kind_of(made(getattr(import_module(package), name)))

    assert found is not None
    assert issubclass(found, expected)
