"""Next steps as the command line says them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import wml_deployer
from wml_deployer._command_line import COMMANDS as ALL
from wml_deployer._command_line.next_steps import in_flags

COMMANDS = [command.name for command in ALL]


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ("Call deploy(model) first.", "Run `wml-deployer deploy m.joblib . local` first."),
        (
            "Call rollback(to='v 1') as soon as the service answers.",
            "Run `wml-deployer rollback . local --to 'v 1'` as soon as the service answers.",
        ),
        ("Look again with Deployer.status().", "Look again with `wml-deployer status . local`."),
        ("Give another version=; a version never changes.", "Give another --name; a version never changes."),
        ("Pass unpickle=True, or store the estimator.", "Pass --unpickle, or store the estimator."),
        ("Pass allow_schema_change=True.", "Pass --allow-schema-change."),
        ("Give numbers, such as metrics={'f1': 0.93}.", "Give numbers, such as --metrics."),
        ("Pass requirements='auto'.", "Pass --requirements auto."),
        ("Pass requirements=['attrs==23.1'].", "Pass --requirements FILE."),
        ("Pass code=['src/shop', 'a b.py'].", "Pass --code src/shop --code 'a b.py'."),
        ("Look at list_spaces(credentials).", "Look at `wml-deployer spaces local`."),
        ("Use create_space(credentials, 'NAME').", "Use `wml-deployer spaces create local NAME`."),
        ("Call recover() to learn of it.", "Run `wml-deployer recover . local` to learn of it."),
        (
            "Find it with Deployer.jobs(), or stop it with Job.cancel().",
            "Find it with `wml-deployer jobs . local`, or stop it with Job.cancel().",
        ),
        ("Fit it first: .fit(X, y).", "Fit it first: .fit(X, y)."),
        ("Set HTTPS_PROXY=http://host:port.", "Set HTTPS_PROXY=http://host:port."),
    ],
)
def test_python_becomes_a_command(python: str, expected: str) -> None:
    """Calls become commands, arguments flags; other text stays."""
    assert expected == in_flags(python, COMMANDS, "m.joblib", ". local")


def test_no_next_step_speaks_python_on_the_command_line() -> None:
    """Of all that the library says, no call of a command and no argument of its is left."""
    sources = Path(wml_deployer.__file__).parent.rglob("*.py")
    texts = [
        text
        for source in sources
        if "server" not in source.parts
        for block in re.findall(r"next_step=\(?((?:\s*f?\"[^\"\n]*\")+)", source.read_text(encoding="utf-8"))
        for text in ["".join(re.findall(r"\"([^\"]*)\"", block))]
    ]
    left = re.compile(rf"(?<!\.)\b(?:{'|'.join(COMMANDS)})\(|\b(?:sample|timeout|to|unpickle|metrics|reason|version)=")

    assert len(texts) > 50
    assert [] == [text for text in texts if left.search(in_flags(text, COMMANDS, "MODEL", "PROJECT CREDENTIALS"))]
