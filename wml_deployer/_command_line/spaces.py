"""Commands on deployment spaces, which need credentials and no project."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from wml_deployer._command_line.arguments import CREDENTIALS, TIMEOUT, unicode
from wml_deployer._command_line.command import Result, argument, command, read_credentials

if TYPE_CHECKING:
    import argparse

__all__ = ["create", "spaces"]


@command("list the deployment spaces that the key sees", CREDENTIALS, TIMEOUT)
def spaces(given: argparse.Namespace) -> Result:
    """List the spaces."""
    from wml_deployer.spaces import list_spaces  # noqa: PLC0415 - --help answers at once

    found = list_spaces(read_credentials(given.credentials), timeout=given.timeout)
    rows = found.astype(object).where(found.notna(), None).to_dict("records")
    return Result([{str(name): value for name, value in row.items()} for row in rows], None if rows else "None.")


@command(
    "create a deployment space, and wait until it is active",
    CREDENTIALS,
    argument("space", type=unicode, help="its name"),
    TIMEOUT,
    argument("--description", type=unicode, help="what it is for"),
    argument("--runtime", type=unicode, metavar="NAME", help="runtime instance on IBM Cloud, by name or CRN"),
    argument("--storage", type=unicode, metavar="NAME", help="object storage instance on IBM Cloud, by name or CRN"),
    argument("--production", action="store_true", help="mark it as a space for production"),
    name="spaces create",
)
def create(given: argparse.Namespace) -> Result:
    """Create a space."""
    from wml_deployer.spaces import create_space  # noqa: PLC0415 - --help answers at once

    made = create_space(
        read_credentials(given.credentials),
        given.space,
        description=given.description,
        runtime=given.runtime,
        storage=given.storage,
        production=given.production,
        timeout=given.timeout,
    )
    return Result(asdict(made))
