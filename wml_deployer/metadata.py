"""metadata.yaml: what a project is called, its stored versions, and the log of what was live.

The file is the tutorial's: ``project_name``, ``project_version``, ``model_type``, ``model_uid``, ``deployment_uid``,
and whatever else its authors keep there. The library owns ``model_uid``, ``deployment_uid``, ``versions`` and ``log``
alone; every byte outside them survives a write.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from wml_deployer._configuration.atomic import replace_file
from wml_deployer._configuration.metadata_yaml import OWNED, TYPED, located, owned, unfit, values
from wml_deployer._configuration.records import LogEntry, Metadata, Version, unwritable
from wml_deployer._configuration.yaml import Document, parse, read
from wml_deployer._configuration.yaml_edit import edit
from wml_deployer._configuration.yaml_write import dump
from wml_deployer.errors import ConflictError, MetadataError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LogEntry", "Metadata", "MetadataFile", "Version", "unwritable"]


class MetadataFile:
    r"""metadata.yaml on the disk.

    Args:
        path: Where it is; relative to the working directory of this moment, whichever it is later.

    Attributes:
        path: The same, absolute.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
        >>> _ = path.write_text("project_name: churn  # renamed in May\nproject_version: 0.10\n")
        >>> file = MetadataFile(path)
        >>> with file.lock():
        ...     file.write(file.read().model_copy(update={"model_uid": "9d0e"}))
        >>> print(path.read_text())
        project_name: churn  # renamed in May
        project_version: 0.10
        model_uid: 9d0e
        <BLANKLINE>

    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Name the file; nothing is read yet."""
        self.path = Path(path).expanduser().absolute()
        self._known: Document | None = None

    @property
    def directory(self) -> Path:
        """The folder that the file is in."""
        return self.path.parent

    def read(self) -> Metadata:
        """Read the file.

        Returns:
            What it says, checked.

        Raises:
            MetadataError: It is missing or malformed; ``faults`` has all of it.

        """
        document = self._open()
        found, faults = values(document)
        metadata = None
        try:
            metadata = Metadata(**found)
        except MetadataError as error:
            faults += [located(fault, document) for fault in error.faults]
        if faults or metadata is None:
            raise MetadataError(
                f"{self.path} is malformed.", faults=tuple(faults), next_step="Correct it; nothing was done."
            )
        return metadata

    def write(self, metadata: Metadata) -> None:
        """Write ``model_uid``, ``deployment_uid``, ``versions`` and ``log`` into the file; nothing else is touched.

        The file is replaced as a whole, under the lock: a crash leaves the old one or the new one. A missing file is
        made, with every key of the metadata.

        Args:
            metadata: What to write.

        Raises:
            MetadataError: The metadata contradict themselves, or the file cannot be read, edited or replaced.
            ConflictError: Another process holds the lock.

        """
        checked = Metadata(**metadata.model_dump(by_alias=True, include=set(Metadata.model_fields), warnings=False))
        with self.lock():
            document = self._open() if self.path.exists() else self._new(metadata)
            data = edit(document, owned(checked), typed=TYPED, error=MetadataError)
            self._replace(data)

    @contextmanager
    def lock(self, *, timeout: float = 60) -> Iterator[None]:
        """Keep all others away from the file, in this process and in others; may be nested.

        The lock is a file beside it, ``.metadata.yaml.lock``, and ends with the process that holds it, however it ends.

        Args:
            timeout: How many seconds to wait for it.

        Raises:
            MetadataError: The file, or a file beside it, cannot be written.
            ConflictError: Another process held it all that time.

        """
        target = self.path.resolve()
        # One lock for a path in the whole process is what makes nesting possible.
        lock = FileLock(target.with_name(f".{target.name}.lock"), is_singleton=True)
        try:
            if not target.parent.is_dir():  # the lock would make it
                raise FileNotFoundError(errno.ENOENT, "its folder is missing", str(target.parent))
            if target.exists() and not os.access(target, os.W_OK):
                raise PermissionError(errno.EACCES, "it is write-protected", str(target))
            lock.acquire(timeout=timeout)
        except Timeout as error:
            raise ConflictError(
                f"Another process has been working on {self.path} for {timeout:g} seconds.",
                next_step="Wait until it is done, or stop it; the lock ends with its process.",
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            lock.release()

    def _open(self) -> Document:
        """Take the file apart, and refuse what cannot be edited."""
        advice = "Create it with the keys project_name and project_version."
        document = read(self.path, name=str(self.path), error=MetadataError, next_step=advice, known=self._known)
        faults = tuple(unfit(document))
        if faults:
            raise MetadataError(f"{self.path} is malformed.", faults=faults, next_step="Rewrite it; nothing was done.")
        self._known = document
        return document

    def _new(self, metadata: Metadata) -> Document:
        """The file as its authors might have begun it."""
        begun = metadata.model_dump(mode="json", exclude=set(OWNED), exclude_none=True)
        return parse(dump(begun).encode(), name=str(self.path), error=MetadataError)

    def _replace(self, data: bytes) -> None:
        """Put other bytes in the place of the file's; through a link, in the place of what it points to."""
        target = self.path.resolve()
        try:
            if not target.exists() or target.read_bytes() != data:
                replace_file(target, data)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> MetadataError:
        """Say why the file cannot be written."""
        return MetadataError(f"{self.path} cannot be written: {error.strerror}.", next_step="Make it writable.")
