"""Rows of Python values -> their JSON text, where orjson by itself writes every one of them right."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["plain_text"]

# Subclasses may mean something else, and the moments of a column all go with one precision.
_STRICT = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_FLAT = frozenset({int, float, str, bool, type(None)})
_FEW_ROWS = 256


def plain_text(rows: Sequence[Sequence[Any]]) -> bytes | None:
    """The JSON text of rows of cells, if it is right as orjson writes it; None where one of them needs a hand.

    What it writes other than :func:`wml_deployer._payload.cells.plain` are infinities alone: as null.
    """
    try:
        text = orjson.dumps(rows, option=_STRICT)
    except TypeError:  # a value of another type, an integer beyond 64 bits, or a lone surrogate
        return None
    return text if b"null" not in text or _are_flat_and_finite(rows) else None


def _are_flat_and_finite(rows: Sequence[Sequence[Any]]) -> bool:
    kinds = set(map(type, chain.from_iterable(rows)))
    if not kinds <= _FLAT:
        return False
    if float not in kinds:
        return True
    # Few rows are looked through in one go.
    together = rows if len(rows) > _FEW_ROWS else (list(chain.from_iterable(rows)),)
    return not any(math.inf in row or -math.inf in row for row in together)
