"""The proof of a deployment: a sample that the live endpoint must answer as the local model did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer._rollout.agreement import answers, rows_that_differ
from wml_deployer._rollout.causes import likely_causes
from wml_deployer.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from wml_deployer._rollout.sample import Sample

__all__ = ["disagreement"]

SHOWN_ROWS = 10

UNEXPLAINED = (
    "Compare the library versions of this process with those of the software specification, the order of the columns, "
    "and their dtypes."
)
"""What to do where no cause was found."""


def disagreement(score: Callable[[bytes], bytes], sample: Sample) -> RolloutError | None:
    """Score the sample and return what differs from the local model's answers, or ``None``.

    Args:
        score: Sends payload bytes to the live endpoint and returns the answer's bytes.
        sample: The rows and the expected answers.

    """
    live, local = answers(score(sample.payload), sample), answers(sample.expected, sample)
    both = None
    if list(live.columns) != list(local.columns) or len(live) != len(local):
        message = (
            f"The deployment answers {len(live)} rows of {list(live.columns)}, "
            f"the local model {len(local)} rows of {list(local.columns)}."
        )
    else:
        differs = rows_that_differ(live, local)
        if not any(differs):
            return None
        both = _side_by_side(live, local, differs)
        message = _table(both, len(local))
    causes = likely_causes(score, sample, live, local)
    said = "\n".join(f"Likely cause: {cause.problem}" for cause in causes)
    steps = dict.fromkeys(cause.next_step for cause in causes)
    error = RolloutError(f"{message}\n{said}" if said else message, next_step=" ".join(steps) or UNEXPLAINED)
    error.differing = both
    return error


def _side_by_side(live: pd.DataFrame, local: pd.DataFrame, differs: list[bool]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - importing this module is cheap

    return pd.concat({"local": local[differs], "deployed": live[differs]}, axis=1)


def _table(both: pd.DataFrame, rows: int) -> str:
    shown = both.head(SHOWN_ROWS).to_string()
    count = f"{len(both)} of {rows} sample rows differ between deployment and local model"
    return f"{count}, the first {SHOWN_ROWS} of them:\n{shown}" if len(both) > SHOWN_ROWS else f"{count}:\n{shown}"
