"""Read and write small YAML files: UTF-8, one mapping, no key twice, faults with their line.

Files are composed into nodes, never into objects: a node knows the text of its scalar (``1.10`` stays ``1.10``) and
where it stands.
"""

from __future__ import annotations

import codecs
import re
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from wml_deployer.errors import ConfigurationError, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "Flow",
    "Moment",
    "Row",
    "YamlDocument",
    "children",
    "construct",
    "dump",
    "leaves",
    "parse",
    "plain",
    "read",
    "uses_aliases",
]

# libyaml composes ten times faster; PyYAML is built without it on some platforms.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True)
class YamlDocument:
    """A YAML file taken apart.

    Attributes:
        name: What errors call it: its path.
        text: Its text, without a byte order mark.
        mark: The byte order mark before it, or nothing.
        root: Its mapping, as nodes.

    """

    name: str
    text: str
    mark: bytes
    root: MappingNode

    def find(self, key: str) -> tuple[ScalarNode, Node] | None:
        """The nodes of a key of the mapping and of its value; None where it is not there."""
        return next((pair for pair in self.root.value if pair[0].value == key), None)


def read(
    path: Path, *, name: str, error: type[ConfigurationError], next_step: str, known: YamlDocument | None = None
) -> YamlDocument:
    """Read a file and take it apart; raises ``error`` with every fault where it cannot be read.

    What is ``known`` of it is given back where it still says the same: taking a long one apart takes a while.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as missing:
        raise error(f"There is no file {name}.", faults=(Fault(name, "missing"),), next_step=next_step) from missing
    except OSError as failure:
        fault = Fault(name, failure.strerror or type(failure).__name__, "a file that you may read")
        raise error(f"{name} cannot be read.", faults=(fault,)) from failure
    if known is not None and known.mark + known.text.encode() == data:
        return known
    return parse(data, name=name, error=error)


def parse(data: bytes, *, name: str, error: type[ConfigurationError]) -> YamlDocument:
    """Take the bytes of a file apart; raises ``error`` with every fault."""
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    root, text, faults = None, "", []
    try:
        text = data[len(mark) :].decode()
        root = yaml.compose(text, Loader=_LOADER)
    except UnicodeDecodeError as failure:
        line = data.count(b"\n", 0, len(mark) + failure.start) + 1
        faults = [Fault(f"line {line}", "not UTF-8", "a file saved as UTF-8")]
    except yaml.YAMLError as failure:
        faults = list(_diagnose(text, failure))
    faults = faults or list(_shape_faults(root))
    # Raised out here, not where the parser's error is being handled: its text may show a line with a secret.
    if faults or not isinstance(root, MappingNode):
        raise error(f"{name} cannot be read.", faults=tuple(faults), next_step=f"Correct {name}; nothing was done.")
    return YamlDocument(name, text, mark, root)


def _diagnose(text: str, failure: yaml.YAMLError) -> Iterator[Fault]:
    """Yield why a text is not YAML: every tab at once, or the parser's problem, without quoting the line."""
    mark = getattr(failure, "problem_mark", None)
    line = mark.line if mark else text.count("\n", 0, getattr(failure, "position", 0))
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    tabs = [number for number, content in enumerate(lines, 1) if re.match(r"\s*\t", content)]
    # At the end of the text the parser points behind the last line.
    if mark and not tabs and "".join(lines[line : line + 1])[mark.column : mark.column + 1] == "\t":
        tabs = [line + 1]
    if tabs:
        yield from (Fault(f"line {number}", "a tab", "spaces: YAML knows no tabs there") for number in tabs)
    else:
        problem = getattr(failure, "problem", None) or "a character that YAML does not allow"
        yield Fault(
            f"line {line + 1}",
            re.sub(r""" ?(['"])[^'"]{3,}\1""", "", problem),
            "values with special characters in quotes",
        )


