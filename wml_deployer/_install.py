"""The command that installs an extra of this package, from where the package itself came."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

__all__ = ["install_command"]

_NAME = "wml_deployer"
_REPOSITORY = "git+https://github.com/MLOpsStudyGroup/wml_deployer"


def install_command(extra: str) -> str:
    """Return a command that adds an extra to this installation.

    pip writes down where it took a package from, unless that was an index (PEP 610). The command names the same place:
    the folder of an editable installation, a wheel, a repository at its commit.

    Args:
        extra: Name of the extra.

    Example:
        >>> install_command("plot")
        'python -m pip install ...wml_deployer[plot]...'

    """
    try:
        recorded = distribution(_NAME).read_text("direct_url.json")
    except PackageNotFoundError:
        return _install(extra, _REPOSITORY)
    origin = json.loads(recorded) if recorded else {}
    if not isinstance(origin.get("url"), str):
        return _install(extra)
    return _install(extra, _url(origin), editable=origin.get("dir_info", {}).get("editable", False))


def _install(extra: str, url: str | None = None, *, editable: bool = False) -> str:
    option, place = "--editable " if editable else "", f" @ {url}" if url else ""
    return f'python -m pip install {option}"{_NAME}[{extra}]{place}"'


def _url(origin: dict[str, Any]) -> str:
    vcs = origin.get("vcs_info", {})
    if not vcs.get("vcs"):
        return str(origin["url"])
    revision = vcs.get("requested_revision") or vcs.get("commit_id")
    return f"{vcs['vcs']}+{origin['url']}{f'@{revision}' if revision else ''}"
