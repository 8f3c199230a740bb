"""Check the JSON of a request: ``{"input_data": [{"fields"?: [k names], "values": [n rows]}]}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from wml_deployer.server.runtimes.errors import PredictionError

__all__ = ["Block", "decode", "input_blocks", "require_width"]


@dataclass(frozen=True)
class Block:
    """A table of a payload.

    Attributes:
        fields: The k column names, if given.
        values: The n rows.
        id: Name of the model's input, if given.

    """

    fields: list[str] | None
    values: list[Any]
    id: str | None = None


def decode(body: bytes | bytearray) -> dict[str, Any]:
    """Parse strict JSON, without ``NaN`` and ``Infinity``.

    Raises:
        PredictionError: The body is not valid JSON, or not an object.

    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _invalid(f"The request body is not valid JSON: {error}") from error
    if not isinstance(payload, dict):
        raise _invalid("The request body is not a JSON object.")
    return payload


def input_blocks(payload: dict[str, Any]) -> list[Block]:
    """Check the tables of a payload.

    Raises:
        PredictionError: ``input_data`` or ``values`` is missing or not a list, or ``fields`` is not a list of strings.

    """
    blocks = payload.get("input_data")
    if not isinstance(blocks, list) or not blocks:
        raise _invalid("'input_data' is missing or is not a list with at least one element.")
    return [_block(block, f"input_data[{index}]") for index, block in enumerate(blocks)]


def require_width(values: list[Any], width: int) -> None:
    """Check that each row has as many values as there are columns.

    Raises:
        PredictionError: A row has another number of values.

    """
    others = {len(row) if isinstance(row, list) else 1 for row in values} - {width}
    if others:
        raise PredictionError(
            400,
            "invalid_input_argument",
            f"A row of 'values' does not match the columns: it has {min(others)} values for {width} columns.",
        )


def _block(block: Any, where: str) -> Block:
    if not isinstance(block, dict):
        raise _invalid(f"'{where}' is not an object.")
    values = block.get("values")
    if not isinstance(values, list):
        raise _invalid(f"'{where}.values' is missing or is not a list.")
    name = block.get("id")
    return Block(_fields(block.get("fields"), where), values, name if isinstance(name, str) else None)


def _fields(fields: Any, where: str) -> list[str] | None:
    if fields is None:
        return None
    # Published applications nest the names one level too deep.
    if isinstance(fields, list) and len(fields) == 1 and isinstance(fields[0], list):
        fields = fields[0]
    if not isinstance(fields, list) or not all(isinstance(field, str) for field in fields):
        raise _invalid(f"'{where}.fields' is not a list of strings.")
    return fields


def _invalid(message: str) -> PredictionError:
    return PredictionError(400, "invalid_request_entity", message)
