"""Hints to install an extra name the place that the package itself came from."""

from __future__ import annotations

import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer import _install
from wml_deployer._install import install_command

if TYPE_CHECKING:
    from collections.abc import Callable


class Installed:
    """A distribution of which pip wrote down where it is from."""

    def __init__(self, origin: dict[str, Any] | None) -> None:
        """Keep the origin; None where it is an index."""
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        """Return the file that PEP 610 describes."""
        assert "direct_url.json" == name
        return None if self._origin is None else json.dumps(self._origin)


@pytest.fixture
def installed_from(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any] | None], None]:
    """Pretend that the package was installed from somewhere."""
    return lambda origin: monkeypatch.setattr(_install, "distribution", lambda _: Installed(origin))


@pytest.mark.parametrize(
    ("origin", "what"),
    [
        (None, '"wml_deployer[local]"'),
        (
            {"url": "https://example.com/r", "vcs_info": {"vcs": "git", "commit_id": "4f0a"}},
            '"wml_deployer[local] @ git+https://example.com/r@4f0a"',
        ),
        (
            {"url": "https://example.com/r", "vcs_info": {"vcs": "git", "requested_revision": "v1", "commit_id": "4f"}},
            '"wml_deployer[local] @ git+https://example.com/r@v1"',
        ),
        (
            {"url": "file:///w/wml_deployer-0.1.0-py3-none-any.whl", "archive_info": {}},
            '"wml_deployer[local] @ file:///w/wml_deployer-0.1.0-py3-none-any.whl"',
        ),
        ({"url": "file:///clone", "dir_info": {}}, '"wml_deployer[local] @ file:///clone"'),
        (
            {"url": "file:///clone", "dir_info": {"editable": True}},
            '--editable "wml_deployer[local] @ file:///clone"',
        ),
    ],
)
def test_the_command_names_the_origin(
    origin: dict[str, Any] | None, what: str, installed_from: Callable[[dict[str, Any] | None], None]
) -> None:
    """An index, a repository at its commit, a wheel, a folder."""
    installed_from(origin)

    assert f"python -m pip install {what}" == install_command("local")


def test_without_a_distribution_the_repository_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the source on the path was never installed."""

    def missing(_: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(_install, "distribution", missing)

    assert 'pip install "wml_deployer[wml] @ git+https://' in install_command("wml")
