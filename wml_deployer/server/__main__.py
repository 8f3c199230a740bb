"""The command line of the embedded service: ``python -m wml_deployer.server``."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wml_deployer.server.launch import require_extra
from wml_deployer.server.settings import ServerInfo, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_COMMANDS = ("serve",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # `serve` is what is done without a command.
    if not given or given[0] not in (*_COMMANDS, "-h", "--help"):
        given.insert(0, "serve")
    return _serve(_parser().parse_args(given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wml_deployer.server", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the service until it is told to end (the default)")
    serve.add_argument("--data-dir", type=Path, default=Path(".wml"), help="the folder that it keeps everything in")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    serve.add_argument("--port", type=int, default=0, help="the port; 0 takes last time's, or any that is free")
    serve.add_argument("--username", default="admin", help="the account's name")
    serve.add_argument("--apikey", help="the account's key; without it the folder's own, made at the first start")
    serve.add_argument("--allow-remote", action="store_true", help="listen on an address that others reach")
    serve.add_argument("--until-unused", action="store_true", help="stop when no process uses the folder any more")
    serve.add_argument("--control", action="store_true", help="offer the control API for tests")
    serve.add_argument("-v", "--verbose", action="store_true", help="log one line a request")
    return parser


def _serve(options: argparse.Namespace) -> int:
    require_extra()
    # The imports of a server are paid for by those who run one.
    from wml_deployer.server.folder import FolderInUseError  # noqa: PLC0415
    from wml_deployer.server.running import EmbeddedServer, RemoteAddressError  # noqa: PLC0415

    level = logging.INFO if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        server = EmbeddedServer(_settings(options))
    except (FolderInUseError, RemoteAddressError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    server.run(_tell)
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        directory=options.data_dir,
        host=options.host,
        port=options.port,
        username=options.username,
        apikey=options.apikey,
        allow_remote=options.allow_remote,
        until_unused=options.until_unused,
        controllable=options.control,
    )


def _tell(info: ServerInfo) -> None:
    sys.stdout.write(json.dumps(info.document()) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
