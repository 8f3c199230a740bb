"""The data folder of the service: its paths, locks, permissions, key, and the announcement of a running server."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

import orjson

from wml_deployer.server.settings import ServerInfo

__all__ = [
    "Folder",
    "FolderInUseError",
    "FolderNotPrivateError",
    "InvalidKeyError",
    "Lock",
    "ServerStartError",
    "write_atomically",
]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class ServerStartError(RuntimeError):
    """The embedded service did not start; the message says why."""


class FolderInUseError(ServerStartError):
    """Another server is using the folder."""


class FolderNotPrivateError(ServerStartError):
    """Other users of the machine can read the folder, and its permissions cannot be changed."""


class InvalidKeyError(ServerStartError):
    """The given API key is invalid."""


class Lock:
    """An advisory lock on a file, which the kernel releases when its holder ends.

    Args:
        path: The file; created if missing.

    """

    def __init__(self, path: Path) -> None:
        """Open the file."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self, *, shared: bool = False, wait: bool = False) -> bool:
        """Take the lock; return whether that succeeded."""
        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Release the lock and close the file."""
        os.close(self._descriptor)


@dataclass(frozen=True)
class Folder:
    """The data folder of a service.

    Attributes:
        path: Path of the folder.

    """

    path: Path

    def prepare(self) -> None:
        """Create the folder if missing, deny access to other users, and exclude it from version control.

        Raises:
            FolderNotPrivateError: It belongs to another user, or its file system does not support permissions.

        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.stat().st_uid != os.geteuid() != 0:
            raise FolderNotPrivateError(
                f"The folder {self.path} belongs to another user, who could read the keys of the service."
                " Choose a folder of your own."
            )
        # Whoever created it, and with any umask: it contains keys, and models that run as this user.
        for path in (self.path, *self.path.iterdir()):
            _deny_others(path)
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            write_atomically(ignore, b"*\n")

    @property
    def database(self) -> Path:
        """Path of the database."""
        return self.path / "service.sqlite3"

    @property
    def blobs(self) -> Path:
        """Path of the uploaded contents."""
        return self.path / "blobs"

    @property
    def running(self) -> Path:
        """Path where worker pools unpack models."""
        return self.path / "running"

    @property
    def log(self) -> Path:
        """Path of the log of a background server."""
        return self.path / "server.log"

    @property
    def credentials(self) -> Path:
        """Path of a credentials file for the running service."""
        return self.path / "credentials.yaml"

    def server_lock(self) -> Lock:
        """Return the lock of the server."""
        return Lock(self.path / "server.lock")

    def users_lock(self) -> Lock:
        """Return the lock that is shared by all processes that use the service."""
        return Lock(self.path / "users.lock")

    def start_lock(self) -> Lock:
        """Return the lock that is held while finding or starting a server."""
        return Lock(self.path / "start.lock")

    def apikey(self, given: str | None) -> str:
        """Return the API key: the given one, which is stored, or else the stored one, which is created the first time.

        Raises:
            InvalidKeyError: The given key is empty, or not printable ASCII without spaces.

        """
        path = self.path / "apikey"
        if given is not None and not _is_key(given):
            raise InvalidKeyError("The API key must be one or more printable ASCII characters without spaces.")
        stored = path.read_text("utf-8") if given is None and path.exists() else ""
        if _is_key(stored):
            return stored
        key = given or secrets.token_urlsafe(32)
        write_atomically(path, key.encode())
        return key

    def announce(self, info: ServerInfo) -> None:
        """Write how to reach the server to files that only their owner can read."""
        write_atomically(self._announcement, orjson.dumps({**info.document(), "pid": os.getpid()}))
        # A JSON string is a YAML string, too.
        lines = [
            "kind: software",
            *(f"{key}: {orjson.dumps(value).decode()}" for key, value in info.document().items()),
        ]
        write_atomically(self.credentials, "\n".join([*lines, ""]).encode())

    def announced(self) -> ServerInfo | None:
        """Return how to reach the server, if one has announced itself."""
        try:
            document = orjson.loads(self._announcement.read_bytes())
        except FileNotFoundError:
            return None
        return ServerInfo(
            **{key: value for key, value in document.items() if key not in ("ca_bundle", "pid")},
            ca_bundle=Path(document["ca_bundle"]),
        )

    def withdraw(self) -> None:
        """Remove the announcement."""
        self._announcement.unlink(missing_ok=True)
        self.credentials.unlink(missing_ok=True)

    @property
    def _announcement(self) -> Path:
        return self.path / "server.json"


def _deny_others(path: Path) -> None:
    """Remove all permissions of group and others.

    Raises:
        FolderNotPrivateError: They cannot be removed, for example since the file system does not support permissions.

    """
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) or not mode & _OTHERS:
            return
        path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
        open_to_others = path.lstat().st_mode & _OTHERS
    except FileNotFoundError:  # a running service replaces its files
        return
    except PermissionError:
        open_to_others = _OTHERS
    if open_to_others:
        raise FolderNotPrivateError(
            f"Other users can read {path}, and its permissions cannot be changed. Choose a folder on a file system that"
            " supports permissions."
        )


def _is_key(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file atomically, readable by its owner only."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise
