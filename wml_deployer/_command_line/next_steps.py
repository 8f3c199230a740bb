"""Translate the next step of an error into the words of the command line.

Errors give their next step in Python: ``Call rollback(to='v0.1').`` Whoever runs ``wml-deployer`` needs the same as a
command and its flags. One translation for all errors keeps each of them written once, by two rules: a call of a verb
becomes its command, and an argument becomes its flag.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["in_flags"]

_FLAGS = {"version": "--name"}
"""Flags that are not called as the argument is."""
_FILES = frozenset({"metrics", "sample"})
"""Arguments whose flags take a file, whatever the example in Python is."""
_ARGUMENTS = (
    "allow_schema_change|batch_rows|cascade|code|copies|hardware|in_flight|isolated|keep|metrics|named|on_error|reason"
    "|requirements|runtime|sample|serving_name|specification|storage|timeout|to|unpickle|version"
)
_OF_SPACES = {"list_spaces": "spaces", "create_space": "spaces create"}
"""Functions of the package that take credentials, and the commands for them."""
_NAMES = {"console_link": "console", "create_task_credentials": "task-credentials"}
"""Commands that are not called as the verb is."""
# A method of something else, such as Job.cancel(), is no verb.
_CALL = re.compile(r"(?<![\w.])(Call )?(?:Deployer\.)?([a-z_]+)\(([^()]*)\)")
_ARGUMENT = re.compile(rf"\b({_ARGUMENTS})=('[^']*'|\[[^]]*\]|\{{[^}}]*\}}|[\w.+-]*\w)?")


def in_flags(text: str, commands: Iterable[str], model: str, place: str) -> str:
    """Say a next step as commands and flags.

    Args:
        text: The next step, as Python calls.
        commands: The commands that there are.
        model: What stands for the model on the command line.
        place: What stands for the project and the credentials.

    Returns:
        The next step for the command line.

    Example:
        >>> in_flags("Call rollback(to='v0.1').", ["rollback"], "MODEL", "PROJECT CREDENTIALS")
        'Run `wml-deployer rollback PROJECT CREDENTIALS --to v0.1`.'
        >>> in_flags("Give it more with timeout=, in seconds.", [], "MODEL", "PROJECT CREDENTIALS")
        'Give it more with --timeout, in seconds.'

    """
    known = frozenset(commands)

    def as_command(match: re.Match[str]) -> str:
        call, name, arguments = match.groups()
        if name in _OF_SPACES:
            given = arguments.replace("credentials", shlex.split(place)[-1], 1).replace(",", "").replace("'", "")
            return f"`wml-deployer {_OF_SPACES[name]} {given}`"
        command = _NAMES.get(name, name)
        if command not in known:
            return match[0]
        options = [_flag(*found.groups()) for found in _ARGUMENT.finditer(arguments)]
        models = [model] if re.match(r"\s*model\b", arguments) else []
        return f"{'Run ' if call else ''}`{' '.join(['wml-deployer', command, *models, place, *options])}`"

    return _ARGUMENT.sub(lambda match: _flag(*match.groups()), _CALL.sub(as_command, text))


def _flag(name: str, value: str | None) -> str:
    flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
    if value is None or value == "True" or name in _FILES:
        return flag
    if value.startswith("["):
        items = re.findall(r"'([^']*)'", value)
        return f"{flag} FILE" if name == "requirements" else " ".join(f"{flag} {shlex.quote(item)}" for item in items)
    return f"{flag} {shlex.quote(value.strip(chr(39)))}"
