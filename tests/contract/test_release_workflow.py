"""The workflow of the guide to CI and the action for it, run step by step as GitHub's runner runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import yaml

from tests.docs.pages import ROOT, steps_of

if TYPE_CHECKING:
    from tests.connect_proxy import ConnectProxy
    from wml_deployer.testing import LocalServer

GUIDE = {step.title: step.code for step in steps_of(ROOT / "docs" / "pages" / "how-to" / "ci.md")}
WORKFLOW = yaml.safe_load(GUIDE[".github/workflows/release.yml"])
ACTION = yaml.safe_load((ROOT / ".github" / "actions" / "release" / "action.yml").read_text(encoding="utf-8"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
REQUIREMENTS = "joblib\npandas\nscikit-learn\n"
"""What is installed already, so that pip asks no index."""


class Checkout:
    """A clone of a repository on a runner of its own.

    Args:
        folder: Where the runner works.
        origin: The repository.
        environment: What is set besides: where the service is.
        names: What ``secrets.WML_APIKEY`` and the like stand for.

    """

    def __init__(self, folder: Path, origin: Path, environment: dict[str, str], names: dict[str, str]) -> None:
        self.folder, self._names = folder / "checkout", names
        self._temporary, self._commits = folder, True
        git(folder, "clone", "--quiet", str(origin), "checkout")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self._environment = {**os.environ, **environment, "PATH": path, "CI": "true", "RUNNER_TEMP": str(folder)}
        self.summary = folder / "summary.md"
        self.said = ""

    def run(self, steps: list[dict[str, Any]], **inputs: str) -> tuple[int, dict[str, str]]:
        """Run steps until one fails, and afterwards those that always run; return the status and the outputs."""
        self._commits = bool(inputs.get("commit_message"))
        self._names.update({f"inputs.{name.replace('_', '-')}": value for name, value in inputs.items()})
        outputs = self._temporary / "outputs"
        failed = 0
        for step in (step for step in steps if "run" in step):
            if self._is_wanted(step.get("if", "success()"), failed):
                failed = self._run(step, outputs) or failed
        lines = outputs.read_text(encoding="utf-8").splitlines() if outputs.exists() else []
        return failed, dict(line.split("=", 1) for line in lines)

    def _is_wanted(self, condition: str, failed: int) -> bool:
        parts = [part.strip() for part in condition.removeprefix("${{").removesuffix("}}").split("&&")]
        answers = {"success()": not failed, "always()": True, "inputs.commit-message != ''": self._commits}
        return all(answers[part] for part in parts)

    def _run(self, step: dict[str, Any], outputs: Path) -> int:
        script = self._temporary / "step.sh"
        script.write_text(self._filled_in(step["run"]), encoding="utf-8")
        own = {name: self._filled_in(str(value)) for name, value in step.get("env", {}).items()}
        files = {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(self.summary)}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        environment = {**self._environment, **own, **files}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=100, check=False
        )
        self.said += f"{done.stdout}{done.stderr}"
        return done.returncode

    def _filled_in(self, text: str) -> str:
        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda match: self._names[match[1]], text)


def git(folder: Path, *words: str) -> str:
    """Run git as somebody who has a name."""
    who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout


class Repository:
    """The guide's project in a bare repository, and the runners that check it out."""

    def __init__(self, folder: Path, environment: dict[str, str], names: dict[str, str]) -> None:
        self._folder, self._environment, self._names = folder, environment, names
        self.origin = folder / "origin.git"
        git(folder, "init", "--quiet", "--bare", str(self.origin))
        git(folder, "clone", "--quiet", str(self.origin), "author")
        self.author = folder / "author"
        named = GUIDE["metadata.yaml"].replace("tumours", f"tumours-{uuid4().hex[:8]}")
        for name, text in {**GUIDE, "metadata.yaml": named, "requirements.txt": REQUIREMENTS}.items():
            if name in {"metadata.yaml", ".gitignore", "train.py", "requirements.txt"}:
                (self.author / name).write_text(text, encoding="utf-8")
        self.push("The project")

    def push(self, message: str) -> None:
        """Commit and push what the author wrote."""
        git(self.author, "add", ".")
        git(self.author, "commit", "--quiet", "--message", message)
        git(self.author, "push", "--quiet", "origin", "HEAD:main")

    def train_otherwise(self, trees: int) -> None:
        """Let the author change the model."""
        git(self.author, "pull", "--quiet", "--rebase", "origin", "main")
        script = (self.author / "train.py").read_text(encoding="utf-8")
        changed = re.sub(r"n_estimators=\d+", f"n_estimators={trees}", script)
        (self.author / "train.py").write_text(changed, encoding="utf-8")
        self.push("Another model")

    def refuse_pushes(self, *, refuse: bool) -> None:
        """Let the repository take no commit, as a protected branch does."""
        hook = self.origin / "hooks" / "pre-receive"
        hook.unlink(missing_ok=True)
        if refuse:
            hook.touch(mode=0o755)
            hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")

    def checkout(self) -> Checkout:
        """Check it out as a new run does."""
        folder = self._folder / uuid4().hex[:8]
        folder.mkdir()
        return Checkout(folder, self.origin, self._environment, {**self._names})

    def file(self, name: str) -> str:
        """Return a file of the branch as it was pushed."""
        return git(self._folder, "--git-dir", str(self.origin), "show", f"main:{name}")


