"""metadata.yaml: read with known keys as the texts that are written; two of them edited in place.

The file is the user's. The library replaces or appends ``model_uid`` and ``deployment_uid``; every byte outside their
values stays: comments, accents, quotes, order, line ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from yaml import YAMLError
from yaml.nodes import Node, ScalarNode

from wml_deployer._yaml import children, construct, dump, leaves, parse, plain, uses_aliases
from wml_deployer.errors import Fault, MetadataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wml_deployer._yaml import YamlDocument
    from wml_deployer.metadata._records import Metadata

__all__ = ["edit", "editing_faults", "new_document", "read_values", "with_line"]

IDS = ("model_uid", "deployment_uid")
"""The keys that the library writes."""

KNOWN = ("project_name", "project_version", "model_type", *IDS)
"""The keys that the library reads."""

_NOT_OURS = frozenset({"versions", "retired", "log", "pending", "serving"})
"""What :class:`Metadata` has from ``metadata.lock``; keys of these names in the user's file mean nothing here."""

_HINTS = {"project_name": "such as project_name: churn", "project_version": 'such as project_version: "0.1"'}
_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_END_OF_DOCUMENT = re.compile(r"^\.\.\.(?=\s|\Z)", re.MULTILINE)


def editing_faults(document: YamlDocument) -> Iterator[Fault]:
    """Say what stands in the way of editing the library's own keys alone."""
    if document.root.flow_style:
        yield Fault("the file", "is written in braces", "one `key: value` a line")
    for key, value in document.root.value:
        if key.value in KNOWN and uses_aliases(document, key, value):
            yield Fault(f"line {key.start_mark.line + 1}, {key.value}", "uses an alias (*name)", "the value itself")


def read_values(document: YamlDocument) -> tuple[dict[str, Any], list[Fault]]:
    """Return what the file says, and what cannot be read of it; null says nothing."""
    read = {key.value: _value(key, node) for key, node in document.root.value if key.value not in _NOT_OURS}
    said = {key: value for key, value in read.items() if value is not None and not isinstance(value, Fault)}
    return said, [value for value in read.values() if isinstance(value, Fault)]


def _value(key: ScalarNode, node: Node) -> Any:
    """Return what stands behind one key: as it is written where the key is known, as YAML reads it otherwise."""
    try:
        return plain(node) if key.value in KNOWN else construct(node)
    except (YAMLError, ValueError):
        return Fault(f"line {node.start_mark.line + 1}, {key.value}", "cannot be read", "quotes around it")


def with_line(fault: Fault, document: YamlDocument) -> Fault:
    """Say in which line a fault stands, or what to write where something is missing."""
    if fault.where in _HINTS and fault.problem == "missing":
        keys = [key.value for key, _ in document.root.value if key.value not in KNOWN]
        near = get_close_matches(fault.where, keys, n=1)
        return replace(fault, expected=f"is {near[0]} meant to be it?" if near else _HINTS[fault.where])
    pair = document.find(fault.where)
    return replace(fault, where=f"line {pair[0].start_mark.line + 1}, {fault.where}") if pair else fault


def new_document(metadata: Metadata, name: str) -> YamlDocument:
    """Make the file as its authors might have begun it."""
    begun = metadata.model_dump(mode="json", exclude={*IDS, *_NOT_OURS}, exclude_none=True)
    return parse(dump(begun).encode(), name=name, error=MetadataError)


@dataclass(frozen=True)
class _Splice:
    """A stretch of text, by its offsets, and what takes its place."""

    start: int
    end: int
    text: str


def edit(document: YamlDocument, ids: Mapping[str, str | None]) -> bytes:
    """Return the bytes of a file with other ids.

    Args:
        document: The file as it is.
        ids: Key -> text or None. A None is not appended where the key is missing.

    Raises:
        MetadataError: The file is written so oddly that other keys would change with these; it is left as it is.

    """
    splices = [*_replacements(document, ids), *_appendix(document, ids)]
    pieces, done = [], 0
    for splice in sorted(splices, key=lambda splice: splice.start):
        # A comment right behind a quote would join a value without quotes.
        space = " " if document.text[splice.end :].startswith("#") else ""
        pieces += [document.text[done : splice.start], splice.text, space]
        done = splice.end
    data = document.mark + "".join([*pieces, document.text[done:]]).encode()
    if splices:
        _verify(document, data, ids)
    return data


