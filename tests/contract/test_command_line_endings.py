"""Whatever is typed and wherever the output goes, a command ends with a message, an exit code and no traceback."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import joblib
import pytest

from tests.credentials_file import credential_variables, write_credentials
from wml_deployer import Deployer
from wml_deployer._command_line import COMMANDS, main, output

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from wml_deployer.testing import LocalServer


class Shell:
    """A project whose commands are run.

    Args:
        folder: Where its files are.
        server: The service.
        capsys: What is printed.

    """

    def __init__(self, folder: Path, server: LocalServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.metadata = folder / "metadata.yaml"
        self.metadata.write_text(f"project_name: {folder.name}\nproject_version: v0.1\nmodel_type: scikit-learn_1.6\n")
        self.credentials = folder / "credentials.yaml"
        write_credentials(self.credentials, server.info)
        self._capsys = capsys

    def words(self, command: str, *options: str, model: Any = None) -> list[str]:
        """Return the words of a command on this project."""
        models = []
        if model is not None:
            joblib.dump(model, self.folder / "model.joblib")
            models = [str(self.folder / "model.joblib")]
        return [command, *models, str(self.folder), str(self.credentials), *options]

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run a command in this process; return its exit code and what it printed."""
        self._capsys.readouterr()
        code = main(words)
        return code, *self._capsys.readouterr()

    def process(self, words: list[Any], **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a command as a process of its own."""
        command = [sys.executable, "-m", "wml_deployer", *words]
        return subprocess.run(command, timeout=90, check=False, stderr=subprocess.PIPE, **options)


@pytest.fixture
def shell(tmp_path: Path, server: LocalServer, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Open a new project."""
    return Shell(tmp_path, server, capsys)


@pytest.mark.parametrize(
    "options",
    [
        ["--timeout", "nan"],
        ["--timeout", "0"],
        ["--timeout=-1"],
        ["--timeout", "inf"],
        ["--timeout", "soon"],
        ["--reason", os.fsdecode(b"caf\xe9")],
        ["--to", os.fsdecode(b"\xff")],
        ["--nonsense"],
    ],
)
def test_wrong_arguments_are_a_document_too(shell: Shell, options: list[str]) -> None:
    """With ``--json`` a pipeline reads what is wrong, and the code is that of every program of Unix."""
    code, out, err = shell.run(*shell.words("rollback", "--json", *options))

    document = json.loads(out)
    assert (2, 2, "UsageError") == (code, document["exit_code"], document["error"]["type"])
    assert err.startswith("usage: wml-deployer ")


def test_without_json_wrong_arguments_print_nothing_else(shell: Shell) -> None:
    """Standard output stays empty."""
    assert (2, "") == shell.run(*shell.words("rollback", "--timeout", "nan"))[:2]


def test_a_closed_pipe_does_not_undo_what_was_done(shell: Shell, model: Any) -> None:
    """The reader has gone; the work is done, and the exit code says so."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = shell.process(shell.words("deploy", model=model), stdout=closed)

    assert (0, False) == (done.returncode, b"Traceback" in done.stderr)


def test_an_ascii_terminal_is_written_to(shell: Shell, model: Any) -> None:
    """What it cannot show is escaped."""
    shell.run(*shell.words("deploy", "--reason", "aprovação", model=model))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = shell.process(shell.words("history"), stdout=subprocess.PIPE, env=environment)

    assert (0, True) == (done.returncode, rb"aprova\xe7\xe3o" in done.stdout)


def test_escape_sequences_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither from a name nor from a reason, which anybody who may change the project can write."""
    output.write_line("v1\x1b[2J\x07\x9b31m\ttabs and\nlines stay", sys.stdout)

    assert "v1\\x1b[2J\\x07\\x9b31m\ttabs and\nlines stay\n" == capsys.readouterr().out


@pytest.mark.parametrize("options", [["--name", "v\x1b[31m"], ["--reason", "\x1b]0;title\x07"]])
def test_escape_sequences_are_refused_before_anything_is_done(shell: Shell, model: Any, options: list[str]) -> None:
    """They would be in the history for good."""
    code, out, err = shell.run(*shell.words("deploy", *options, model=model))

    assert (True, False) == (code in {10, 11}, "\x1b" in out + err)
    assert 12 == shell.run(*shell.words("status"))[0]


def test_no_argument_takes_a_secret() -> None:
    """Every user of a machine sees the arguments of its processes."""
    names = [name for command in COMMANDS for argument in command.arguments for name in argument.names]

    assert len(names) > 50
    assert [] == [name for name in names if re.search("key|token|password|secret", name)]


def test_ci_gets_a_line_for_each_stage(shell: Shell, model: Any) -> None:
    """On standard error, and nothing else there."""
    done = shell.process(shell.words("deploy", model=model), stdout=subprocess.PIPE, env={**os.environ, "CI": "true"})
    stages = re.findall(r"^(\w+) took [\d.]+ s", done.stderr.decode(), re.MULTILINE)

    assert (0, ["packing", "connecting", "uploading", "waiting", "rollout"]) == (done.returncode, stages)
    assert len(stages) == len(done.stderr.splitlines())


def test_credentials_can_be_in_the_environment_alone(
    shell: Shell, model: Any, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The word ``env`` says so; a file of the project's folder is not read."""
    shell.run(*shell.words("deploy", model=model))
    shell.credentials.write_text("nonsense: true", encoding="utf-8")
    for name, value in credential_variables(server.info).items():
        monkeypatch.setenv(name, value)
    words = ["status", str(shell.folder)]

    assert (0, 10) == (shell.run(*words, "env")[0], shell.run(*words, str(shell.credentials))[0])


@pytest.mark.parametrize("as_json", [False, True])
def test_a_local_service_that_cannot_start_is_no_traceback(shell: Shell, as_json: bool) -> None:
    """Its folder is damaged."""
    (shell.folder / ".wml").mkdir()
    (shell.folder / ".wml" / "service.sqlite3").write_bytes(b"not a database" * 1000)
    code, out, err = shell.run("status", str(shell.folder), "local", *(["--json"] if as_json else []))

    assert (10, False, as_json) == (code, "Traceback" in err, bool(out))


def test_a_fault_of_the_program_is_a_document(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its traceback on standard error."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(Deployer, "status", fail)
    code, out, err = shell.run(*shell.words("status", "--json"))

    error = json.loads(out)["error"]
    assert (1, "ZeroDivisionError", "a mistake of ours") == (code, error["type"], error["message"])
    assert "Traceback" in err


def test_an_interrupt_says_what_serves(shell: Shell, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C has a code of its own."""
    shell.run(*shell.words("deploy", model=model))

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wml_deployer._rollout.project.Project.require_deployment", interrupt)
    code, _, err = shell.run(*shell.words("status"))

    assert (130, True) == (code, "version v0.1 serves" in err)


def deployed(shell: Shell, model: Any, better: Any) -> None:
    """Deploy a version, so that the next command meets it."""
    del better
    shell.run(*shell.words("deploy", model=model))


def nothing(shell: Shell, model: Any, better: Any) -> None:
    """Leave the project as it is, with a model beside it."""
    del better
    shell.words("deploy", model=model)


NEXT_STEPS: dict[str, tuple[Callable[[Shell, Any, Any], None], Callable[[Shell, Any], list[str]], int]] = {
    "deploy first": (nothing, lambda shell, _: shell.words("status"), 12),
    "update in place of deploy": (deployed, lambda shell, better: shell.words("deploy", model=better), 13),
    "deploy in place of update": (nothing, lambda shell, better: shell.words("update", model=better), 12),
}


@pytest.mark.parametrize("name", NEXT_STEPS)
def test_the_next_step_is_a_command_that_works(shell: Shell, model: Any, better: Any, name: str) -> None:
    """It is followed to the letter; MODEL alone is filled in."""
    prepare, words, expected = NEXT_STEPS[name]
    prepare(shell, model, better)
    code, out, _ = shell.run(*words(shell, better), "--json")
    step = json.loads(out)["error"]["next_step"]
    command = shlex.split(re.findall("`wml-deployer ([^`]*)`", step)[0])
    path = str(shell.folder / "model.joblib")
    followed = shell.run(*(path if word == "MODEL" else word for word in command))

    assert (expected, 0) == (code, followed[0]), followed


def test_a_longer_time_is_a_flag(shell: Shell, model: Any, server: LocalServer, features: pd.DataFrame) -> None:
    """Not an argument of Python."""
    del features
    shell.run(*shell.words("deploy", model=model))
    server.fault("GET", "/ml/v4/deployments", stall=10, times=None)
    try:
        code, out, _ = shell.run(*shell.words("status", "--json", "--timeout", "0.5"))
    finally:
        server.clear_faults()

    assert (16, "Give it more with --timeout, in seconds.") == (code, json.loads(out)["error"]["next_step"])
