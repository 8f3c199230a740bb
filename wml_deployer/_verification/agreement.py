"""Compare two answers to the same rows.

Labels, whole numbers and text must be equal. Floating-point numbers (probabilities, regressions) must agree to one part
in a million, or to a millionth where they are smaller than one: that is a hundred times what another processor or
another build of the numeric libraries changes in doubles, and far below what another release of a model's library does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from wml_deployer.reports import Comparison

if TYPE_CHECKING:
    import pandas as pd

    from wml_deployer.display._frames import Scores

__all__ = ["TOLERANCE", "TimedScores", "agree", "compare_answers", "rows_that_differ"]

TOLERANCE = 1e-6
"""How far floating-point numbers may be apart, relative to their size, or absolutely below one."""


def agree(live: pd.DataFrame, local: pd.DataFrame) -> bool:
    """Whether two answers have the same columns and rows, equal within the tolerance."""
    same_shape = list(live.columns) == list(local.columns) and len(live) == len(local)
    return same_shape and not any(rows_that_differ(live, local))


def rows_that_differ(live: pd.DataFrame, local: pd.DataFrame) -> list[bool]:
    """Compare two answers row by row.

    Args:
        live: n rows × m columns.
        local: The same rows and columns.

    Returns:
        For each of the n rows, whether the two answers differ by more than the tolerance.

    """
    columns = zip((live[name] for name in live), (local[name] for name in local), strict=True)
    pairs = [zip(theirs.tolist(), ours.tolist(), strict=True) for theirs, ours in columns]
    return [not all(_agree(theirs, ours) for theirs, ours in row) for row in zip(*pairs, strict=True)]


def _agree(theirs: Any, ours: Any) -> bool:
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) == len(ours) and all(map(_agree, theirs, ours))
    if _is_missing(theirs) or _is_missing(ours):
        return _is_missing(theirs) and _is_missing(ours)
    if isinstance(ours, float) and isinstance(theirs, int | float):
        return abs(theirs - ours) <= TOLERANCE * max(1.0, abs(ours))
    return bool(theirs == ours)


def _is_missing(value: Any) -> bool:
    import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


class TimedScores(NamedTuple):
    """The scores of a version: its name, n rows × m columns, and the seconds that scoring took."""

    version: str
    scores: Scores
    seconds: float


def compare_answers(live: TimedScores, candidate: TimedScores) -> Comparison:
    """Set two versions' answers to the same rows side by side.

    Args:
        live: The answers of the live version.
        candidate: Those of the candidate.

    """
    import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

    labels = [name for name in live.scores if str(name).startswith("prediction") and name in candidate.scores]
    changed = rows_that_differ(candidate.scores[labels], live.scores[labels])
    both = pd.concat({"live": live.scores[changed], "candidate": candidate.scores[changed]}, axis=1)
    return Comparison(
        live=live.version,
        candidate=candidate.version,
        rows=len(live.scores),
        agreement=1.0 - sum(changed) / max(len(changed), 1),
        changed=both,
        shift=_shift(live.scores, candidate.scores),
        seconds={"live": live.seconds, "candidate": candidate.seconds},
    )


def _shift(live: pd.DataFrame, candidate: pd.DataFrame) -> pd.DataFrame:
    """Measure how far probabilities, or predictions of a regression, moved; -> one row a column."""
    import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

    numbers = [name for name in live if live[name].dtype.kind == "f" and name in candidate]
    moved = (candidate[numbers] - live[numbers]).astype("float64")
    columns = {"mean": moved.mean(), "mean_absolute": moved.abs().mean(), "largest": moved.abs().max()}
    return pd.DataFrame(columns, index=numbers)
