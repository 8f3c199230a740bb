"""What is said of the tools in two places is the same in both."""

from __future__ import annotations

from pathlib import Path

import tomli
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_commit_hooks_run_the_ruff_of_the_lint_session() -> None:
    """A commit that the hooks let through passes ``nox -s lint``."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    pinned = [hook["additional_dependencies"] for hook in hooks if hook["language"] == "python"]

    assert [PROJECT["dependency-groups"]["lint"]] * 2 == pinned


def test_classifiers_are_the_pythons_that_can_install_it() -> None:
    """The Pythons of the classifiers, which the test matrix reads, are those that requires-python lets in."""
    prefix = "Programming Language :: Python :: "
    named = [name.removeprefix(prefix) for name in PROJECT["project"]["classifiers"] if name.startswith(prefix)]
    minors = sorted(int(name.partition(".")[2]) for name in named if "." in name)

    assert f">=3.{minors[0]},<3.{minors[-1] + 1}" == PROJECT["project"]["requires-python"]
