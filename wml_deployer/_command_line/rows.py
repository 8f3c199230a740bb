"""Read rows from files or standard input, and write scores, chunk by chunk: files may be larger than memory."""

from __future__ import annotations

import io
import os
import sys
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer._command_line.output import write_data
from wml_deployer._verification.sample_file import (
    AS_TEXT,
    PARQUET,
    SampleFile,
    reading,
    refuse_dtypes,
    refuse_long_lines,
)
from wml_deployer.errors import ClientNotInstalledError, Fault, PayloadError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    from typing_extensions import Self

    from wml_deployer.schema import Schema

__all__ = ["RowFile", "score_writer"]

CHUNK_ROWS = 20_000
_PARQUET_MAGIC = b"PAR1"


class RowFile:
    """A CSV or Parquet file of rows to score, in chunks.

    Args:
        path: The file, or ``-`` for standard input.
        dtypes: The pandas dtype of a column by name, as the caller says.
        schema: What is known of the model's fields.
        keep: Columns that are not scored, and stand before the scores.

    """

    def __init__(self, path: Path, dtypes: Mapping[str, str], schema: Schema | None, keep: Sequence[str] = ()) -> None:
        self._path = Path("standard input") if str(path) == "-" else path
        self._is_stdin = str(path) == "-"
        self._source: Any = sys.stdin.buffer if self._is_stdin else path
        self._dtypes, self._keep = dtypes, list(keep)
        self._fields = schema.fields if schema else ()
        self._kept: deque[pd.DataFrame] = deque()

    def chunks(self) -> Iterator[pd.DataFrame]:
        """Yield the rows to score, with their types and without the kept columns.

        Raises:
            PayloadError: They cannot be read, or a column to keep is not there.

        """
        for number, (rows, is_text) in enumerate(self._raw_chunks()):
            if not number:
                refuse_dtypes(self._path, rows, self._dtypes)
                self._refuse_missing(rows)
            self._kept.append(rows[self._keep])
            sent = rows.drop(columns=self._keep) if self._keep else rows
            yield SampleFile(self._path, sent, is_text, self._dtypes).fitting(self._fields)

    def with_kept(self, scores: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Put the kept columns before the scores of each chunk, which come in the order of the chunks."""
        import pandas as pd  # noqa: PLC0415 - --help answers at once

        for chunk in scores:
            parts = [part.reset_index(drop=True) for part in (self._kept.popleft(), pd.DataFrame(chunk))]
            yield pd.concat(parts, axis=1)

    def _raw_chunks(self) -> Iterator[tuple[pd.DataFrame, bool]]:
        """Read the cells as they are, and whether they are text whose types are still to be found."""
        is_parquet = self._path.suffix.lower() in PARQUET
        if self._is_stdin and self._source.peek(len(_PARQUET_MAGIC)).startswith(_PARQUET_MAGIC):
            # The table of contents stands at the end of the file.
            is_parquet, self._source = True, io.BytesIO(self._source.read())
        chunks = _parquet_chunks(self._source) if is_parquet else self._csv_chunks()
        while True:
            with reading(self._path):
                rows = next(chunks, None)
                if rows is None:
                    return
                refuse_long_lines(rows, is_text=not is_parquet)
            yield rows, not is_parquet

    def _csv_chunks(self) -> Iterator[pd.DataFrame]:
        import pandas as pd  # noqa: PLC0415 - --help answers at once

        reader = pd.read_csv(self._source, chunksize=CHUNK_ROWS, **AS_TEXT)
        with reader:
            first = next(reader, None)
            if first is None:
                return
            known = {field.name for field in self._fields} | self._dtypes.keys() | set(self._keep)
            if set(first.columns) <= known:
                yield first
                yield from reader
            else:
                # The type of a column that nobody knows is found in all of its cells.
                yield pd.concat([first, *reader])

    def _refuse_missing(self, rows: pd.DataFrame) -> None:
        missing = [name for name in self._keep if name not in rows.columns]
        if missing:
            raise PayloadError(
                f"The rows of {self._path} do not have the columns of --keep.",
                faults=tuple(Fault(f"column {name!r}", "is missing") for name in missing),
                next_step="Correct the names.",
            )


def _parquet_chunks(source: Any) -> Iterator[pd.DataFrame]:
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - Parquet alone needs it

    with ParquetFile(source) as file:
        for batch in file.iter_batches(CHUNK_ROWS):
            yield batch.to_pandas()


@contextmanager
def score_writer(output: Path | None) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Open what chunks of scores are written to.

    A file is complete or not there: it gets its name when everything is written.

    Args:
        output: A CSV or Parquet file; standard output if not given, as CSV.

    Raises:
        PayloadError: The file cannot be written.

    """
    if output is None:
        yield _CsvWriter(write_data).write
        return
    partial = output if output.exists() and not output.is_file() else output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with _opened(partial, is_parquet=output.suffix.lower() in PARQUET) as write:
            yield write
        if partial != output:
            partial.replace(output)
    except WMLDeployerError:
        raise
    except OSError as error:
        raise PayloadError(
            f"The scores cannot be written to {output}: {error.strerror or error}",
            next_step="Choose another file.",
        ) from error
    finally:
        if partial != output:
            partial.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path, *, is_parquet: bool) -> Iterator[Callable[[pd.DataFrame], None]]:
    if not is_parquet:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield _CsvWriter(file.write).write
        return
    try:
        writer = _ParquetWriter(path)
    except ImportError as error:
        raise ClientNotInstalledError(
            f"Writing {path} needs pyarrow, which is not installed.",
            next_step="Install it (pip install pyarrow), or give a CSV file.",
        ) from error
    with writer as opened:
        yield opened.write


class _CsvWriter:
    """Writes one header, and a line for each row; numbers as the shortest text that reads the same."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write, self._has_header = write, False

    def write(self, chunk: pd.DataFrame) -> None:
        self._write(chunk.to_csv(index=False, header=not self._has_header, lineterminator="\n"))
        self._has_header = True


class _ParquetWriter:
    """Writes one row group a chunk, all of the types of the first one."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa  # noqa: PLC0415 - Parquet alone needs it
        from pyarrow import parquet  # noqa: PLC0415

        self._table, self._open, self._path = pa.Table, parquet.ParquetWriter, path
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, chunk: pd.DataFrame) -> None:
        schema = None if self._writer is None else self._writer.schema
        table = self._table.from_pandas(chunk, schema=schema, preserve_index=False)
        if self._writer is None:
            self._writer = self._open(self._path, table.schema)
        self._writer.write_table(table)
