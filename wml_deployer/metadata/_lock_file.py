"""``metadata.lock``: what the library knows of a project, for each deployment space that it is used with.

The file is the library's: it is written whole, in a fixed order, so that a git diff shows what happened. Each schema
stands in it once, and versions name it::

    format: 1
    schemas:
      8c1f03d2:
        fields:
        - [age, int64]
        - [sex, category]
        classes: [died, survived]
    spaces:
    - service: https://eu-de.ml.cloud.ibm.com
      space: 3fa2b1c4-...
      model_id: 9d0e5b1c-...
      deployment_id: 77aa0c3e-...
      serving:
        hardware: M
        copies: 2
      versions:
      - name: v0.1
        ...
        schema: 8c1f03d2
      retired:
        v0.0: sha256:...
      log:
      - when: 2026-01-31T12:00:00Z
        ...

Since people merge it by hand, all of it is checked when it is read, and each fault is told with its line.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yaml import YAMLError
from yaml.nodes import MappingNode, Node, SequenceNode

from wml_deployer._yaml import Flow, Moment, Row, dump, parse, plain
from wml_deployer.errors import Fault, MetadataError
from wml_deployer.metadata._records import SpaceState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wml_deployer._yaml import YamlDocument

__all__ = ["dump_states", "parse_states"]

FORMAT = "1"
_HEADER = "# Written by wml_deployer: commit it with metadata.yaml. Where it is lost, Deployer.recover() rebuilds it.\n"
_TYPED = frozenset({"classes", "copies", "named", "metrics"})
"""Keys below which YAML's types count; every other value is the text that is written."""
_DEFAULT_ROUTE = ("route", "native")
_SCHEMA = ("fields", "classes", "named")
_CONFLICT = re.compile(r"^(<<<<<<<|=======|>>>>>>>|\|\|\|\|\|\|\|)(?= |$)", re.MULTILINE)
_ADVICE = "Correct it, or delete it and call recover(); nothing was done."


def dump_states(states: Sequence[SpaceState]) -> bytes:
    """Write what is known of each space; the same always gives the same bytes."""
    schemas: dict[str, Any] = {}
    ordered = sorted(states, key=lambda state: (state.service, state.space))
    spaces = [_space(state, schemas) for state in ordered]
    document = {"format": int(FORMAT), "schemas": dict(sorted(schemas.items())), "spaces": spaces}
    return (_HEADER + dump(document)).encode()


def _space(state: SpaceState, schemas: dict[str, Any]) -> dict[str, Any]:
    said = state.model_dump(mode="json", by_alias=True, exclude_none=True)
    versions = [_version(version, schemas) for version in said.pop("versions")]
    log = [_on_one_line({**entry, "when": Moment(entry["when"])}) for entry in said.pop("log")]
    retired = {"retired": names} if (names := said.pop("retired")) else {}
    if "tags" in said.get("serving", {}):
        said["serving"]["tags"] = Flow(said["serving"]["tags"])
    return {**said, "versions": versions, **retired, "log": log}


def _on_one_line(record: dict[str, Any]) -> dict[str, Any]:
    """Let the place that a version was taken from stand on one line."""
    return {key: Row(value) if key == "origin" else value for key, value in record.items()}


