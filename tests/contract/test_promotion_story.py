"""From a laptop to production: local, a staging space, production on another service, and back in production alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import joblib
import pytest

from tests.contract.conftest import METADATA
from tests.contract.processes import ROWS, model
from wml_deployer import Deployer, load_credentials
from wml_deployer._command_line import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STAGES = ("local", "staging.yaml", "production.yaml")
CREDENTIALS = {
    "staging.yaml": "url: local\ndirectory: project/.wml\nspace: staging\n",
    "production.yaml": "url: local\ndirectory: production\nspace: production\n",
}
HISTORIES = [
    [("deploy", "v1", None), ("update", "v2", None)],
    [("deploy", "v1", "Default space"), ("update", "v2", "Default space")],
    [("deploy", "v1", "staging"), ("update", "v2", "staging"), ("rollback", "v1", "staging")],
]
"""What each stage's history says: action, version, and the space that the version was taken from."""


class Library:
    """Each step as a call of the library."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, credentials: str, name: str) -> Any:
        """Create a space."""
        from wml_deployer import create_space  # noqa: PLC0415 - beside the only use

        return create_space(load_credentials(self._folder / credentials), name).state

    def open(self, stage: str) -> Deployer:
        """Open the project at a stage."""
        metadata = self._folder / "project" / "metadata.yaml"
        return Deployer.local(metadata) if stage == "local" else Deployer.from_files(self._folder / stage, metadata)

    def release(self, number: int) -> Any:
        """Train a model, and release it where the project is."""
        with self.open("local") as local:
            return local.release(model(number), sample=ROWS, version=f"v{number}").version

    def promote(self, version: str, source: str, target: str) -> Any:
        """Take a version from one stage to the next."""
        with self.open(source) as there, self.open(target) as here:
            return here.release(there.version(version), reason="approved").version

    def roll_back(self, stage: str) -> Any:
        """Serve the version before."""
        with self.open(stage) as deployer:
            return deployer.rollback(reason="too slow").version

    def history(self, stage: str) -> list[dict[str, Any]]:
        """List what was live."""
        with self.open(stage) as deployer:
            found = deployer.history()
            return [{str(k): v for k, v in row.items()} for row in found.where(found.notna(), None).to_dict("records")]

    def live(self) -> list[Any]:
        """Say what is live in which space."""
        with self.open("local") as deployer:
            found: list[Any] = deployer.spaces()[["space", "version"]].to_numpy().tolist()
        return found


class CommandLine:
    """Each step as a command, which says one JSON document."""

    def __init__(self, folder: Path, said: Callable[[], str]) -> None:
        self._folder, self._said = folder, said

    def _run(self, *words: str) -> Any:
        def placed(word: str) -> str:
            return str(self._folder / word) if word == "project" or word.endswith((".yaml", ".joblib")) else word

        assert main([*map(placed, words), "--json"]) == 0
        return json.loads(self._said())

    def create(self, credentials: str, name: str) -> Any:
        """Create a space."""
        return self._run("spaces", "create", credentials, name)["state"]

    def release(self, number: int) -> Any:
        """Train a model, and release it where the project is."""
        joblib.dump(model(number), self._folder / "model.joblib")
        ROWS.to_csv(self._folder / "rows.csv", index=False)
        options = ("--unpickle", "--name", f"v{number}", "--sample", str(self._folder / "rows.csv"))
        return self._run("release", "model.joblib", "project", "local", *options)["version"]

    def promote(self, version: str, source: str, target: str) -> Any:
        """Take a version from one stage to the next."""
        return self._run("release", version, "project", target, "--from", source, "--reason", "approved")["version"]

    def roll_back(self, stage: str) -> Any:
        """Serve the version before."""
        return self._run("rollback", "project", stage, "--reason", "too slow")["version"]

    def history(self, stage: str) -> list[dict[str, Any]]:
        """List what was live."""
        found: list[dict[str, Any]] = self._run("history", "project", stage)
        return found

    def live(self) -> list[Any]:
        """Say what is live in which space."""
        return [[one["space"], one["version"]] for one in self._run("status", "project", "local", "--all")]


@pytest.mark.parametrize("way", ["library", pytest.param("command line", marks=pytest.mark.slow)])
def test_from_a_laptop_to_production(way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two versions go all the way, production alone goes back, and every history is right."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "metadata.yaml").write_text(METADATA.format(project="story"), encoding="utf-8")
    for name, text in CREDENTIALS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    steps = Library(tmp_path) if way == "library" else CommandLine(tmp_path, lambda: capsys.readouterr().out)

    states = [steps.create("staging.yaml", "staging"), steps.create("production.yaml", "production")]
    versions = []
    for number in (1, 2):
        versions += [
            steps.release(number),
            steps.promote(f"v{number}", "local", "staging.yaml"),
            steps.promote(f"v{number}", "staging.yaml", "production.yaml"),
        ]
    versions.append(steps.roll_back("production.yaml"))
    told = [steps.history(stage) for stage in STAGES]

    assert (["active"] * 2, ["v1"] * 3 + ["v2"] * 3 + ["v1"]) == (states, versions)
    assert HISTORIES == [
        [(line["action"], line["to"], line["origin"] and line["origin"].partition(":")[0]) for line in lines]
        for lines in told
    ]
    assert {"passed"} == {line["verification"] for lines in told for line in lines}
    assert [["Default space", "v2"], ["production", "v1"], ["staging", "v2"]] == sorted(steps.live())
