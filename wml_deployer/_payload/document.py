"""A request document that the caller wrote himself: checked value by value, otherwise sent as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import orjson
import pandas as pd

from wml_deployer._payload.cells import plain, refusal_of
from wml_deployer._payload.faults import capped
from wml_deployer._payload.intake import take_in
from wml_deployer._payload.table import dumped
from wml_deployer._payload.text import plain_text
from wml_deployer.errors import Fault, PayloadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer._payload.fitting import Fitting

__all__ = ["Document", "is_document", "read_document"]


@dataclass(frozen=True)
class Document:
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
        """The body, whole.

        Raises:
            PayloadError: A part was asked for.

        """
        if start != 0 or stop not in {None, self.rows}:
            raise PayloadError(
                "A document in the form {'input_data': [...]} cannot be split into smaller requests.",
                next_step="Hand in the frame or the rows themselves.",
            )
        return self.body

    def chunks(self, batch_rows: int, batch_bytes: int) -> Iterator[tuple[range, bytes]]:  # noqa: ARG002
        """The body, whole, whatever its size."""
        yield range(self.rows), self.body

    def bodies(self, fitting: Fitting) -> Iterator[tuple[range, bytes]]:  # noqa: ARG002
        """The body, whole, whatever its size."""
        yield range(self.rows), self.body


def is_document(data: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether this is a request document, and not a row."""
    return isinstance(data, Mapping) and "input_data" in data


def read_document(document: Mapping[Any, Any]) -> Document:
    """Check a request document and write it down.

    Raises:
        PayloadError: It has no list of blocks with ``values``, or values have no JSON form.

    """
    blocks = document["input_data"]
    if not isinstance(blocks, (list, tuple)) or not all(isinstance(b, Mapping) and "values" in b for b in blocks):
        raise PayloadError(
            "input_data is no list of blocks with values.",
            next_step="Hand in {'input_data': [{'fields': [...], 'values': [[...], ...]}]}, or the frame itself.",
        )
    faults: list[Fault] = []
    copy = _copied({**document, "input_data": [_framed(block) for block in blocks]}, "", faults)
    if faults:
        raise PayloadError(
            f"{len(faults):,} value{'s' if len(faults) > 1 else ''} cannot be sent. Nothing was sent.",
            faults=capped(faults),
            next_step="Replace these values; NaN and None go as null.",
        )
    return Document(orjson.dumps(copy), sum(_size(block["values"]) for block in blocks))


def _framed(block: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """IBM's client takes a frame for the values of a block; so does this, with the frame's own names."""
    values = block["values"]
    if not isinstance(values, pd.DataFrame):
        return block
    table = take_in(values, None)
    return {"fields": table.names, **block, "values": orjson.Fragment(dumped(table.values(0, table.rows)))}


def _size(values: Any) -> int:
    return len(values) if isinstance(values, (list, tuple, np.ndarray, pd.DataFrame)) else 1


def _copied(value: Any, where: str, faults: list[Fault]) -> Any:
    """JSON values of a document, its refused ones noted by their path; what is right already is not copied."""
    if isinstance(value, orjson.Fragment):
        return value
    if isinstance(value, Mapping):
        return {
            _key(key, where, faults): _copied(item, f"{where}.{key}".strip("."), faults) for key, item in value.items()
        }
    if isinstance(value, np.ndarray) and value.ndim:
        value = list(value)
    if isinstance(value, (list, tuple)):
        if _is_plain_table(value):
            return value
        return [_copied(item, f"{where}[{position}]", faults) for position, item in enumerate(value)]
    if refusal := refusal_of(value):
        faults.append(Fault(where, *refusal))
        return None
    return plain(value)


def _key(key: Any, where: str, faults: list[Fault]) -> str:
    if not isinstance(key, str):
        faults.append(Fault(where or "the document", f"has the key {key!r}", "text"))
    return str(key)


def _is_plain_table(value: Any) -> bool:
    """Whether it is a list of rows that is JSON already: the usual case, and a large one."""
    return bool(value) and set(map(type, value)) <= {list, tuple} and plain_text(value) is not None
