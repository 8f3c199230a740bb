"""What a candidate would have answered while the live version did: counted, never kept row by row."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from wml_deployer.reports import Comparison

__all__ = ["ShadowLog"]

_COLUMNS = ["when", "live", "candidate", "rows", "changed", "largest_shift", "seconds", "error"]


class ShadowLog:
    """The record of shadow scoring, in a folder that is not under version control.

    Args:
        directory: Where it is kept.

    """

    def __init__(self, directory: Path) -> None:
        """Create nothing yet."""
        self._path = directory / "shadow.jsonl"

    def record(self, comparison: Comparison) -> None:
        """Write down how far a candidate disagreed."""
        largest = comparison.shift["largest"].max() if len(comparison.shift) else None
        self._append(
            live=comparison.live,
            candidate=comparison.candidate,
            rows=comparison.rows,
            changed=len(comparison.changed),
            largest_shift=largest,
            seconds=comparison.seconds["candidate"],
            error=None,
        )

    def record_failure(self, live: str, candidate: str | None, rows: int, error: str) -> None:
        """Write down that a candidate could not answer; whoever asked got the live version's answer all the same."""
        self._append(live=live, candidate=candidate, rows=rows, error=error)

    def frame(self) -> pd.DataFrame:
        """Return one row for each call, oldest first."""
        import pandas as pd  # noqa: PLC0415 - importing this module is cheap

        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        frame = pd.DataFrame([orjson.loads(line) for line in lines], columns=_COLUMNS)
        return frame.assign(when=pd.to_datetime(frame["when"], utc=True))

    def _append(self, **entry: Any) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        (self._path.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        line = orjson.dumps({"when": datetime.now(timezone.utc), **entry}, option=orjson.OPT_SERIALIZE_NUMPY)
        # One write of one line: processes that score at the same time do not mix their lines.
        with self._path.open("ab", buffering=0) as file:
            file.write(line + b"\n")
