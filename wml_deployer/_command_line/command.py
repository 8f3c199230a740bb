"""What a command is: a function, the arguments it takes, and the result it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from wml_deployer.credentials import CloudCredentials, LocalCredentials, SoftwareCredentials
    from wml_deployer.deployer import Deployer

__all__ = ["Argument", "Command", "Result", "argument", "command", "open_project", "read_credentials"]


@dataclass(frozen=True)
class Result:
    """What a command has to say.

    Attributes:
        document: What ``--json`` prints: data that JSON has types for; dates become text.
        text: What is printed without ``--json``. If not given, it is made of the document: a line for each item of a
            mapping, a table of a list.
        exit_code: How the process ends.

    """

    document: Any
    text: str | None = None
    exit_code: int = 0


@dataclass(frozen=True)
class Argument:
    """A positional argument or an option, as argparse takes it."""

    names: tuple[str, ...]
    options: dict[str, Any]

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Let a parser take it."""
        parser.add_argument(*self.names, **self.options)


@dataclass(frozen=True)
class Command:
    """A word behind ``wml-deployer``.

    Attributes:
        name: The word, or two of them: ``"spaces create"``.
        help: What it does, in one line.
        arguments: What it takes, besides ``--json`` and the like, which every command takes.
        run: Does it.

    """

    name: str
    help: str
    arguments: tuple[Argument, ...]
    run: Callable[[argparse.Namespace], Result]


def argument(*names: str, **options: Any) -> Argument:
    """Describe an argument as ``argparse.ArgumentParser.add_argument`` takes it."""
    return Argument(names, options)


def command(
    help_text: str, *arguments: Argument, name: str | None = None
) -> Callable[[Callable[[argparse.Namespace], Result]], Command]:
    """Make a command of a function, which gets the parsed arguments; the command is called as the function is.

    Args:
        help_text: What it does, in one line.
        arguments: What it takes, positional arguments in their order.
        name: What it is called, where a function cannot be called so.

    """

    def make(run: Callable[[argparse.Namespace], Result]) -> Command:
        return Command(name or run.__name__, help_text, arguments, run)

    return make


def open_project(given: argparse.Namespace, credentials: str | None = None) -> Deployer:
    """Open the project of a command with its credentials, or with others."""
    from wml_deployer.deployer import Deployer  # noqa: PLC0415 - --help answers at once

    metadata, chosen = given.project / "metadata.yaml", credentials or given.credentials
    if chosen in {"local", "env"}:
        return Deployer(read_credentials(chosen), metadata)
    return Deployer.from_files(chosen, metadata)


def read_credentials(text: str) -> CloudCredentials | SoftwareCredentials | LocalCredentials:
    """Read the credentials of a command: of the embedded service, of the environment alone, or a file."""
    from wml_deployer.credentials import LocalCredentials, load_credentials  # noqa: PLC0415 - --help answers at once

    if text == "local":
        return LocalCredentials()
    return load_credentials(None if text == "env" else text)
