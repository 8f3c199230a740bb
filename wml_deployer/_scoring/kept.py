"""Columns that are not sent and stand before the scores: the keys to join them by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from wml_deployer.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["beside", "split"]


def split(frame: pd.DataFrame, keep: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take a frame apart into the columns to keep, and what is to be scored.

    Args:
        frame: n rows × k fields.
        keep: Names of columns.

    Raises:
        SchemaError: A column is not there.

    """
    names = list(keep)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise SchemaError(
            f"The columns to keep {', '.join(map(repr, missing))} are not among those of the frame.",
            next_step="Give keep= as a list of names of its columns.",
        )
    return frame[names], frame.drop(columns=names)


def beside(kept: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Put what was kept before its scores.

    Raises:
        SchemaError: A column that was kept is called as one of the scores is.

    """
    both = [name for name in kept.columns if name in scores.columns]
    if both:
        raise SchemaError(
            f"The columns to keep {', '.join(map(repr, both))} are called as scores are.",
            next_step="Rename them before scoring.",
        )
    return pd.concat([kept, scores], axis=1)
