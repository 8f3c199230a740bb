"""Messages of one style: sentences that say what happened, and next steps that say what to do."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from wml_deployer import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    Trees = dict[str, ast.Module]

CLASSES = frozenset(name for name in errors.__all__ if name.endswith("Error"))
CONFIGURATION = frozenset({"ClientNotInstalledError", "ConfigurationError", "CredentialsError"})
"""What only the caller can put right, so that the error has to say how."""
VALUE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands for what a message is filled with."""
BEGINNING = re.compile(rf"[A-Z0-9{VALUE}]|metadata\.(yaml|lock)\b|keep=")
ENDING = re.compile(rf"[.?!]$|([:;,] |[:;,]?\n|\.){VALUE}$")
"""A full stop; or after a colon the words of somebody else, such as the service."""
STEP_ENDING = re.compile(rf"[.?!]$|: [^.]*pip install [^.]+$|{VALUE}$")
"""A full stop; or a command, which is copied to a shell as it is."""


class Message(NamedTuple):
    """An error that is made somewhere in the source."""

    place: str
    name: str
    text: str | None
    next_step: str | None
    has_step: bool


def text_of(node: ast.expr) -> str | None:
    """The text of an expression, with a mark for each value in it; None where it is not a literal."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else VALUE for part in node.values)
    if isinstance(node, ast.IfExp):
        return text_of(node.body)
    return text_of(node.value) if isinstance(node, ast.Subscript) else None


def messages(name: str, tree: ast.Module) -> Iterator[Message]:
    """Each error of this library that a module makes."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in CLASSES:
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            step = given.get("next_step")
            yield Message(
                f"{name}:{node.lineno}",
                called,
                text_of(node.args[0]),
                None if step is None else text_of(step),
                bool({"next_step", "faults"} & given.keys()),
            )


def of_the_library(trees: Trees) -> list[Message]:
    """The messages of the library; those of the embedded service are the real service's own."""
    return [message for name in trees if ".server" not in name for message in messages(name, trees[name])]


def test_messages_are_sentences(trees: Trees) -> None:
    """Each begins with a capital, or with what it is about, and ends with a full stop."""
    told = [(message.place, message.text) for message in of_the_library(trees) if message.text is not None]

    assert [] == [one for one in told if not (BEGINNING.match(one[1]) and ENDING.search(one[1]))]


def test_next_steps_are_sentences(trees: Trees) -> None:
    """Each begins with a capital, or with a value, and ends with a full stop or a command."""
    steps = [(message.place, message.next_step) for message in of_the_library(trees) if message.next_step is not None]

    assert [] == [step for step in steps if not (BEGINNING.match(step[1]) and STEP_ENDING.search(step[1]))]


def test_what_the_caller_configured_wrong_has_a_next_step(trees: Trees) -> None:
    """Nobody else can correct it."""
    silent = [one.place for one in of_the_library(trees) if one.name in CONFIGURATION and not one.has_step]

    assert [] == silent


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("raise PayloadError('Broken.', next_step='Mend it.')", ("Broken.", "Mend it.", True)),
        ("raise errors.PayloadError(f'{name} is broken')", (f"{VALUE} is broken", None, False)),
        ("raise PayloadError(message[:500])", (None, None, False)),
    ],
)
def test_messages_are_found(source: str, expected: tuple[str | None, str | None, bool]) -> None:
    """The search behind the tests above sees texts, the values in them, and what is not a literal."""
    (message,) = messages("example", ast.parse(source))

    assert expected == (message.text, message.next_step, message.has_step)
