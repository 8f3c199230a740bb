"""Versions: revisions of artifacts, with the names and facts that clients gave them.

The service only numbers revisions. Clients, such as this library, store names and facts in ``custom`` and in the commit
message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.server.storage.records import Record
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["Version", "head", "revision", "versions"]

_COMMITTED = re.compile(r"wml_deployer (?P<name>\S+) (?P<digest>\S+)")
#: Facts about calls, not about versions.
_NOT_SHOWN = ("call", "checksum")


@dataclass(frozen=True)
class Version:
    """An artifact's current state, or one of its revisions.

    Attributes:
        model_id: Id of the artifact.
        model_name: Name of the artifact in this version.
        kind: ``model`` or ``function``.
        revision: Number of the revision; None for the current state.
        name: Name of the version, if it has one.
        committed_at: Time of the commit; None for the current state.
        message: Commit message.
        type: Model type.
        specification: Name of the software specification.
        size: Size of the content in bytes; None without content.
        fields: Name and type of the columns, in order; empty if unknown.
        classes: Labels of the probabilities; empty if unknown.
        facts: Other facts, as label and text.
        details: Of the facts that have several parts, such as metrics, label, name and text of each part.

    """

    model_id: str
    model_name: str
    kind: str
    revision: str | None
    name: str | None
    committed_at: str | None
    message: str | None
    type: str
    specification: str
    size: int | None
    fields: tuple[tuple[str, str], ...] = ()
    classes: tuple[str, ...] = ()
    facts: list[tuple[str, str]] = field(default_factory=list)
    details: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name to show."""
        return self.name or (f"revision {self.revision}" if self.revision else "not a revision")

    @property
    def title(self) -> str:
        """The name of the artifact, which is the same for all its versions: this library adds that of the version."""
        return self.model_name.removesuffix(f"_{self.name}") or self.model_name

    @property
    def key(self) -> str:
        """Identifies it in addresses and forms."""
        return f"{self.model_id}:{self.revision or ''}"

    @property
    def digest(self) -> str | None:
        """Digest of its content, if the library that stored it has written it down."""
        return next((text for label, text in self.facts if label == "digest"), None)

    @property
    def remark(self) -> str:
        """The commit message; if this library wrote it, just the content digest, since the name is shown separately."""
        found = _COMMITTED.fullmatch(self.message or "")
        return f"content {found['digest'][:12]}" if found else self.message or ""

    def is_older(self, other: Version | None) -> bool:
        """Return whether it is older than another version."""
        return other is not None and int(self.revision or 0) < int(other.revision or 0)


def versions(transaction: Transaction, artifact: Record) -> list[Version]:
    """Return all revisions of an artifact, newest first."""
    return [_version(transaction, artifact, document) for document in transaction.revisions(artifact)]


def revision(transaction: Transaction, artifact: Record, number: str) -> Version | None:
    """Return a revision of an artifact, if it exists."""
    document = transaction.revision(artifact, int(number)) if number.isdecimal() and len(number) < 10 else None  # noqa: PLR2004
    return None if document is None else _version(transaction, artifact, document)


def head(transaction: Transaction, artifact: Record) -> Version:
    """Return the current state of an artifact."""
    return _version(transaction, artifact, artifact.document)


def _version(transaction: Transaction, artifact: Record, document: dict[str, Any]) -> Version:
    metadata, entity = document["metadata"], document["entity"]
    number = metadata.get("rev")
    committed = metadata.get("commit_info", {}) if number else {}
    content = transaction.content(artifact, number=int(number or 0))
    custom = entity.get("custom") if isinstance(entity.get("custom"), dict) else {}
    message = committed.get("commit_message")
    custom_facts = dict(_custom_facts(custom))
    return Version(
        model_id=artifact.id,
        model_name=str(metadata.get("name", "")),
        kind=artifact.kind,
        revision=number,
        name=custom_facts.get("version") or _name_in(message),
        committed_at=committed.get("committed_at"),
        message=message,
        type=str(entity.get("type", "")),
        specification=str((entity.get("software_spec") or {}).get("name", "")),
        size=content.blob.size if content is not None else None,
        fields=tuple(_fields(entity)),
        classes=tuple(_classes(custom)),
        facts=[(key.replace("_", " "), text) for key, text in custom_facts.items() if key != "version" and text],
        details=dict(_details(custom)),
    )


def _details(custom: dict[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    for value in custom.values():
        for label, parts in value.items() if isinstance(value, dict) else ():
            for name, part in parts.items() if isinstance(parts, dict) else ():
                yield (label.replace("_", " "), str(name)), _text(part)


def _name_in(message: Any) -> str | None:
    found = _COMMITTED.fullmatch(message) if isinstance(message, str) else None
    return found["name"] if found else None


def _custom_facts(custom: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the facts in ``custom``. Tools nest their facts under their own name: flatten those, dropping the name."""
    for key, value in custom.items():
        if isinstance(value, dict):
            yield from ((inner, _text(each)) for inner, each in value.items() if inner not in _NOT_SHOWN)
        else:
            yield key, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def _classes(custom: dict[str, Any]) -> list[str]:
    found = (value.get("classes") for value in custom.values() if isinstance(value, dict))
    return [_text(label) for label in next((each for each in found if isinstance(each, list)), [])]


def _fields(entity: dict[str, Any]) -> Iterator[tuple[str, str]]:
    schemas = entity.get("schemas")
    inputs = schemas.get("input") if isinstance(schemas, dict) else None
    first = inputs[0] if isinstance(inputs, list) and inputs else inputs
    fields = first.get("fields") if isinstance(first, dict) else None
    for each in fields if isinstance(fields, list) else ():
        if isinstance(each, dict) and "name" in each:
            yield str(each["name"]), str(each.get("type", ""))
