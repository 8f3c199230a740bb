"""Write rows and scores to Parquet files: beside the scoring, bounded, and without ever costing a score.

A Parquet file can only be read once it is complete. So nothing stays open: every few seconds the new rows are joined
with the newest file, and the result takes its place at once. A file that has grown large is left, and a new one begun.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from wml_deployer._install import install_command
from wml_deployer.errors import ClientNotInstalledError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from typing_extensions import Self

    from wml_deployer.monitoring._events import ScoringEvent

__all__ = ["PayloadLog"]

MAX_BYTES = 1_000_000_000
FILE_BYTES = 32_000_000
"""A file of this size is not added to any more."""
FLUSH_SECONDS = 5.0
FLUSH_BYTES = 8_000_000
PENDING_BYTES = 64_000_000
"""Requests and responses that wait to be written; what comes beyond that is not logged."""
SMALLEST_LOG = 1_000_000

_PREFIX, _SUFFIX = "payload-", ".parquet"
_METADATA = b"wml_deployer"
_log = logging.getLogger(__name__)


class PayloadLog:
    """Writes the rows and scores of each request to Parquet files; a hook for :meth:`wml_deployer.Deployer.watch`.

    A file has a column for each input field and for each column of the scores, under their own names, and beside them
    ``wml_time`` (when the request began, UTC), ``wml_version``, ``wml_deployment`` (its id), ``wml_request``,
    ``wml_seconds`` and ``wml_index`` (the index of the caller's rows). A field that is called as a column of the scores
    is written as ``input_NAME``. Requests that failed have no scores and are not logged.

    Rows are written every few seconds on a thread of its own, and at the end of the process. On workers, to which a log
    travels with a :class:`~wml_deployer.scorer.Scorer`, they are written at once, since workers may be killed. What
    cannot be written, or not as fast as it is scored, is left out: ``dropped`` counts it, and the logger
    ``wml_deployer`` says why.

    Args:
        folder: Where the files are; made if it is not there. Files are readable for their owner alone.
        max_bytes: Size of all files together; the oldest are removed.

    Raises:
        ClientNotInstalledError: pyarrow is not installed.
        ConfigurationError: The folder cannot be made, or the size is too small.

    Example:
        >>> import tempfile
        >>> try:
        ...     log = PayloadLog(tempfile.mkdtemp(), max_bytes=100_000_000)
        ... except ImportError:
        ...     log = None  # the extra parquet is not installed

    """

    def __init__(self, folder: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> None:
        try:
            # pyarrow imports the first of them at its first use, which may be when the process ends: too late.
            import pyarrow.pandas_compat  # noqa: PLC0415 - an extra
            import pyarrow.parquet  # noqa: F401, PLC0415
        except ImportError as error:
            raise ClientNotInstalledError(
                "A payload log needs pyarrow, which is not installed.", next_step=install_command("parquet")
            ) from error
        given: Any = max_bytes
        if not isinstance(given, int) or given < SMALLEST_LOG:
            raise ConfigurationError(
                f"A payload log cannot have at most {max_bytes!r} bytes.",
                next_step=f"Give a whole number of bytes, at least {SMALLEST_LOG:,}.",
            )
        self.folder = Path(folder).absolute()
        self.max_bytes = max_bytes
        self.dropped = 0
        self._file_bytes = min(FILE_BYTES, max_bytes // 4)
        self._is_synchronous = False
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable("made", error) from error
        self._begin()
        atexit.register(_flush_at_exit, weakref.ref(self))

    def _begin(self) -> None:
        """Start with nothing to write, in this process."""
        self._process = os.getpid()
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._pending: list[ScoringEvent] = []
        self._pending_bytes = 0
        self._timer: threading.Timer | None = None
        self._file: Path | None = None

    def __repr__(self) -> str:
        """Write the call that makes it."""
        return f"PayloadLog({str(self.folder)!r})"

    def __eq__(self, other: object) -> bool:
        """Two logs in one folder are one."""
        return isinstance(other, PayloadLog) and other.folder == self.folder

    def __hash__(self) -> int:
        """Hash the folder."""
        return hash(self.folder)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to a worker as its settings."""
        return _on_worker, (str(self.folder), self.max_bytes)

    def __enter__(self) -> Self:
        """Use the log as a context that writes everything at its end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is pending."""
        self._flush_quietly()

    def __call__(self, event: ScoringEvent) -> None:
        """Take the rows and scores of a request."""
        if event.outcome != "scored" or not event.rows:
            return
        if self._process != os.getpid():
            # A forked child: what was pending, and the threads, are the parent's.
            self._begin()
            self._is_synchronous = True
        size = event.request_bytes + event.response_bytes
        with self._lock:
            if self._pending and self._pending_bytes + size > PENDING_BYTES:
                self._drop(event.rows, "more is scored than can be written")
                return
            self._pending.append(event)
            self._pending_bytes += size
            is_full = self._pending_bytes >= FLUSH_BYTES
        if self._is_synchronous:
            self._flush_quietly()
        else:
            self._schedule(0.0 if is_full else FLUSH_SECONDS)

    def flush(self) -> None:
        """Write what is pending now.

        Raises:
            ConfigurationError: The files cannot be written.

        """
        try:
            self._write()
        except OSError as error:
            raise self._unusable("written", error) from error

    def read(self) -> pd.DataFrame:
        """Write what is pending, and read all files.

        Returns:
            One row for each row that was scored, oldest first. Columns that not all versions have are null elsewhere.

        Raises:
            ConfigurationError: The files cannot be written or read.

        """
        import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

        self.flush()
        frames: list[pd.DataFrame] = [table.to_pandas() for table in self._tables(self._files())]
        if not frames:
            return pd.DataFrame()
        whole = pd.concat(frames, ignore_index=True)
        return whole.sort_values("wml_time", kind="stable", ignore_index=True)

    def rows(self, fields: Sequence[str] = (), most: int | None = None) -> pd.DataFrame:
        """Write what is pending, and read the rows as they were sent, without scores.

        Args:
            fields: The fields to read, in this order; rows of versions without one of them are left out. Without any,
                the fields of the newest rows.
            most: The newest rows, at most so many; all if not given.

        Returns:
            n rows × k fields, oldest first.

        Raises:
            ConfigurationError: The files cannot be written or read.

        """
        import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

        self.flush()
        found, wanted, count = [], list(fields), 0
        for table in self._tables(reversed(self._files())):
            columns: dict[str, str] = orjson.loads(table.schema.metadata[_METADATA])
            wanted = wanted or list(columns)
            if columns.keys() >= set(wanted):
                found.append(table.select([columns[name] for name in wanted]).rename_columns(wanted).to_pandas())
                count += len(found[-1])
            if most is not None and count >= most:
                break
        rows = pd.concat(reversed(found), ignore_index=True) if found else pd.DataFrame(columns=wanted)
        return rows if most is None else rows.tail(most).reset_index(drop=True)

    def _schedule(self, seconds: float) -> None:
        with self._lock:
            if self._timer is not None and (seconds or not self._timer.interval):
                return
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(seconds, self._flush_quietly)
            self._timer.daemon = True
            self._timer.start()

    def _flush_quietly(self) -> None:
        """Write what is pending; errors are logged, and what could not be written is tried again."""
        try:
            self._write()
        except Exception:  # noqa: BLE001 - nothing that happens here may cost a score
            _log.warning("The payload log in %s cannot be written.", self.folder, exc_info=True)

    def _write(self) -> None:
        with self._writing:
            with self._lock:
                events, self._pending, self._pending_bytes = self._pending, [], 0
                timer, self._timer = self._timer, None
            if timer is not None:
                timer.cancel()
            waiting = list(events)
            try:
                for group, table in self._tables_of(events):
                    self._append(table)
                    del waiting[: waiting.index(group[-1]) + 1]
                if events:
                    self._prune()
            except OSError:
                with self._lock:
                    self._pending = waiting + self._pending
                    self._pending_bytes = sum(each.request_bytes + each.response_bytes for each in self._pending)
                raise

    def _tables_of(self, events: Sequence[ScoringEvent]) -> Iterable[tuple[list[ScoringEvent], Any]]:
        """Yield tables of events that follow each other and have the same columns, with the events of each."""
        group: list[ScoringEvent] = []
        joined: Any = None
        for event in events:
            try:
                table = _table_of(event)
            except Exception as error:  # noqa: BLE001 - rows of any kind
                self._drop(event.rows, f"{type(error).__name__}: {error}")
                continue
            if table is None:
                self._drop(event.rows, "they are not a table with one score for each row")
                continue
            both = _joined(joined, table)
            if both is None and group:
                yield group, joined
                group = []
            joined = table if both is None else both
            group = [*group, event]
        if group:
            yield group, joined

    def _append(self, table: Any) -> None:
        """Join rows with the newest file of this process, if it has the same columns and is not full."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

        target, whole = self._file, None
        if target is not None and target.exists() and target.stat().st_size < self._file_bytes:
            whole = _joined(pq.read_table(target, partitioning=None), table)
        if target is None or whole is None:
            now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
            target, whole = self.folder / f"{_PREFIX}{now}-{uuid4().hex[:8]}{_SUFFIX}", table
        part = target.with_name(f".{target.name}.part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                pq.write_table(whole, file)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        self._file = target

    def _prune(self) -> None:
        """Remove the oldest files until the others are small enough together."""
        sizes = {path: _size(path) for path in self._files()}
        total = sum(sizes.values())
        for path, size in list(sizes.items())[:-1]:
            if total <= self.max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"{_PREFIX}*{_SUFFIX}"))

    def _tables(self, files: Iterable[Path]) -> Iterable[Any]:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415

        for path in files:
            try:
                yield pq.read_table(path, partitioning=None)
            except FileNotFoundError:  # noqa: PERF203 - another process has removed it meanwhile
                continue
            except (OSError, pa.ArrowException) as error:
                raise ConfigurationError(
                    f"{path} cannot be read: {error}", next_step="Remove the file: it is not one of a payload log."
                ) from error

    def _drop(self, rows: int, reason: str) -> None:
        if not self.dropped:
            _log.warning("Some rows are not in the payload log in %s: %s.", self.folder, reason)
        self.dropped += rows

    def _unusable(self, done: str, error: OSError) -> ConfigurationError:
        return ConfigurationError(
            f"The payload log in {self.folder} cannot be {done}: {error}",
            next_step="Give another folder, or make this one writable for you.",
        )


@lru_cache(maxsize=8)
def _on_worker(folder: str, max_bytes: int) -> PayloadLog:
    # One log for all partitions of a process, which append to one file.
    log = PayloadLog(folder, max_bytes=max_bytes)
    log._is_synchronous = True  # noqa: SLF001 - its own module
    return log


def _flush_at_exit(log: weakref.ref[PayloadLog]) -> None:
    found = log()
    if found is not None:
        found._flush_quietly()  # noqa: SLF001 - its own module


def _table_of(event: ScoringEvent) -> Any:
    """Make a table of one event: fields, scores, and facts about the request; ``None`` if they do not fit together."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    payload, scores = event.payload(), event.scores()
    if payload is None or scores is None or len(payload) != len(scores):
        return None
    facts: dict[str, Any] = {
        "wml_time": datetime.fromtimestamp(event.started, timezone.utc),
        "wml_version": event.version,
        "wml_deployment": event.deployment_id,
        "wml_request": uuid4().hex,
        "wml_seconds": event.seconds,
    }
    kinds = {"wml_time": pa.timestamp("us", "UTC"), "wml_seconds": pa.float64()}
    taken = {*map(str, scores), *facts, "wml_index"}
    fields: dict[str, str] = {}
    for name in payload:
        column = str(name)
        while column in taken:
            column = f"input_{column}"
        taken.add(column)
        fields[str(name)] = column
    columns = {column: _array(payload[name]) for name, column in fields.items()}
    columns |= {str(name): _array(scores[name]) for name in scores}
    columns |= {name: pa.array([fact] * len(scores), kinds.get(name, pa.string())) for name, fact in facts.items()}
    index = scores.index.to_series()
    columns["wml_index"] = _array(index if index.dtype.kind in "iu" else index.map(str))
    return pa.table(columns).replace_schema_metadata({_METADATA: orjson.dumps(fields)})


def _array(column: pd.Series[Any]) -> Any:
    """Make an Arrow array of a column; values of several types become JSON text."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    try:
        return pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        texts = [value if isinstance(value, str) else orjson.dumps(value, default=str).decode() for value in column]
        return pa.array(texts, pa.string())


def _joined(before: Any, table: Any) -> Any:
    """Join two tables of the same columns, whose types may have to be widened; ``None`` where that is not possible."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    if before is None or before.schema.metadata != table.schema.metadata or before.column_names != table.column_names:
        return None
    try:
        return pa.concat_tables([before, table], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # another process has removed it meanwhile
        return 0