def _shape_faults(root: Node | None) -> Iterator[Fault]:
    """Yield why a document is not a mapping of plain keys, each once."""
    if root is None:
        yield Fault("the file", "is empty", "one `key: value` a line")
    elif not isinstance(root, MappingNode):
        kind = "a list" if isinstance(root, SequenceNode) else "a text"
        yield Fault("the file", f"is {kind}", "one `key: value` a line")
    else:
        yield from _key_faults(root)


def _key_faults(root: Node) -> Iterator[Fault]:
    """Yield keys that occur twice in one mapping, or are not scalars, at any depth."""
    for node in _collections(root):
        lines: dict[str, int] = {}
        for key, _ in node.value if isinstance(node, MappingNode) else ():
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                yield Fault(f"line {line}", "a key that is a list or a mapping", "a plain key")
            elif key.value in lines:
                yield Fault(f"line {line}, {key.value}", "stands twice", f"once; it is in line {lines[key.value]}, too")
            else:
                lines[key.value] = line


def _collections(root: Node) -> Iterator[Node]:
    """Each list and mapping below a node, and itself, once, however often aliases repeat it."""
    todo, seen = [root], set[int]()
    while todo:
        node = todo.pop()
        if not isinstance(node, ScalarNode) and id(node) not in seen:
            seen.add(id(node))
            yield node
            todo += [child for child in reversed(children(node)) if not isinstance(child, ScalarNode)]


def children(node: Node) -> list[Node]:
    """The nodes right below a node, in their order in the file."""
    if isinstance(node, MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


def leaves(root: Node) -> list[ScalarNode]:
    """Each scalar below a node, or itself; what aliases repeat, once."""
    below = [child for node in _collections(root) for child in children(node)] or [root]
    return [node for node in below if isinstance(node, ScalarNode)]


def uses_aliases(document: YamlDocument, key: Node, value: Node) -> bool:
    """Whether a part of a key's value occurs elsewhere in the file, too (``*name``)."""
    if "*" not in document.text:
        return False
    below = [value, *(child for node in _collections(value) for child in children(node))]
    is_elsewhere = any(node.start_mark.index < key.end_mark.index for node in below)
    return is_elsewhere or len({id(node) for node in below}) < len(below)


def plain(node: Node, *, typed: frozenset[str] = frozenset()) -> Any:
    """Lists and mappings of texts as they are written; None for null; YAML's own types below the ``typed`` keys."""
    if isinstance(node, MappingNode):
        return {k.value: construct(v) if k.value in typed else plain(v, typed=typed) for k, v in node.value}
    if isinstance(node, SequenceNode):
        return [plain(child, typed=typed) for child in node.value]
    return None if node.tag == _NULL else node.value


def construct(node: Node) -> Any:
    """The value of a node as ``yaml.safe_load`` gives it."""
    # A copy, because the constructor resolves merge keys in the nodes that it is given.
    return SafeConstructor().construct_document(deepcopy(node))


_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TAG = "tag:yaml.org,2002:"
_NO_WRAPPING = 2**20


class Row(dict[str, Any]):
    """A mapping that stands on one line."""


class Flow(list[Any]):
    """A list that stands on one line."""


class Moment(str):
    """A time in ISO 8601, which needs no quotes."""

    __slots__ = ()


class _Dumper(_DUMPER):  # type: ignore[misc]
    """Knows the marks above, and repeats a value rather than pointing to it."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    """A text of several lines is escaped, so that it stays on one."""
    return dumper.represent_scalar(f"{_TAG}str", text, style='"' if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(Moment, lambda dumper, text: dumper.represent_scalar(f"{_TAG}timestamp", str(text)))
_Dumper.add_representer(Row, lambda dumper, row: dumper.represent_mapping(f"{_TAG}map", row.items(), flow_style=True))
_Dumper.add_representer(Flow, lambda dumper, flow: dumper.represent_sequence(f"{_TAG}seq", flow, flow_style=True))


def dump(value: Any) -> str:
    """Write a mapping or a list, with a line break at its end."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, allow_unicode=True, default_flow_style=False, sort_keys=False, width=_NO_WRAPPING
    )
    return text
