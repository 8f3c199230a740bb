"""Frames as tables have them, and how they are made fit to be sent by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["mixed", "random", "repaired"]


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def mixed(rows: int) -> pd.DataFrame:
    """25 columns as tables have them: numbers and text with gaps, dates, categories, flags."""
    chance = random()
    words = np.array(["Lisboa", "Porto", "Faro", None], dtype=object)
    days = pd.date_range("2024-01-31", periods=rows, freq="min").to_series(index=range(rows))
    gaps = chance.random(rows) < 0.1
    columns: dict[str, Any] = {
        **{f"float{place}": np.where(gaps, np.nan, chance.normal(size=rows)) for place in range(8)},
        **{f"int{place}": chance.integers(0, 10**6, rows) for place in range(6)},
        **{f"text{place}": words[chance.integers(0, 4, rows)] for place in range(4)},
        "date0": days,
        "date1": days.mask(gaps),
        "date2": days.dt.tz_localize("UTC"),
        **{f"flag{place}": chance.random(rows) < 1 / 2 for place in range(2)},
        "kind": pd.Categorical(words[chance.integers(0, 4, rows)]),
        "count": pd.Series(chance.integers(0, 9, rows)).astype("Int64").mask(gaps),
    }
    return pd.DataFrame(columns)


def repaired(frame: pd.DataFrame) -> pd.DataFrame:
    """What the tutorial's lines turn into right values: dates as text, integers beside floats, None for gaps."""
    cells = frame.astype(object)
    for name in frame.select_dtypes(["datetime", "datetimetz"]).columns:
        cells[name] = frame[name].map(pd.Timestamp.isoformat, na_action="ignore")
    return cells.where(cells.notna(), None)
