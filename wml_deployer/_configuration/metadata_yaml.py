"""How metadata stand in YAML: known keys as texts, others as they are, the library's own short and in a fixed order."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from yaml import YAMLError

from wml_deployer._configuration.records import Metadata
from wml_deployer._configuration.yaml import construct, plain, uses_aliases
from wml_deployer._configuration.yaml_write import Flow, Moment, Row
from wml_deployer.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import Node, ScalarNode

    from wml_deployer._configuration.yaml import Document

__all__ = ["OWNED", "TYPED", "located", "owned", "unfit", "values"]

OWNED = ("model_uid", "deployment_uid", "versions", "log", "pending")
"""The keys of the file that are the library's."""

TYPED = frozenset({"classes", "metrics"})
"""Keys below which YAML's types count; every other known value is the text that is written."""

_HINTS = {"project_name": "such as project_name: churn", "project_version": 'such as project_version: "0.1"'}


def owned(metadata: Metadata) -> dict[str, Any]:
    """The values of the library's own keys, arranged as they are written."""
    said = metadata.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(OWNED))
    return {
        "model_uid": said.get("model_uid"),
        "deployment_uid": said.get("deployment_uid"),
        "versions": [_arranged(version) for version in said["versions"]],
        "log": [{**entry, "when": Moment(entry["when"])} for entry in said["log"]],
        "pending": said.get("pending"),
    }


def _arranged(version: dict[str, Any]) -> dict[str, Any]:
    """A version as it is written: short, one line a field, and nothing about what it does not have."""
    arranged = version | {
        "libraries": Row(version["libraries"]),
        "fields": [Row(field) for field in version["fields"]],
        "classes": Flow(version["classes"]),
        "parameters": Row(version["parameters"]),
        "metrics": Row(version["metrics"]),
        "stored_at": Moment(version["stored_at"]),
    }
    return {key: value for key, value in arranged.items() if value not in ([], {})}


def unfit(document: Document) -> Iterator[Fault]:
    """What stands in the way of editing the library's own keys alone."""
    if document.root.flow_style:
        yield Fault("the file", "is written in braces", "one `key: value` a line")
    for key, value in document.root.value:
        if key.value in Metadata.model_fields and uses_aliases(document, key, value):
            yield Fault(f"line {key.start_mark.line + 1}, {key.value}", "uses an alias (*name)", "the value itself")


def values(document: Document) -> tuple[dict[str, Any], list[Fault]]:
    """What the file says, and what cannot be read of it; null says nothing."""
    read = {key.value: _value(key, node) for key, node in document.root.value}
    said = {key: value for key, value in read.items() if value is not None and not isinstance(value, Fault)}
    return said, [value for value in read.values() if isinstance(value, Fault)]


def _value(key: ScalarNode, node: Node) -> Any:
    """What stands behind one key: as it is written where the key is known, as YAML reads it otherwise."""
    try:
        return plain(node, typed=TYPED) if key.value in Metadata.model_fields else construct(node)
    except (YAMLError, ValueError):
        return Fault(f"line {node.start_mark.line + 1}, {key.value}", "cannot be read", "quotes around it")


def located(fault: Fault, document: Document) -> Fault:
    """Say in which line a fault stands, or what to write where something is missing."""
    if fault.where in _HINTS and fault.problem == "missing":
        keys = [key.value for key, _ in document.root.value if key.value not in Metadata.model_fields]
        near = get_close_matches(fault.where, keys, n=1)
        return replace(fault, expected=f"is {near[0]} meant to be it?" if near else _HINTS[fault.where])
    pair = document.find(fault.where)
    return replace(fault, where=f"line {pair[0].start_mark.line + 1}, {fault.where}") if pair else fault
