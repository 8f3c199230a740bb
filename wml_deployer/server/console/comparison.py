"""Two versions side by side: what each of them is, their metrics, parameters and libraries, and their columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wml_deployer.server.console import versions
from wml_deployer.server.console.models import KINDS
from wml_deployer.server.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer.server.console.versions import Version
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["Group", "Row", "choices", "compare", "pick"]

_MOST_CHOICES = 200
_SHOWN_OF_A_DIGEST = 12
#: Shown in groups of their own.
_GROUPED = ("metrics", "parameters", "libraries")


@dataclass(frozen=True)
class Row:
    """A fact of both versions.

    Attributes:
        label: What it is.
        one: That of the first version; "" if it has none.
        other: That of the second one.
        change: By how much a number grew or shrank; "" if it is the same, or no number.

    """

    label: str
    one: str
    other: str
    change: str = ""


@dataclass(frozen=True)
class Group:
    """Facts of one kind.

    Attributes:
        title: The kind.
        rows: The facts.

    """

    title: str
    rows: list[Row]


def choices(transaction: Transaction, container: str) -> list[Version]:
    """Return the revisions in a space that can be compared, those of the newest models first."""
    records = transaction.newest(KINDS, container, before=None, limit=_MOST_CHOICES)
    return [version for record in records for version in versions.versions(transaction, record)][:_MOST_CHOICES]


def pick(listed: Sequence[Version], key: str) -> Version:
    """Return the version with this key.

    Raises:
        NotFoundError: It does not exist.

    """
    for version in listed:
        if version.key == key:
            return version
    raise NotFoundError(f"There is no version '{key}' to compare in this space.", code="revision_does_not_exist")


def compare(one: Version | None, other: Version) -> list[Group]:
    """Return what two versions are, with every metric, parameter and library, and the columns that differ.

    Args:
        one: A version; None for nothing, as before the first one is live.
        other: Another version.

    """
    facts = [_facts(one) if one else {}, _facts(other)]
    found = [Group("Version", _rows(*facts))]
    for group in _GROUPED:
        parts = [_details(version, group) if version else {} for version in (one, other)]
        if any(parts):
            found.append(Group(group.capitalize(), _rows(*parts)))
    fields = [dict(version.fields) if version else {} for version in (one, other)]
    differing = [row for row in _rows(*fields) if row.one != row.other]
    if one is not None and differing:
        found.append(Group("Columns that differ", differing))
    return found


def _facts(version: Version) -> dict[str, str]:
    return {
        "Version": version.label,
        "Model": version.title,
        "Revision": version.revision or "",
        "Committed (UTC)": (version.committed_at or "")[:19].replace("T", " "),
        "Model type": version.type,
        "Specification": version.specification,
        "Columns": str(len(version.fields)) if version.fields else "",
        "Digest": (version.digest or "")[:_SHOWN_OF_A_DIGEST],
        **{label.capitalize(): text for label, text in version.facts if label not in ("digest", *_GROUPED)},
    }


def _details(version: Version, group: str) -> dict[str, str]:
    return {name: text for (label, name), text in version.details.items() if label == group}


def _rows(one: dict[str, str], other: dict[str, str]) -> list[Row]:
    return [
        Row(key, one.get(key, ""), other.get(key, ""), _change(one.get(key), other.get(key))) for key in one | other
    ]


def _change(one: str | None, other: str | None) -> str:
    """Return by how much a number changed.

    Example:
        >>> _change("0.953", "0.9733"), _change("3", "3"), _change("v0.1", "v0.2")
        ('+0.0203', '', '')

    """
    try:
        difference = float(other or "") - float(one or "")
    except ValueError:
        return ""
    return f"{difference:+.4g}" if difference else ""
