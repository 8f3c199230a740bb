"""Each command prints with ``--json`` what the documented schema says, in one story that uses them all."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import jsonschema
import pytest

from wml_deployer._command_line import COMMANDS, main
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

PAGES = Path(os.environ.get("WML_DEPLOYER_CHECKOUT", Path(__file__).parents[2])) / "docs" / "pages" / "reference"
SCHEMA = json.loads((PAGES / "cli.schema.json").read_text(encoding="utf-8"))
SHARED = {"deployment", "space", "failure"}

Documents = dict[str, list[Any]]


def closed(schema: Any, *, part_of_another: bool = False) -> Any:
    """Let a schema refuse what it does not name, which the published one does not: later releases may say more."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {key: closed(value, part_of_another=key in SHARED - {"failure"}) for key, value in schema.items()}
    is_object = ("properties" in schema or "allOf" in schema) and "$defs" not in schema
    is_open = part_of_another or "additionalProperties" in schema
    return {**inside, "unevaluatedProperties": False} if is_object and not is_open else inside


def refuse(document: Any, name: str) -> list[str]:
    """Say how a document differs from what the schema has for a command."""
    schema = {**closed(SCHEMA), "$ref": f"#/$defs/{name.replace(' ', '%20')}"}
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    return [error.message for error in checker.iter_errors(document)]


@pytest.fixture(scope="module")
def documents(
    tmp_path_factory: pytest.TempPathFactory, fit: Callable[[float], Any], features: pd.DataFrame
) -> Iterator[Documents]:
    """Run every command in a folder with a service of its own; return what each printed."""
    folder = tmp_path_factory.mktemp("commands")
    project, rows, better = str(folder), str(folder / "rows.csv"), str(folder / "better.joblib")
    (folder / "metadata.yaml").write_text("project_name: every-command\nproject_version: v1\n", encoding="utf-8")
    features.head(20).to_csv(rows, index=False)
    joblib.dump(fit(1.0), folder / "model.joblib")
    joblib.dump(fit(0.01), better)
    first = [str(folder / "model.joblib"), project, "local", "--unpickle"]
    second = [better, project, "local", "--unpickle"]
    story = [
        ["check", *first, "--sample", rows],
        ["store", *first, "--sample", rows],
        ["deploy", *first],
        ["release", *first],
        ["candidate", *second, "--name", "v2"],
        ["compare", rows, project, "local"],
        ["discard", project, "local"],
        ["candidate", *second],
        ["promote", project, "local", "--reason", "fewer mistakes"],
        ["rollback", project, "local"],
        ["scale", project, "local", "--copies", "2"],
        ["scale", project, "local", "--copies", "2"],
        ["update", *second],
        ["status", project, "local"],
        ["history", project, "local"],
        ["diff", project, "local", "v1", "v2"],
        ["score", rows, project, "local"],
        ["score", rows, project, "local", "--output", str(folder / "scores.csv")],
        ["jobs", project, "local"],
        ["task-credentials", project, "local"],
        ["recover", project, "local"],
        ["prune", project, "local", "--keep", "1"],
        ["console", project, "local"],
        ["version"],
        ["delete", project, "local"],
    ]
    printed: Documents = {}
    with LocalServer(folder / ".wml"):
        for words in story:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                code = main([*words, "--json"])
            assert code == 0, (words, out.getvalue())
            printed.setdefault(words[0], []).append(json.loads(out.getvalue()))
        yield printed


@pytest.mark.parametrize("command", [command.name for command in COMMANDS if not command.name.startswith("spaces")])
def test_a_command_prints_what_the_schema_says(documents: Documents, command: str) -> None:
    """Every property is documented, and those that are required are there."""
    assert [] == [fault for document in documents[command] for fault in refuse(document, command)]


def test_spaces_are_printed_as_the_schema_says(
    tmp_path: Path, server: LocalServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They need no project."""
    for name in ("url", "username", "apikey", "ca_bundle"):
        monkeypatch.setenv(f"WML_{name.upper()}", str(getattr(server.info, name)))
    codes = [main(["spaces", "create", "env", tmp_path.name, "--json"]), main(["spaces", "env", "--json"])]
    created, listed = map(json.loads, capsys.readouterr().out.splitlines())

    assert ([0, 0], [], []) == (codes, refuse(created, "spaces create"), refuse(listed, "spaces"))
    assert created["name"] in {space["name"] for space in listed}


def test_every_command_has_its_schema() -> None:
    """And nothing else has one."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    assert {command.name for command in COMMANDS} | SHARED == SCHEMA["$defs"].keys()


def properties(name: str) -> set[str]:
    """The names that a document of the schema has at its top, or those of the items of a list."""
    schema = SCHEMA["$defs"][name]
    parts = [schema, schema.get("items", {}), *schema.get("anyOf", [])[:1]]
    parts += [SCHEMA["$defs"][one["$ref"].rpartition("/")[2]] for part in parts for one in part.get("allOf", [])]
    parts += [SCHEMA["$defs"][part["$ref"].rpartition("/")[2]] for part in parts if "$ref" in part]
    return {key for part in parts for key in part.get("properties", {})}


def test_the_page_has_the_documents_of_the_schema() -> None:
    """Row by row, each with the properties of all its commands."""
    page = (PAGES / "cli.md").read_text(encoding="utf-8").partition("| command | document |")[2].partition("\n\n")[0]
    shown = {}
    for line in page.splitlines()[2:]:
        commands, document = line.strip("| ").split(" | ")
        names = set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", document)))
        shown.update(dict.fromkeys(re.findall(r"`([^`]+)`", commands), names))
    shown["version"] = properties("version")

    assert {command.name: properties(command.name) for command in COMMANDS} == shown


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["status", "PROJECT", "local", "--timeout", "nan"], 2),
        (["status", "PROJECT", "env"], 10),
        (["deploy", "no-such-model.joblib", "PROJECT", "local"], 11),
        (["status", "PROJECT/nowhere", "local"], 10),
    ],
)
def test_a_failure_prints_what_the_schema_says(
    words: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever fails."""
    (tmp_path / "metadata.yaml").write_text("project_name: failing\nproject_version: v1\n", encoding="utf-8")
    with contextlib.suppress(SystemExit):
        assert code == main([word.replace("PROJECT", str(tmp_path)) for word in [*words, "--json"]])
    document = json.loads(capsys.readouterr().out)

    assert ([], code) == (refuse(document, "failure"), document["exit_code"])


def test_what_was_done_is_told(documents: Documents) -> None:
    """A pipeline sees whether anything changed."""
    expected = {
        "deploy": ["deployed"],
        "release": ["unchanged"],
        "promote": ["updated"],
        "rollback": ["rolled back"],
        "scale": ["configured", "unchanged"],
        "update": ["updated"],
    }

    assert expected == {name: [document["action"] for document in documents[name]] for name in expected}


def test_a_schema_that_lacks_a_property_is_noticed(documents: Documents) -> None:
    """The comparison itself: what the schema does not name is told, wherever it stands."""
    changed = {**documents["recover"][0], "versions": [{**documents["recover"][0]["versions"][0], "new": 1}]}

    assert ["Unevaluated properties are not allowed ('new' was unexpected)"] == refuse(changed, "recover")
    assert [] != refuse({**documents["status"][0], "new": 1}, "status")
