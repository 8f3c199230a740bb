"""Request documents that the caller has written: checked value by value, otherwise sent as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import orjson
import pandas as pd

from wml_deployer.errors import Fault, PayloadError
from wml_deployer.payload._cells import DEPTH, MAX_DEPTH, json_values, to_json, unmasked
from wml_deployer.payload._errors import RefusedError, first_faults
from wml_deployer.payload._frames import frame_table
from wml_deployer.payload._table import dump_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.payload._table import BatchSizer

__all__ = ["InputDocument", "is_document", "read_document"]


@dataclass(frozen=True)
class InputDocument:
    """A whole request body, which cannot be split: only its author knows what its blocks mean.

    Attributes:
        body: The JSON text.
        rows: How many values its blocks hold together.
        index: None: an answer need not have as many rows.

    Example:
        >>> from wml_deployer.payload import prepare
        >>> prepare({"input_data": [{"values": ["a text for a function"]}]}).body
        b'{"input_data":[{"values":["a text for a function"]}]}'

    """

    body: bytes
    rows: int
    index: None = None

    def encode(self, start: int = 0, stop: int | None = None) -> bytes:
        """Return the body, whole.

        Raises:
            PayloadError: A part was asked for.

        """
        if start != 0 or stop not in {None, self.rows}:
            raise PayloadError(
                "A document in the form {'input_data': [...]} cannot be split into smaller requests.",
                next_step="Hand in the frame or the rows themselves.",
            )
        return self.body

    def bodies(self, sizer: BatchSizer) -> Iterator[tuple[range, bytes]]:  # noqa: ARG002
        """Return the body, whole, whatever its size."""
        yield range(self.rows), self.body


def is_document(data: object) -> TypeGuard[Mapping[Any, Any]]:
    """Return whether this is a request document, not a row."""
    return isinstance(data, Mapping) and "input_data" in data


def read_document(document: Mapping[Any, Any]) -> InputDocument:
    """Check a request document and write it.

    Raises:
        PayloadError: It has no list of blocks with ``values``, or values have no JSON form.

    """
    blocks = document["input_data"]
    if not isinstance(blocks, (list, tuple)) or not all(isinstance(b, Mapping) and "values" in b for b in blocks):
        raise PayloadError(
            "The document's input_data is not a list of blocks with values.",
            next_step="Hand in {'input_data': [{'fields': [...], 'values': [[...], ...]}]}, or the frame itself.",
        )
    faults: list[Fault] = []
    copy = _checked({**document, "input_data": [_with_frame(block) for block in blocks]}, "", faults, 0)
    if faults:
        raise PayloadError(
            f"{len(faults):,} value{'s' if len(faults) > 1 else ''} cannot be sent. Nothing was sent.",
            faults=first_faults(faults),
            next_step="Replace these values; NaN and None go as null.",
        )
    return InputDocument(orjson.dumps(copy), sum(_count(block["values"]) for block in blocks))


def _with_frame(block: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Write a frame in place of a block's values, as IBM's client does, under the frame's own names."""
    values = block["values"]
    if not isinstance(values, pd.DataFrame):
        return block
    table = frame_table(values, None)
    return {"fields": table.names, **block, "values": orjson.Fragment(dump_json(table.values(0, table.rows)))}


def _count(values: Any) -> int:
    if isinstance(values, np.ndarray):
        return len(values) if values.ndim else 1
    return len(values) if isinstance(values, (list, tuple, pd.DataFrame)) else 1


def _checked(value: Any, where: str, faults: list[Fault], depth: int) -> Any:
    """Return the JSON form of a value of the document; refused values become faults, named by their path."""
    if depth > MAX_DEPTH:
        faults.append(Fault(where, *DEPTH))
        return None
    if isinstance(value, Mapping):
        return {
            _key(key, where, faults): _checked(item, f"{where}.{key}".strip("."), faults, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, np.ma.MaskedArray):
        value = unmasked(value)
    elif isinstance(value, np.ndarray) and value.ndim:
        value = value.tolist() if value.dtype.kind in "biufU" else list(value)
    if isinstance(value, (list, tuple)):
        plain = json_values(value)
        if plain is not None:
            return list(plain)
        return [_checked(item, f"{where}[{position}]", faults, depth + 1) for position, item in enumerate(value)]
    try:
        return value if isinstance(value, orjson.Fragment) else to_json(value)
    except RefusedError as error:
        faults.append(Fault(where, *error.refusal))
        return None


def _key(key: Any, where: str, faults: list[Fault]) -> str:
    if not isinstance(key, str):
        faults.append(Fault(where or "the document", f"has the key {key!r}", "text"))
        return str(key)
    try:
        return str(to_json(key))
    except RefusedError as error:
        faults.append(Fault(where or "the document", f"has the key {key!r}, which {error.refusal.problem}", "text"))
        return ""
