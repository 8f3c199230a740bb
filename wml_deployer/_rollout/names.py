"""Names of versions: checked before anything is sent, and given to one content only.

A name stays taken whatever happens to its version: the log, here and on the deployment, goes on using it, and
``retired`` in metadata.lock has the names of versions that are no longer stored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wml_deployer.errors import MetadataError, ModelError, VersionError
from wml_deployer.metadata import name_fault, unwritable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from wml_deployer.metadata import LogEntry, Metadata, Version

__all__ = ["TakenNames", "check_name", "check_reason", "next_name", "retired_names"]

_NUMBER = re.compile(r"[0-9]+")


def check_name(name: str) -> None:
    """Check the name of a version.

    Raises:
        ModelError: It is blank, or has characters that a file or a terminal does not take.

    """
    problem = name_fault(name)
    if problem:
        raise ModelError(
            f"The name of the version {problem}.", next_step='Give a text on one line, such as version="v0.2".'
        )


def check_reason(reason: str | None) -> None:
    """Check a reason, which is written to the log.

    Raises:
        MetadataError: It has characters that a file or a terminal does not take.

    """
    problem = unwritable(reason or "", lines=True)
    if problem:
        raise MetadataError(f"The reason has {problem}.", next_step="Give it as plain text; nothing was done.")


def retired_names(metadata: Metadata, left: Iterable[Version], told: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the names of the versions that are no longer stored, each with the digest of its content.

    Args:
        metadata: The project as it was.
        left: The versions that are still stored.
        told: Further such names, which the deployment keeps.

    """
    known = {**(told or {}), **metadata.retired, **{version.name: version.digest for version in metadata.versions}}
    names = {version.name for version in left}
    return {name: digest for name, digest in known.items() if name not in names}


class TakenNames:
    """The names that a project has used, each with the digest of its content where that is known.

    Args:
        metadata: The project.
        logged: The log that the deployment keeps.
        given: Name and digest of what else the service or other spaces have, or had.

    """

    def __init__(self, metadata: Metadata, logged: Sequence[LogEntry], given: Iterable[tuple[str, str]]) -> None:
        """Collect them."""
        self._digests: dict[str, set[str | None]] = {}
        named = [(version.name, version.digest) for version in metadata.versions]
        log = [(entry.to_version, entry.digest) for entry in (*metadata.log, *logged) if entry.to_version]
        for name, digest in (*named, *metadata.retired.items(), *log, *given):
            self._digests.setdefault(name, set()).add(digest)
        # The oldest entry of a shortened log may name a version that no entry describes.
        for entry in logged:
            self._digests.setdefault(entry.from_version or "", {None})

    def is_free(self, name: str, digest: str) -> bool:
        """Return whether a stored version of this content may have a name: no other content is known to have had it."""
        return self._digests.get(name, set()) <= {digest, None}

    def check(self, name: str, digest: str) -> None:
        """Refuse a name that other content has or had.

        Raises:
            VersionError: It does.

        """
        if not self._digests.get(name, set()) <= {digest}:
            raise VersionError(
                f"Version {name!r} is or was another content.",
                operation="store",
                next_step=f"Give another version=, such as {next_name(name, self._digests)!r}; a name is given once.",
            )

    def next(self, project_version: str, digest: str, elsewhere: Mapping[str, str]) -> str:
        """Return a name for a version that was not given one.

        Args:
            project_version: The project's version.
            digest: Digest of the content.
            elsewhere: Name -> digest in other spaces: the same content has the same name in all of them.

        """
        same = [name for name, other in elsewhere.items() if other == digest and self.is_free(name, digest)]
        return same[-1] if same else next_name(project_version, self._digests)


def next_name(begin: str, taken: Collection[str]) -> str:
    """Return a name, or where it is taken the next one of its form.

    The highest name that differs in its numbers alone is counted up by one: after v0.2 and v0.3 comes v0.4.

    Args:
        begin: The name to begin with.
        taken: The names that were given out.

    Example:
        >>> next_name("v0.1", {"v0.1", "v0.2", "v0.3", "challenger"})
        'v0.4'
        >>> next_name("baseline", {"baseline"})
        'baseline-2'

    """
    if begin not in taken:
        return begin
    if not _NUMBER.search(begin):
        return next_name(f"{begin}-2", taken)
    form = _NUMBER.sub("0", begin)
    alike = [name for name in taken if _NUMBER.sub("0", name) == form]
    highest = max(alike, key=lambda name: [int(number) for number in _NUMBER.findall(name)])
    last = list(_NUMBER.finditer(highest))[-1]
    counted = str(int(last.group()) + 1).zfill(len(last.group()))
    return f"{highest[: last.start()]}{counted}{highest[last.end() :]}"
