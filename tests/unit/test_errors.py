"""The error tree: what each error is, what it says, and that it survives a pickle."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from wml_deployer import errors
from wml_deployer.deployer._verb import check_arguments
from wml_deployer.display import show
from wml_deployer.errors import ConfigurationError, Fault, PayloadError, RateLimitError, ServiceError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Iterator

# The builtin that code which has never heard of this library may catch.
BUILTINS: dict[str, type[Exception]] = {
    "AuthenticationError": PermissionError,
    "AuthorizationError": PermissionError,
    "BadRequestError": ValueError,
    "CertificateError": ConnectionError,
    "CheckError": ValueError,
    "ClientNotInstalledError": ImportError,
    "ConfigurationError": ValueError,
    "ConflictError": RuntimeError,
    "CredentialsError": ValueError,
    "DeadlineError": TimeoutError,
    "InvalidResponseError": ValueError,
    "MetadataError": ValueError,
    "ModelError": ValueError,
    "NotFoundError": LookupError,
    "PackagingError": ValueError,
    "PayloadError": ValueError,
    "PayloadTooLargeError": ValueError,
    "RateLimitError": RuntimeError,
    "RolloutError": RuntimeError,
    "SchemaError": ValueError,
    "ServerError": RuntimeError,
    "ServiceError": RuntimeError,
    "SpecificationError": ValueError,
    "TransportError": ConnectionError,
    "UnsupportedModelError": TypeError,
    "VersionError": LookupError,
    "WMLDeployerError": Exception,
}
PARTS = {
    "operation": "deploy",
    "status": 409,
    "code": "duplicate_name",
    "trace": "0af7651916cd43dd",
    "next_step": "Choose another name.",
    "faults": (Fault("name", "in use", "a free name"), Fault("space", "unknown")),
}


def subclasses(cls: type[WMLDeployerError]) -> Iterator[type[WMLDeployerError]]:
    """An error class and all those below it."""
    yield cls
    for below in cls.__subclasses__():
        yield from subclasses(below)


TREE = sorted({cls for cls in subclasses(WMLDeployerError) if cls.__module__ == errors.__name__}, key=str)


def make(cls: type[WMLDeployerError]) -> WMLDeployerError:
    """An error with every part it can have."""
    return cls("the name is taken", **PARTS)  # type: ignore[arg-type]


def test_every_error_is_listed() -> None:
    """No error escapes the tests below, nor the ``__all__`` of its module."""
    names = {cls.__name__ for cls in TREE}

    assert (names, names | {"Fault"}) == (set(BUILTINS), set(errors.__all__))


@pytest.mark.parametrize("cls", TREE)
def test_error_is_the_builtin_it_resembles(cls: type[WMLDeployerError]) -> None:
    """Code that catches the builtin catches ours."""
    assert issubclass(cls, BUILTINS[cls.__name__])


@pytest.mark.parametrize("cls", TREE)
def test_tree_in_the_docstring_is_the_tree(cls: type[WMLDeployerError]) -> None:
    """The tree that opens the module names each error once, with the builtins that it adds to its parent's."""
    parent = next(base for base in cls.__bases__ if base is not Exception or cls is WMLDeployerError)
    added = [base.__name__ for base in cls.__bases__ if base not in (parent, Exception)]
    drawn = [line.lstrip(" │├└─") for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]

    [line] = [line for line in drawn if line.split()[0] == cls.__name__]

    assert added == [part.strip("()") for part in line.split()[1:2] if part.startswith("(")]


@pytest.mark.parametrize("cls", TREE)
def test_error_says_all_it_knows(cls: type[WMLDeployerError]) -> None:
    """``str()`` has the operation, the message, each fault, the service's words, and the next step last."""
    expected = (
        "deploy: the name is taken\n"
        "  - name: in use (a free name)\n"
        "  - space: unknown\n"
        "Service: status 409, code duplicate_name, trace 0af7651916cd43dd\n"
        "Next: Choose another name."
    )

    assert expected == str(make(cls))


def test_a_new_error_is_one_class() -> None:
    """How it is written, pickled, caught and shown comes with its parent."""

    class DiskFullError(ServiceError):
        """The service has no room left."""

    error = DiskFullError("Nothing was stored.", operation="store", next_step="Remove old versions with prune().")

    assert "store: Nothing was stored.\nNext: Remove old versions with prune()." == str(error)
    assert "DiskFullError" in str(show(error))
    with pytest.raises(WMLDeployerError):
        raise error


def test_error_without_parts_says_its_message() -> None:
    """Nothing is added to a message that has no parts."""
    assert str(WMLDeployerError("no answer")) == "no answer"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("cls", TREE)
def test_error_pickles_with_all_parts(cls: type[WMLDeployerError], protocol: int) -> None:
    """An error raised in a worker process arrives whole."""
    error = make(cls)

    twin = pickle.loads(pickle.dumps(error, protocol))

    assert (type(error), str(error), error.__dict__) == (type(twin), str(twin), twin.__dict__)


def test_pickle_keeps_what_is_set_later() -> None:
    """An attribute of one class alone survives, too."""
    error = RateLimitError("too many requests", status=429)
    error.retry_after = 2.5

    twin = pickle.loads(pickle.dumps(error))

    assert twin.retry_after == 2.5


@pytest.mark.parametrize("cls", TREE)
def test_error_can_be_copied(cls: type[WMLDeployerError]) -> None:
    """``copy`` goes the way of pickle: nothing is lost."""
    assert make(cls).__dict__ == copy.copy(make(cls)).__dict__


@pytest.mark.parametrize("cls", TREE)
def test_error_says_when_it_is_raised(cls: type[WMLDeployerError]) -> None:
    """Each error has a docstring of its own."""
    assert cls.__dict__.get("__doc__")


def test_fault_without_expectation_is_one_clause() -> None:
    """A fault whose cure is obvious shows no empty brackets."""
    assert str(Fault("row 3", "is missing")) == "row 3: is missing"


def test_a_notebook_shows_the_users_line_and_the_message() -> None:
    """IPython asks the error for its traceback; the frames of the library stay out of it."""
    with pytest.raises(ConfigurationError) as caught:
        check_arguments("deploy", {"version": 2})  # the user's line

    shown = caught.value._render_traceback_()
    assert (True, str(caught.value)) == (
        shown[0].endswith('check_arguments("deploy", {"version": 2})  # the user\'s line'),
        "\n".join(shown[2:]).removeprefix("ConfigurationError: "),
    )


def test_a_notebook_shows_what_user_code_raised() -> None:
    """The cause is named under the message."""
    error = PayloadError("The model cannot predict.")
    error.__cause__ = ValueError("unseen category")

    assert ["PayloadError: The model cannot predict.", "", "Caused by ValueError: unseen category"] == (
        error._render_traceback_()[:3]
    )
