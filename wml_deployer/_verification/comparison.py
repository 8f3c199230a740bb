"""The answers of the live version beside those of a candidate."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from wml_deployer._verification.agreement import rows_that_differ
from wml_deployer.reports import Comparison

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from wml_deployer.display._frames import Scores

__all__ = ["Answered", "compared", "timed"]


class Answered(NamedTuple):
    """What a version answered: its name, n rows × m columns, and the seconds that it took."""

    version: str
    scores: Scores
    seconds: float


def timed(version: str, score: Callable[[], Scores]) -> Answered:
    """Score, and look at the clock before and after."""
    began = time.perf_counter()
    scores = score()
    return Answered(version, scores, time.perf_counter() - began)


def compared(live: Answered, candidate: Answered) -> Comparison:
    """Set two versions' answers to the same rows side by side.

    Args:
        live: The answers of the live version.
        candidate: Those of the candidate.

    """
    import pandas as pd  # noqa: PLC0415 - importing this module is cheap

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
    """How far each number moved: probabilities, and predictions of a regression; -> one row a column."""
    import pandas as pd  # noqa: PLC0415 - importing this module is cheap

    numbers = [name for name in live if live[name].dtype.kind == "f" and name in candidate]
    moved = (candidate[numbers] - live[numbers]).astype("float64")
    columns = {"mean": moved.mean(), "mean_absolute": moved.abs().mean(), "largest": moved.abs().max()}
    return pd.DataFrame(columns, index=numbers)
