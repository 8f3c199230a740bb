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

from wml_deployer.server.app.launch import answering, console_link, require_extra
from wml_deployer.server.settings import ServerInfo, Settings
from wml_deployer.server.storage.folder import Folder, ServerStartError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_KEY_VARIABLE = "WML_SERVER_APIKEY"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Args:
        arguments: What follows the program's name; the process's own unless given.

    Returns:
        0 when all went well, 2 when the command could not be done.

    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    # `serve` is what is done without a command.
    if not given or given[0] not in (*_COMMANDS, "-h", "--help"):
        given.insert(0, "serve")
    options = _parser().parse_args(given)
    require_extra()
    return _COMMANDS[options.command](options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wml_deployer.server", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = _command(commands, "serve", "run the service until it is told to end (the default)")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    serve.add_argument("--port", type=int, default=0, help="the port; 0 takes last time's, or any that is free")
    serve.add_argument("--username", default="admin", help="the account's name")
    key = serve.add_mutually_exclusive_group()
    key.add_argument("--apikey-file", type=Path, help=f"file with the account's key; or the variable {_KEY_VARIABLE}")
    key.add_argument("--apikey", help="the key itself, which other users of the machine see in the list of processes")
    serve.add_argument("--allow-remote", action="store_true", help="listen on an address that others reach")
    serve.add_argument("--until-unused", action="store_true", help="stop when no process uses the folder any more")
    serve.add_argument("--control", action="store_true", help="offer the control API for tests")
    serve.add_argument("-v", "--verbose", action="store_true", help="log one line a request")
    _command(commands, "info", "say whether the service runs, and how to reach it")
    _command(commands, "console", "give a link to the page of a running service; it is good once, for an hour")
    _command(commands, "reset", "remove all data of a service that does not run; key and certificates stay")
    return parser


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.add_argument("--data-dir", type=Path, default=Path(".wml"), help="the folder that the service has")
    return command


def _serve(options: argparse.Namespace) -> int:
    # The imports of a server are paid for by those who run one.
    from wml_deployer.server.app.running import EmbeddedServer  # noqa: PLC0415

    level = logging.INFO if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        server = EmbeddedServer(_settings(options))
    except (ServerStartError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    # One that nobody started by hand writes into a log, where a link has no business.
    server.run(lambda info: _tell(info, None if options.until_unused else server.console_link()))
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        directory=options.data_dir,
        host=options.host,
        port=options.port,
        username=options.username,
        apikey=_given_key(options),
        allow_remote=options.allow_remote,
        until_unused=options.until_unused,
        controllable=options.control,
    )


def _given_key(options: argparse.Namespace) -> str | None:
    """Return the key that the caller chose; None where the folder's own is to be used."""
    # Taken out of the environment, which the processes of the models inherit parts of.
    from_environment = os.environ.pop(_KEY_VARIABLE, None) or None
    if options.apikey is not None:
        sys.stderr.write(
            "warning: every user of this machine sees --apikey in the list of processes;"
            f" use --apikey-file or {_KEY_VARIABLE} instead\n"
        )
        return str(options.apikey)
    if options.apikey_file is not None:
        return str(options.apikey_file.read_text("utf-8", errors="replace").strip())
    return from_environment


def _tell(info: ServerInfo, link: str | None) -> None:
    """Say on the standard output, in one line of JSON, how to reach the service, and for people where the files are."""
    sys.stdout.write(json.dumps(info.document()) + "\n")
    sys.stdout.flush()
    folder = info.ca_bundle.parent
    sys.stderr.write(
        f"certificate authority: {info.ca_bundle}\nready-made credentials: {folder / 'credentials.yaml'}\n"
    )
    if link is not None:
        sys.stderr.write(f"console (the link is good once, for an hour): {link}\n")


def _info(options: argparse.Namespace) -> int:
    """Show what a running service announced; the key stays in the folder's files."""
    folder = Folder(options.data_dir.absolute())
    info = answering(folder)
    if info is None:
        sys.stderr.write(f"No service runs on {folder.path}.\n")
        return 2
    shown = {key: value for key, value in info.document().items() if key != "apikey"}
    sys.stdout.write(json.dumps({**shown, "credentials": str(folder.credentials)}, indent=2) + "\n")
    return 0


def _console(options: argparse.Namespace) -> int:
    """Give a link to the console; whoever can read the folder's key gets one."""
    folder = Folder(options.data_dir.absolute())
    info = answering(folder)
    if info is None:
        sys.stderr.write(f"No service runs on {folder.path}.\n")
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
    # What the service, and the models that it runs, write is for this user's eyes only.
    os.umask(0o077)
    # As many connections as the system allows: what it gives without being asked is often 256.
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, min(most, 4096)), most))
    sys.exit(main())