def _verify(before: YamlDocument, data: bytes, ids: Mapping[str, str | None]) -> None:
    """Hold that the edited file reads back as it is meant, and that all other keys have kept their values."""
    advice = f"Write {', '.join(ids)} in plain block style, one key a line, without anchors."
    refusal = MetadataError(
        f"{before.name} cannot be edited without changing keys that are not ours.", next_step=advice
    )
    try:
        after = parse(data, name=before.name, error=MetadataError)
    except MetadataError as failure:
        raise refusal from failure
    found = {key: plain(pair[1]) for key in ids if (pair := after.find(key))}
    if {key: found.get(key) for key in ids} != dict(ids) or _others(before, ids) != _others(after, ids):
        raise refusal


def _others(document: YamlDocument, ids: Mapping[str, str | None]) -> list[Any]:
    """Return every scalar below the keys that are not to be changed."""
    pairs = [(key, value) for key, value in document.root.value if key.value not in ids]
    return [(key.value, [(leaf.tag, leaf.value) for leaf in leaves(value)]) for key, value in pairs]


def _replacements(document: YamlDocument, ids: Mapping[str, str | None]) -> Iterator[_Splice]:
    """Replace the values of the keys that are there; a comment between key and value follows the new value."""
    for key, value in ids.items():
        pair = document.find(key)
        if pair is None or plain(pair[1]) == value:
            continue
        colon = document.text.index(":", pair[0].end_mark.index) + 1
        start, end = max(colon, pair[1].start_mark.index), max(colon, _end(document, pair[1]))
        gap, written = document.text[colon:start], dump({"": value}).partition(":")[2].strip()
        is_beside = bool(gap) and not gap.strip(" ")
        yield _Splice(start, end, written) if is_beside else _Splice(colon, end, f" {written}{gap.rstrip()}")


def _appendix(document: YamlDocument, ids: Mapping[str, str | None]) -> Iterator[_Splice]:
    """Append the keys that the file does not have yet."""
    missing = {key: value for key, value in ids.items() if value is not None and document.find(key) is None}
    if not missing:
        return
    last_key, last_value = document.root.value[-1]
    marker = _END_OF_DOCUMENT.search(document.text)
    place = marker.start() if marker else len(document.text)
    is_at_line_start = document.text[:place].endswith(("\n", "\r"))
    if not is_at_line_start and _is_block_text(_leaf(last_value)):
        # A line break behind a block text without one would become part of it.
        place, is_at_line_start = last_key.start_mark.index - last_key.start_mark.column, True
    found = _LINE_BREAK.search(document.text)
    newline, indent = found.group() if found else "\n", " " * document.root.start_mark.column
    text = "".join(f"{indent}{line}{newline}" for line in dump(missing).rstrip("\n").split("\n"))
    yield _Splice(place, place, text if is_at_line_start else newline + text)


def _leaf(node: Node) -> Node:
    """Return the last scalar or one-line collection in a value: there it really ends."""
    below = [] if getattr(node, "flow_style", None) else children(node)
    return _leaf(below[-1]) if below else node


def _end(document: YamlDocument, node: Node) -> int:
    """Return where a value ends: the parser's mark for a block lies behind the comments that follow it."""
    leaf = _leaf(node)
    end: int = leaf.end_mark.index
    return len(document.text[:end].rstrip()) if _is_block_text(leaf) else end


def _is_block_text(node: Node) -> bool:
    """Return whether a node is a text of several lines after ``|`` or ``>``, to which the breaks behind it belong."""
    return isinstance(node, ScalarNode) and node.style in ("|", ">")
