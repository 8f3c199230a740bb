"""Whatever holds rows -> a checked table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from wml_deployer._payload.arrays import array_table
from wml_deployer._payload.faults import KINDS
from wml_deployer._payload.frames import frame_table
from wml_deployer._payload.rows import list_table, record_table, records_table
from wml_deployer.errors import PayloadError

if TYPE_CHECKING:
    from wml_deployer._payload.table import Table
    from wml_deployer.schema import Schema

__all__ = ["take_in"]


def take_in(data: object, schema: Schema | None) -> Table:
    """Check rows of any kind against the model's input and JSON's means.

    Raises:
        SchemaError: The columns are not the model's.
        PayloadError: Values, or the whole, cannot be sent.

    """
    if isinstance(data, pd.DataFrame):
        return frame_table(data, schema)
    if isinstance(data, np.ndarray):
        return array_table(data, schema)
    if isinstance(data, pd.Series):
        index = pd.RangeIndex(1) if data.name is None else pd.Index([data.name])
        return records_table(data.index.tolist(), [data.to_numpy(dtype=object).tolist()], schema, index)
    if isinstance(data, Mapping):
        return record_table(data, schema)
    if isinstance(data, (list, tuple)):
        return list_table(data, schema)
    raise PayloadError(f"A {type(data).__qualname__} holds no rows that can be scored.", next_step=KINDS)
