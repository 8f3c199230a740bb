"""The command line of the embedded service: ``python -m wml_deployer.server``."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer.server.app.launch import console_link, find_running, require_extra
from wml_deployer.server.settings import ServerInfo, Settings
from wml_deployer.server.storage.folder import Folder, ServerStartError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_KEY_VARIABLE = "WML_SERVER_APIKEY"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Args:
        arguments: The arguments after the program's name; those of this process by default.

    Returns:
        0 for success, 2 if the command failed.

    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    # `serve` is the default command.
    if not given or given[0] not in (*_COMMANDS, "-h", "--help"):
        given.insert(0, "serve")
    options = _parser().parse_args(given)
    require_extra()
    return _COMMANDS[options.command](options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wml_deployer.server", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = _command(commands, "serve", "run the service until it is stopped (the default)")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    serve.add_argument("--port", type=int, default=0, help="the port; 0 takes the last one used, or any free one")
    serve.add_argument("--username", default="admin", help="the account's name")
    key = serve.add_mutually_exclusive_group()
    key.add_argument("--apikey-file", type=Path, help=f"file with the account's key; or the variable {_KEY_VARIABLE}")
    key.add_argument("--apikey", help="the key itself; other users of the machine can see it in the process list")
    serve.add_argument("--allow-remote", action="store_true", help="listen on an address that other machines can reach")
    serve.add_argument("--until-unused", action="store_true", help="stop when no process uses the folder any more")
    serve.add_argument("--control", action="store_true", help="offer the control API for tests")
    serve.add_argument("-v", "--verbose", action="store_true", help="log each request")
    _command(commands, "info", "show whether the service runs, and how to reach it")
    _command(commands, "console", "print a link to the console of a running service; it works once, within an hour")
    _command(commands, "reset", "remove all data of a stopped service; its key and certificates stay")
    return parser


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.add_argument("--data-dir", type=Path, default=Path(".wml"), help="the folder of the service")
    return command


def _serve(options: argparse.Namespace) -> int:
    # Deferred: only a server needs these slow imports.
    from wml_deployer.server.app.running import EmbeddedServer  # noqa: PLC0415

    level = logging.INFO if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        server = EmbeddedServer(_settings(options))
    except (ServerStartError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    # A server in the background writes to a log, which must not contain a link.
    server.run(lambda info: _print_info(info, None if options.until_unused else server.console_link()))
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        directory=options.data_dir,
        host=options.host,
        port=options.port,
        username=options.username,
        apikey=_apikey(options),
        allow_remote=options.allow_remote,
        until_unused=options.until_unused,
        controllable=options.control,
    )


def _apikey(options: argparse.Namespace) -> str | None:
    """Return the API key given by the caller; None to use the key of the folder."""
    # Removed from the environment, parts of which the worker processes inherit.
    from_environment = os.environ.pop(_KEY_VARIABLE, None) or None
    if options.apikey is not None:
        sys.stderr.write(
            "Warning: every user of this machine can see --apikey in the process list."
            f" Use --apikey-file or {_KEY_VARIABLE} instead.\n"
        )
        return str(options.apikey)
    if options.apikey_file is not None:
        return str(options.apikey_file.read_text("utf-8", errors="replace").strip())
    return from_environment


def _print_info(info: ServerInfo, link: str | None) -> None:
    """Print how to reach the service: one line of JSON to stdout, and the paths for people to stderr."""
    sys.stdout.write(json.dumps(info.document()) + "\n")
    sys.stdout.flush()
    folder = info.ca_bundle.parent
    sys.stderr.write(
        f"certificate authority: {info.ca_bundle}\nready-made credentials: {folder / 'credentials.yaml'}\n"
    )
    if link is not None:
        sys.stderr.write(f"console (the link works once, within an hour): {link}\n")


def _info(options: argparse.Namespace) -> int:
    """Print how to reach a running service, without the key, which stays in the folder."""
    folder = Folder(options.data_dir.absolute())
    info = find_running(folder)
    if info is None:
        sys.stderr.write(f"No service is running in {folder.path}. Start one with: python -m wml_deployer.server\n")
        return 2
    shown = {key: value for key, value in info.document().items() if key != "apikey"}
    sys.stdout.write(json.dumps({**shown, "credentials": str(folder.credentials)}, indent=2) + "\n")
    return 0


def _console(options: argparse.Namespace) -> int:
    """Print a link to the console. Anybody who can read the key of the folder can get one."""
    folder = Folder(options.data_dir.absolute())
    info = find_running(folder)
    if info is None:
        sys.stderr.write(f"No service is running in {folder.path}. Start one with: python -m wml_deployer.server\n")
        return 2
    sys.stdout.write(console_link(info) + "\n")
    return 0


def _reset(options: argparse.Namespace) -> int:
    from wml_deployer.server.storage.store import reset  # noqa: PLC0415

    try:
        removed = reset(Folder(options.data_dir.absolute()))
    except ServerStartError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"Removed {removed} resources of {options.data_dir}.\n")
    return 0


_COMMANDS = {"serve": _serve, "info": _info, "console": _console, "reset": _reset}


if __name__ == "__main__":
    # Files written by the service and its models are readable by this user only.
    os.umask(0o077)
    # Allow as many connections as the system permits; the default is often 256.
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, min(most, 4096)), most))
    sys.exit(main())
