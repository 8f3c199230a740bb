"""Commands on the past of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer._command_line.arguments import CREDENTIALS, PROJECT, TIMEOUT, unicode
from wml_deployer._command_line.command import Result, argument, command, open_project
from wml_deployer._command_line.output import as_table, jsonable

if TYPE_CHECKING:
    import argparse

__all__ = ["diff", "history", "prune", "recover"]


@command("tell what was live, when, and why", PROJECT, CREDENTIALS, TIMEOUT)
def history(given: argparse.Namespace) -> Result:
    """List what was live."""
    with open_project(given) as deployer:
        rows = jsonable(deployer.history().to_dict("records"))
    return Result(rows, None if rows else "Nothing was live yet.")


@command(
    "compare two stored versions: parameters, libraries, schema, classes, metrics",
    *(PROJECT, CREDENTIALS, TIMEOUT),
    argument("one", type=unicode, help="version, revision or digest"),
    argument("other", type=unicode, help="another one"),
)
def diff(given: argparse.Namespace) -> Result:
    """Compare two versions."""
    with open_project(given) as deployer:
        differences = deployer.diff(given.one, given.other)
    one, other = map(str, differences.columns)
    rows: list[dict[str, Any]] = [
        {"part": part, "name": name, "one": ours, "other": theirs}
        for (part, name), ours, theirs in differences.itertuples(name=None)
    ]
    shown = [{"part": row["part"], "name": row["name"], one: row["one"], other: row["other"]} for row in rows]
    text = as_table(shown) if rows else f"{one} and {other} do not differ."
    return Result({"one": one, "other": other, "differences": rows}, text)


@command("rebuild metadata.lock from the deployment space", PROJECT, CREDENTIALS, TIMEOUT)
def recover(given: argparse.Namespace) -> Result:
    """Rebuild metadata.lock."""
    with open_project(given) as deployer:
        metadata = deployer.recover(timeout=given.timeout)
    versions = [
        {"version": each.name, "model_id": each.model_id, "revision": each.revision, "digest": each.digest}
        for each in metadata.versions
    ]
    live = metadata.log[-1].to_version if metadata.log else None
    document = {"deployment_id": metadata.deployment_uid, "live": live, "versions": versions}
    names = ", ".join(version["version"] for version in versions) or "none"
    return Result(document, f"live: {live or 'nothing'}\nversions: {names}")


@command(
    "delete old models from the service",
    *(PROJECT, CREDENTIALS, TIMEOUT),
    argument("--keep", type=int, default=3, metavar="N", help="how many of the newest versions stay; 3 by default"),
    argument(
        "--named",
        type=unicode,
        action="append",
        default=[],
        metavar="VERSION",
        help="another version, revision or digest that stays; repeatable",
    ),
)
def prune(given: argparse.Namespace) -> Result:
    """Delete old models."""
    with open_project(given) as deployer:
        deleted = deployer.prune(given.keep, named=given.named, timeout=given.timeout)
    return Result({"deleted": list(deleted)}, f"deleted: {', '.join(deleted) or 'nothing'}")
