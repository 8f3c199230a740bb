"""Editing a YAML file without touching what is not one's own: values of top-level keys are replaced or appended.

Every byte outside those values stays: comments, accents, quotes, order, line ends. A list grows at its end, so that a
long log is not written anew for each entry.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yaml.nodes import Node, ScalarNode, SequenceNode

from wml_deployer._configuration.yaml import children, leaves, parse, plain
from wml_deployer._configuration.yaml_write import dump

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wml_deployer._configuration.yaml import Document
    from wml_deployer.errors import ConfigurationError

__all__ = ["edit"]

_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_END_OF_DOCUMENT = re.compile(r"^\.\.\.(?=\s|\Z)", re.MULTILINE)


@dataclass(frozen=True)
class _Splice:
    """A stretch of text, by its offsets, and what takes its place."""

    start: int
    end: int
    text: str


def edit(
    document: Document, values: Mapping[str, Any], *, typed: frozenset[str], error: type[ConfigurationError]
) -> bytes:
    """Give the bytes of a file with other values of some keys.

    Args:
        document: The file as it is.
        values: Key -> value: None, a text or a list. What says nothing (None, an empty list) is not appended where
            the key is missing.
        typed: Keys below which YAML's own types count; everything else is a text.
        error: What to raise where the file is written so oddly that other keys would change with these.

    Returns:
        The new content of the file.

    Raises:
        error: The file is left as it is.

    """
    splices = [*_replacements(document, values, typed), *_appendix(document, values)]
    pieces, done = [], 0
    for splice in sorted(splices, key=lambda splice: splice.start):
        pieces += [document.text[done : splice.start], splice.text, _space(document.text[splice.end :][:1])]
        done = splice.end
    data = document.mark + "".join([*pieces, document.text[done:]]).encode()
    if splices:
        _verify(document, data, values, typed, error)
    return data


def _space(rest: str) -> str:
    """What keeps a comment apart that stood right behind a quote or a bracket, and would join an unquoted value."""
    return " " if rest.startswith("#") else ""


def _verify(
    before: Document, data: bytes, values: Mapping[str, Any], typed: frozenset[str], error: type[ConfigurationError]
) -> None:
    """Hold that the edited file reads back as it is meant, and that all other keys have kept their values."""
    advice = f"Write {', '.join(values)} in plain block style, one key a line, without anchors."
    refusal = error(f"{before.name} cannot be edited without changing keys that are not ours.", next_step=advice)
    try:
        after = parse(data, name=before.name, error=error)
    except error as failure:
        raise refusal from failure
    found = {key: pair for key in values if (pair := after.find(key))}
    is_right = all(_equal(plain(found[k][1], typed=typed), values[k]) if k in found else not values[k] for k in values)
    if not is_right or _others(before, values) != _others(after, values):
        raise refusal


def _others(document: Document, values: Mapping[str, Any]) -> list[Any]:
    """Every scalar below the keys that are not to be changed."""
    pairs = [(key, value) for key, value in document.root.value if key.value not in values]
    return [(key.value, [(leaf.tag, leaf.value) for leaf in leaves(value)]) for key, value in pairs]


def _equal(one: Any, other: Any) -> bool:
    """Whether two values are the same in YAML, where 1, 1.0 and true differ."""
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(other, sort_keys=True, default=str)


def _replacements(document: Document, values: Mapping[str, Any], typed: frozenset[str]) -> Iterator[_Splice]:
    """What changes in the keys that are there."""
    for key, value in values.items():
        pair = document.find(key)
        if pair is None:
            continue
        old = plain(pair[1], typed=typed)
        if _equal(old, value):
            continue
        if _grows(pair[1], old, value):
            yield _addition(document, pair[1], value[len(old) :])
        elif isinstance(value, list) and value:
            yield _block(document, *pair, value)
        else:
            yield _inline(document, *pair, value)


def _grows(node: Node, old: Any, value: Any) -> bool:
    """Whether the new list is the old one, which is in block style, and more."""
    is_block = isinstance(node, SequenceNode) and not node.flow_style
    return is_block and not _is_block_text(_leaf(node)) and _equal(old, value[: len(old)])


def _addition(document: Document, node: Node, items: list[Any]) -> _Splice:
    """New items behind the last one of a list, at its own depth."""
    end = _end(document, node)
    return _Splice(end, end, _newline(document) + " " * node.start_mark.column + _indented(document, items, node))


def _block(document: Document, key: Node, node: Node, value: list[Any]) -> _Splice:
    """A list below its key; comments between the two stay where they are."""
    colon, start, end = _span(document, key, node)
    if _LINE_BREAK.search(document.text, colon, start):
        return _Splice(start, end, _indented(document, value, node))
    line_end = _LINE_BREAK.search(document.text, end)
    rest = document.text[end : line_end.start() if line_end else None]
    lines = _newline(document) + " " * key.start_mark.column + _indented(document, value, key)
    return _Splice(colon, end + len(rest), _space(rest) + rest + lines)


def _inline(document: Document, key: Node, node: Node, value: Any) -> _Splice:
    """A text, null or an empty list behind its key; a comment that stood between the two follows it."""
    colon, start, end = _span(document, key, node)
    gap = document.text[colon:start]
    written = dump({"": value}).partition(":")[2].strip()
    is_beside = bool(gap) and not gap.strip(" ")
    return _Splice(start, end, written) if is_beside else _Splice(colon, end, f" {written}{gap.rstrip()}")


def _appendix(document: Document, values: Mapping[str, Any]) -> Iterator[_Splice]:
    """Keys that the file does not have yet, behind its last one."""
    missing = {key: value for key, value in values.items() if value and document.find(key) is None}
    if not missing:
        return
    last_key, last_value = document.root.value[-1]
    marker = _END_OF_DOCUMENT.search(document.text)
    place = marker.start() if marker else len(document.text)
    is_at_line_start = document.text[:place].endswith(("\n", "\r"))
    if not is_at_line_start and _is_block_text(_leaf(last_value)):
        # A line break behind a block text without one would become part of it.
        place, is_at_line_start = last_key.start_mark.index - last_key.start_mark.column, True
    newline, indent = _newline(document), " " * document.root.start_mark.column
    lines = dump(missing).rstrip("\n").split("\n")
    text = "".join(f"{indent}{line}{newline}" for line in lines)
    yield _Splice(place, place, text if is_at_line_start else newline + text)


def _newline(document: Document) -> str:
    """How the file ends its lines."""
    found = _LINE_BREAK.search(document.text)
    return found.group() if found else "\n"


def _indented(document: Document, items: list[Any], node: Node) -> str:
    """Items of a list, all lines but the first at the depth of a node, without a line break at the end."""
    lines = dump(items).rstrip("\n").split("\n")
    return (_newline(document) + " " * node.start_mark.column).join(lines)


def _span(document: Document, key: Node, node: Node) -> tuple[int, int, int]:
    """Offsets behind a key's colon, of its value's begin, and of its value's end."""
    colon = document.text.index(":", key.end_mark.index) + 1
    return colon, max(colon, node.start_mark.index), max(colon, _end(document, node))


def _leaf(node: Node) -> Node:
    """The last scalar or one-line collection in a value: there it really ends."""
    below = [] if getattr(node, "flow_style", None) else children(node)
    return _leaf(below[-1]) if below else node


def _end(document: Document, node: Node) -> int:
    """Where a value ends: the parser's mark for a block lies behind the comments that follow it."""
    leaf = _leaf(node)
    end: int = leaf.end_mark.index
    return len(document.text[:end].rstrip()) if _is_block_text(leaf) else end


def _is_block_text(node: Node) -> bool:
    """Whether a node is a text of several lines after ``|`` or ``>``, to which the line breaks behind it belong."""
    return isinstance(node, ScalarNode) and node.style in ("|", ">")