def _version(version: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Arrange a version as it is written: short, and nothing about what it does not have."""
    fields, classes, named = (version.pop(part) for part in _SCHEMA)
    if fields or classes:
        listed = [Flow([field["name"], field["dtype"]]) for field in fields]
        schema: dict[str, Any] = {"fields": listed, "classes": Flow(classes)}
        schema |= {} if named else {"named": False}
        key = hashlib.sha256(json.dumps(schema).encode()).hexdigest()[:8]
        schemas[key] = {part: value for part, value in schema.items() if value != []}
        version["schema"] = key
    for name in ("libraries", "parameters", "metrics"):
        version[name] = Row(sorted(version[name].items()))
    version["stored_at"] = Moment(version["stored_at"])
    version["requirements"] = Flow(version["requirements"])
    version = _on_one_line(version)
    return {key: value for key, value in version.items() if value not in ({}, []) and (key, value) != _DEFAULT_ROUTE}


def parse_states(data: bytes, name: str) -> tuple[SpaceState, ...]:
    """Read what is known of each space.

    Args:
        data: Bytes of the file.
        name: What errors call it.

    Raises:
        MetadataError: It is malformed; ``faults`` has all of it, with its lines.

    """
    text = data.decode(errors="replace")
    markers = [text.count("\n", 0, found.start()) + 1 for found in _CONFLICT.finditer(text)]
    faults = [Fault(f"line {line}", "a merge conflict", "one of its sides, or both") for line in markers]
    states: list[SpaceState] = []
    if not faults:
        document = parse(data, name=name, error=MetadataError)
        try:
            found = plain(document.root, typed=_TYPED)
        except (YAMLError, ValueError) as failure:
            raise MetadataError(f"{name} is malformed.", next_step=_ADVICE) from failure
        faults = list(_misshapen(document, found))
        if not faults:
            states, faults = _checked(document, found)
    if faults:
        raise MetadataError(f"{name} is malformed.", faults=tuple(faults), next_step=_ADVICE)
    return tuple(states)


def _misshapen(document: YamlDocument, found: dict[str, Any]) -> Iterator[Fault]:
    """Say what is wrong with the outermost keys and with the schemas."""
    if found.get("format") != FORMAT:
        yield Fault(_line(document, "format"), "is not a format that this release knows", "a newer wml_deployer")
        return
    for key in found.keys() - {"format", "schemas", "spaces"}:
        yield Fault(_line(document, key), "unknown key", "one of format, schemas, spaces")
    schemas = found.get("schemas") or {}
    if not isinstance(schemas, dict):
        yield Fault(_line(document, "schemas"), "is not a mapping", "a mapping of schemas")
        return
    for key, schema in schemas.items():
        fields = schema.get("fields") or [] if isinstance(schema, dict) else None
        if not isinstance(fields, list) or schema.keys() - set(_SCHEMA):
            yield Fault(_line(document, f"schemas.{key}"), "is not a schema", "fields, classes and named")
            continue
        for place, field in enumerate(fields):
            if not isinstance(field, list) or len(field) != len(("name", "dtype")):
                where = _line(document, f"schemas.{key}.fields[{place}]")
                yield Fault(where, "is not a field", "a name and a dtype in brackets")


def _checked(document: YamlDocument, found: dict[str, Any]) -> tuple[list[SpaceState], list[Fault]]:
    """Make records of what was read; collect what is wrong with it."""
    schemas, listed, faults, states = found.get("schemas") or {}, found.get("spaces") or [], list[Fault](), []
    if not isinstance(listed, list):
        return [], [Fault(_line(document, "spaces"), "is not a list", "a list of spaces")]
    for place, space in enumerate(listed):
        where = f"spaces[{place}]"
        if not isinstance(space, dict):
            faults.append(Fault(_line(document, where), "is not a mapping", "service and space, versions and log"))
            continue
        faults += _doubles(document, where, space)
        versions = space.get("versions") or []
        for number, version in enumerate(versions if isinstance(versions, list) else []):
            faults += _with_schema(document, f"{where}.versions[{number}]", version, schemas)
        try:
            states.append(SpaceState(**{str(key): value for key, value in space.items() if value is not None}))
        except MetadataError as error:
            # Doubles were told above, with their lines.
            told = [fault for fault in error.faults if "stands twice" not in fault.problem]
            faults += [replace(fault, where=_line(document, f"{where}.{fault.where}")) for fault in told]
    places = [(state.service, state.space) for state in states]
    for place, state in enumerate(states):
        if (state.service, state.space) in places[:place]:
            faults.append(Fault(_line(document, f"spaces[{place}]"), "stands twice", "one entry for a space"))
    return states, faults


def _with_schema(document: YamlDocument, where: str, version: Any, schemas: dict[str, Any]) -> list[Fault]:
    """Put the schema that a version names into it."""
    if not isinstance(version, dict) or "schema" not in version:
        return []
    key = version.pop("schema")
    if key not in schemas:
        return [Fault(_line(document, f"{where}.schema"), "names a schema that is not there", "a key of schemas")]
    fields = schemas[key].get("fields") or []
    version["fields"] = [{"name": name or "", "dtype": dtype or ""} for name, dtype in fields]
    version["classes"] = schemas[key].get("classes") or []
    version["named"] = schemas[key].get("named", True)
    return []


def _doubles(document: YamlDocument, where: str, space: dict[str, Any]) -> Iterator[Fault]:
    """Say which versions stand twice, by name or by revision: two sides of a merge may both have stored one."""
    versions = space.get("versions")
    seen: dict[object, str] = {}
    for number, version in enumerate(versions if isinstance(versions, list) else []):
        line = _line(document, f"{where}.versions[{number}]")
        if not isinstance(version, dict):
            continue
        for what in (("name", version.get("name")), ("revision", version.get("model_id"), version.get("revision"))):
            if what in seen:
                yield Fault(line, f"{what[0]} {what[-1]} stands twice", f"once; it is in {seen[what]}, too")
            seen.setdefault(what, line.partition(",")[0])


def _line(document: YamlDocument, where: str) -> str:
    """Say in which line a place such as ``spaces[0].log[2].when`` is, or the innermost part of it that is there."""
    node: Node = document.root
    line = node.start_mark.line
    for step in re.findall(r"[^.\[\]]+", where):
        below = _below(node, step)
        if below is None:
            break
        line, node = below
    return f"line {line + 1}, {where}"


def _below(node: Node, step: str) -> tuple[int, Node] | None:
    if isinstance(node, MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, SequenceNode) and step.isdigit() and int(step) < len(node.value):
        child = node.value[int(step)]
        return child.start_mark.line, child
    return None
