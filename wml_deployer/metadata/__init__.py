"""A project's two files: metadata.yaml, which is the user's, and metadata.lock beside it, which is the library's.

``metadata.yaml`` is the tutorial's: ``project_name``, ``project_version``, ``model_type``, ``model_uid``,
``deployment_uid``, and whatever else its authors keep there. The library writes ``model_uid`` and ``deployment_uid``
into it and changes no other byte. What it knows of the project's versions and of what was live stands in
``metadata.lock``, for each deployment space that the project is used with.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock, Timeout

from wml_deployer._yaml import YamlDocument, read
from wml_deployer.errors import ConflictError, MetadataError
from wml_deployer.metadata._document import IDS, edit, editing_faults, new_document, read_values, with_line
from wml_deployer.metadata._lock_file import dump_states, parse_states
from wml_deployer.metadata._records import (
    LogEntry,
    Metadata,
    Origin,
    Pending,
    Route,
    ServingOptions,
    SpaceState,
    Version,
    name_fault,
    unwritable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "LOCAL",
    "LogEntry",
    "Metadata",
    "MetadataFile",
    "Origin",
    "Pending",
    "Route",
    "ServingOptions",
    "Space",
    "Version",
    "name_fault",
    "unwritable",
]

LOCAL = "local"
"""What every embedded service is called in metadata.lock."""

_STATE = ("serving", "pending", "versions", "retired", "log")
"""What :class:`Metadata` has of a space in metadata.lock, beside the ids."""


class Space(NamedTuple):
    """A deployment space, as far as it is known before anybody asked the service.

    Attributes:
        service: URL of the service; ``"local"`` for the embedded one.
        id: Id of the space; ``None`` where only its name is known, or nothing yet.
        name: Name of the space, where it was given one to find it by.

    Example:
        >>> Space("https://eu-de.ml.cloud.ibm.com", name="churn-production").id is None
        True

    """

    service: str
    id: str | None = None
    name: str | None = None

    def is_of(self, state: SpaceState) -> bool:
        """Return whether this may be the space that a state is of."""
        if self.service != state.service:
            return False
        if self.id is not None:
            return self.id == state.space
        return self.name is None or state.name is None or self.name == state.name


class MetadataFile:
    r"""metadata.yaml on the disk, and metadata.lock beside it.

    Args:
        path: Where metadata.yaml is; a relative path means the current working directory.
        space: The deployment space that is worked with; the only one of the file if not given.
        ask: Finds the space with its id, by asking the service if need be; returns ``None`` if it does not exist yet.

    Attributes:
        path: The absolute path of metadata.yaml.
        space: The deployment space.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
        >>> _ = path.write_text("project_name: churn  # renamed in May\nproject_version: 0.10\n")
        >>> file = MetadataFile(path, Space("local", "3fa2"))
        >>> with file.lock():
        ...     file.write(file.read().model_copy(update={"model_uid": "9d0e"}))
        >>> print(path.read_text())
        project_name: churn  # renamed in May
        project_version: 0.10
        model_uid: 9d0e
        <BLANKLINE>

    """

    def __init__(
        self, path: str | os.PathLike[str], space: Space | None = None, ask: Callable[[], Space | None] | None = None
    ) -> None:
        """Name the file; nothing is read yet."""
        self.path = Path(path).expanduser().absolute()
        self.space = space
        self._ask = ask
        self._document: YamlDocument | None = None
        self._states: tuple[bytes | None, tuple[SpaceState, ...]] = None, ()

    @property
    def directory(self) -> Path:
        """The folder that the file is in."""
        return self.path.parent

    @property
    def lock_path(self) -> Path:
        """The path of metadata.lock."""
        return self.path.resolve().with_suffix(".lock")

    @property
    def stamp(self) -> tuple[int, int]:
        """A value that changes whenever one of the two files does."""
        lock = self.lock_path
        return self.path.stat().st_mtime_ns, lock.stat().st_mtime_ns if lock.exists() else 0

    def read(self, lost: Metadata | None = None) -> Metadata:
        """Read both files.

        Args:
            lost: What metadata.yaml said, where it is no longer there.

        Returns:
            What metadata.yaml says, with what metadata.lock has of the space.

        Raises:
            MetadataError: One of them is missing or malformed; ``faults`` has all of it.

        """
        begun = lost if lost is not None and not self.path.exists() else self.read_yaml()
        states = self._read_states()
        state = self._state(states)
        others = [other for other in states if other is not state]
        return begun.model_copy(update=_known(begun, state, others))

    def read_yaml(self) -> Metadata:
        """Read metadata.yaml alone.

        Raises:
            MetadataError: It is missing or malformed; ``faults`` has all of it.

        """
        document = self._open()
        found, faults = read_values(document)
        metadata = None
        try:
            metadata = Metadata(**found)
        except MetadataError as error:
            faults += [with_line(fault, document) for fault in error.faults]
        if faults or metadata is None:
            raise MetadataError(
                f"{self.path} is malformed.", faults=tuple(faults), next_step="Correct it; nothing was done."
            )
        return metadata

    @property
    def space_name(self) -> str | None:
        """The name of the space as the service told it last, or as the credentials have it."""
        state = self._state(self._read_states())
        known = self.space.name if self.space else None
        return known or (state.name if state else None)

    def states(self) -> tuple[SpaceState, ...]:
        """Return what metadata.lock has of every space that the project is used with."""
        return self._read_states()

    def elsewhere(self) -> dict[str, str]:
        """Return the names that versions have or had in other spaces, each with the digest of its content."""
        states = self._read_states()
        state = self._state(states)
        others = [other for other in states if other is not state]
        stored = {version.name: version.digest for other in others for version in other.versions}
        return {name: digest for other in others for name, digest in other.retired.items()} | stored

    def write(self, metadata: Metadata) -> None:
        """Write versions, log and ids into metadata.lock, and the ids into metadata.yaml, where nothing else changes.

        Each file is replaced as a whole, under the lock: a crash leaves the old one or the new one. A missing
        metadata.yaml is made, with every key of the metadata.

        Args:
            metadata: What to write.

        Raises:
            MetadataError: The metadata contradict themselves, or a file cannot be read, edited or replaced.
            ConflictError: Another process holds the lock.

        """
        checked = Metadata(**metadata.model_dump(by_alias=True, include=set(Metadata.model_fields), warnings=False))
        with self.lock():
            document = self._open() if self.path.exists() else new_document(metadata, str(self.path))
            data = edit(document, {key: getattr(checked, key) for key in IDS})
            states = self._read_states()
            state = self._state(states)
            changed = self._changed(checked, state)
            # In this order a crash between the two is harmless: an id that metadata.lock does not know yet counts, and
            # one that metadata.yaml has no longer is still known there.
            self._replace(self.path.resolve(), data)
            if changed is not None and changed != state:
                others = [other for other in states if other is not state]
                self._replace(self.lock_path, dump_states([*others, changed]))

    def refuse_unwritable(self) -> None:
        """Refuse files that could not be written later, before anything is sent.

        Raises:
            MetadataError: metadata.yaml cannot be edited without changing what is not the library's, or metadata.lock
                is malformed.

        """
        if self.path.exists():
            edit(self._open(), dict.fromkeys(IDS, "00000000-0000-0000-0000-000000000000"))
        self._read_states()

    @contextmanager
    def lock(self, *, timeout: float = 60) -> Iterator[None]:
        """Keep all others away from both files, in this process and in others; may be nested.

        The lock is a file beside them, ``.metadata.yaml.mutex``, and ends with the process that holds it, however it
        ends.

        Args:
            timeout: How many seconds to wait for it.

        Raises:
            MetadataError: A file, or one beside it, cannot be written.
            ConflictError: Another process held it all that time.

        """
        target = self.path.resolve()
        # One lock for a path in the whole process is what makes nesting possible.
        lock = FileLock(target.with_name(f".{target.name}.mutex"), is_singleton=True)
        try:
            if not target.parent.is_dir():  # the lock would make it
                raise FileNotFoundError(errno.ENOENT, "its folder is missing", str(target.parent))
            for file in (target, self.lock_path):
                if file.exists() and not os.access(file, os.W_OK):
                    raise PermissionError(errno.EACCES, "it is write-protected", str(file))
            lock.acquire(timeout=timeout)
        except Timeout as error:
            raise ConflictError(
                f"Another process has been working on {self.path} for {timeout:g} seconds.",
                next_step="Wait until it is done, or stop it; the lock ends with its process.",
            ) from error
        except OSError as error:
            raise _unwritable(self.path, error) from error
        try:
            yield
        finally:
            lock.release()

    def _open(self) -> YamlDocument:
        """Take metadata.yaml apart, and refuse what cannot be edited."""
        advice = "Create it with the keys project_name and project_version."
        document = read(self.path, name=str(self.path), error=MetadataError, next_step=advice, known=self._document)
        faults = tuple(editing_faults(document))
        if faults:
            raise MetadataError(f"{self.path} is malformed.", faults=faults, next_step="Rewrite it; nothing was done.")
        self._document = document
        return document

    def _read_states(self) -> tuple[SpaceState, ...]:
        """Read metadata.lock, unless it is as it was read last; nothing where there is none."""
        path = self.lock_path
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise MetadataError(f"{path} cannot be read: {error.strerror}.", next_step="Make it readable.") from error
        if data != self._states[0]:
            self._states = data, parse_states(data, str(path))
        return self._states[1]

    def _state(self, states: tuple[SpaceState, ...]) -> SpaceState | None:
        """Return the state of the space that is worked with, if there is one."""
        fitting = [state for state in states if self.space is None or self.space.is_of(state)]
        if self._ask is not None and any(self._is_uncertain(state, len(fitting)) for state in fitting):
            found = self._ask()
            if found is None:
                return None
            self.space = found
            fitting = [state for state in states if found.is_of(state)]
        if len(fitting) > 1:
            named = ", ".join(f"{state.space} on {state.service}" for state in fitting)
            raise MetadataError(
                f"{self.lock_path} knows several spaces: {named}.", next_step="Give the credentials a space_id."
            )
        return fitting[0] if fitting else None

    def _is_uncertain(self, state: SpaceState, number: int) -> bool:
        """Return whether a state that fits so far may be another space's: only an id tells for sure.

        Every embedded service is called ``local``, and a space that was named by its id has no name here.
        """
        if self.space is None or self.space.id is not None:
            return False
        return number > 1 or self.space.service == LOCAL or self.space.name != state.name

    def _changed(self, metadata: Metadata, state: SpaceState | None) -> SpaceState | None:
        """Return the state that metadata make of the one before; ``None`` where there is nothing to be written."""
        found: dict[str, Any] = {"model_id": metadata.model_uid, "deployment_id": metadata.deployment_uid}
        found |= {key: getattr(metadata, key) for key in _STATE}
        if state is not None:
            return state.model_copy(update={**found, "name": (self.space and self.space.name) or state.name})
        if not any(found.values()):
            return None
        if self.space is None or self.space.id is None:
            raise MetadataError(
                f"The deployment space that {self.path} is used with is not known yet.",
                next_step="Open the project with a Deployer.",
            )
        return SpaceState(service=self.space.service, space=self.space.id, name=self.space.name, **found)

    def _replace(self, path: Path, data: bytes) -> None:
        """Put other bytes in the place of a file's; through a link, in the place of what it points to."""
        try:
            if not path.exists() or path.read_bytes() != data:
                _replace_file(path, data)
        except OSError as error:
            raise _unwritable(path, error) from error