@pytest.fixture
def repository(tmp_path: Path, server: LocalServer, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Set what the guide says, for IBM Cloud, whose hosts are the embedded service here."""
    for name in [name for name in os.environ if name.startswith("WML_") and name != "WML_DEPLOYER_CHECKOUT"]:
        monkeypatch.delenv(name)
    environment = {
        "HTTPS_PROXY": proxy.url,
        "NO_PROXY": "127.0.0.1,localhost",
        "WML_CA_BUNDLE": str(server.info.ca_bundle),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    names = {"secrets.WML_APIKEY": server.info.apikey, "vars.WML_SPACE_ID": server.info.space_id}
    return Repository(tmp_path, environment, names)


def run_action(checkout: Checkout, **given: str) -> tuple[int, dict[str, str]]:
    """Train, and run the action with the variables that its caller sets."""
    subprocess.run([sys.executable, "train.py"], cwd=checkout.folder, check=True, timeout=60)
    inputs = {name.replace("-", "_"): str(facts.get("default", "")) for name, facts in ACTION["inputs"].items()}
    release = WORKFLOW["jobs"]["release"]["steps"][-2]
    steps = [{**step, "env": {**release["env"], **step.get("env", {})}} for step in ACTION["runs"]["steps"]]
    options = "--unpickle\n--sample=sample.csv\n--reason=the $HOME of `models`\n"
    return checkout.run(steps, **{**inputs, "model": "model.joblib", "options": options, **given})


def test_the_guides_workflow_releases_and_commits(repository: Repository) -> None:
    """As it stands there, twice: the second run has nothing to do and nothing to commit."""
    steps = WORKFLOW["jobs"]["release"]["steps"]
    first, second = repository.checkout(), None
    status, _ = first.run(steps)
    assert status == 0, first.said
    recorded = repository.file("metadata.lock")
    second = repository.checkout()
    status, _ = second.run(steps)

    assert status == 0, second.said
    assert ("action: deployed" in first.said, "action: unchanged" in second.said) == (True, True)
    assert re.search(r"^uploading took [\d.]+ s", first.said, re.MULTILINE)
    assert recorded == repository.file("metadata.lock")


def test_a_lost_push_does_not_break_the_next_release(repository: Repository) -> None:
    """The action says so, and the next run learns from the deployment space what is live."""
    repository.refuse_pushes(refuse=True)
    lost = repository.checkout()
    status, outputs = run_action(lost)
    assert (0, "deployed") == (status, outputs.get("action")), lost.said
    repository.refuse_pushes(refuse=False)
    repository.train_otherwise(trees=3)
    following = repository.checkout()
    status, outputs = run_action(following)

    assert (0, "updated", "v2") == (status, outputs.get("action"), outputs.get("version")), following.said
    assert "::warning" in lost.said
    assert ["deploy", "update"] == re.findall(r"action: (\w+)", repository.file("metadata.lock"))
    assert "the $HOME of `models`" in repository.file("metadata.lock")
    assert "Version `v2` is live (updated)" in following.summary.read_text(encoding="utf-8")


def test_a_release_that_fails_fails_the_action(repository: Repository) -> None:
    """With the command's exit code, and the reason in the summary."""
    checkout = repository.checkout()
    status, outputs = run_action(checkout, model="no-such-model.joblib")

    assert (11, {}) == (status, outputs), checkout.said
    assert "The release failed: " in checkout.summary.read_text(encoding="utf-8")
