"""YAML that reads well in a diff: block style, except for what is marked to stand on one line; nothing is wrapped."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["Flow", "Moment", "Row", "dump"]

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