def _known(begun: Metadata, state: SpaceState | None, others: list[SpaceState]) -> dict[str, object]:
    """Return what is known of a project in one space.

    metadata.yaml has the ids that were written last, perhaps for another space; those are not this one's. An id that no
    space has was written by somebody else, such as the tutorial's script, and counts.
    """
    foreign_deployments = {other.deployment_id for other in others}
    foreign_models = {other.model_id for other in others} | {v.model_id for other in others for v in other.versions}
    ours = {version.model_id for version in state.versions} if state else set()
    model_uid, deployment_uid = begun.model_uid, begun.deployment_uid
    if model_uid is None or model_uid in foreign_models | ours:
        model_uid = state.model_id if state else None
    if deployment_uid is None or deployment_uid in foreign_deployments:
        deployment_uid = state.deployment_id if state else None
    known: dict[str, object] = {"model_uid": model_uid, "deployment_uid": deployment_uid}
    if state is not None:
        known |= {key: getattr(state, key) for key in _STATE}
    return known


def _unwritable(path: Path, error: OSError) -> MetadataError:
    """Say why a file cannot be written."""
    return MetadataError(f"{path} cannot be written: {error.strerror}.", next_step="Make it writable.")


def _replace_file(path: Path, data: bytes) -> None:
    """Replace a file, or make it; its mode and owner stay.

    The new content grows beside it under a name of its own, ``.NAME.tmp``, is forced to the disk and then takes the
    name. What a crash leaves there is thrown away by the next call; two calls at once must be kept apart by a lock.

    Raises:
        OSError: The file is as it was.

    """
    draft = path.with_name(f".{path.name}.tmp")
    draft.unlink(missing_ok=True)
    try:
        _write(draft, data)
        _copy_mode_and_owner(draft, path)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write(path: Path, data: bytes) -> None:
    """Make a file and force it to the disk."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _copy_mode_and_owner(draft: Path, path: Path) -> None:
    """Copy the mode and, where that is allowed, the owner of another file, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        old = path.stat()
        with contextlib.suppress(PermissionError):
            os.chown(draft, old.st_uid, old.st_gid)
        draft.chmod(stat.S_IMODE(old.st_mode))


def _sync_folder(folder: Path) -> None:
    """Force the new name to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
