"""Rehearse a deployment: play the way of a sample to the model and back in this process, before anything is uploaded.

A request can change values silently: NaN in text arrives as None, categories are declared anew over the rows of
each request, integers beyond 2**53 become doubles beside a gap. Each part of the sample is therefore encoded as
``score`` would, rebuilt as the service's runtime does, and given to the model; its answer is compared with what the
model says of the sample itself. The parts are all rows, each half, rows alone, and rows with a gap in each column that
may have one. Most columns arrive as they were sent, and then the model need not be asked.

    all rows --encode--> body --NativeRuntime--> frame --predict--> answer --decode--+
       |                                                                             +-- equal?
       +---------------------predict--> answer --encode--> decode--------------------+

An answer that differs is an error, because nobody would notice it. A gap that the service refuses is only a warning.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import orjson
import pandas as pd

from wml_deployer._functions.description import as_fitted, form_of
from wml_deployer._functions.loader import outputs
from wml_deployer._verification import user_code
from wml_deployer._verification.agreement import agree, rows_that_differ
from wml_deployer._verification.changes import (
    changed_columns,
    large_integer_columns,
    nullable_columns,
    reason_of,
    with_gaps,
)
from wml_deployer._verification.runtimes import (
    NativeRuntime,
    UnreadableColumnError,
    answer,
    arrays_of,
    written,
)
from wml_deployer._verification.sample import Part, Rehearsal, Sample
from wml_deployer.errors import InvalidResponseError, ModelError
from wml_deployer.frameworks import process_settings, recognise
from wml_deployer.payload import decode
from wml_deployer.payload._labels import ClassNames, Verdict
from wml_deployer.reports import Finding

if TYPE_CHECKING:
    from wml_deployer._verification.rows import SampleRows
    from wml_deployer.reports import Severity
    from wml_deployer.schema import Schema

__all__ = ["ALONE_ROWS", "rehearse"]

ALONE_ROWS = 5
"""Rows that travel alone, evenly spread over the sample. Each is one more request when a deployment is verified."""

MAX_COLUMNS = 50
"""Columns that are tried one by one, if more of a sample's columns change on the way."""

_SEVERAL = 3

NO_GAPS = "Score no row with a gap in it, or let the pipeline fill them: SimpleImputer(missing_values=None) fills text."

ONE_GAP = (
    "Use one kind of gap in the rows that are scored, the one of the fit; or let the pipeline fill gaps of both kinds."
)

CORRECT_SAMPLE = "Give as sample= rows that the model can answer, in the form that it was fitted on."


class Runtime(Protocol):
    """What answers requests: a native runtime, or a function."""

    def read(self, body: bytes) -> Any:
        """Return what the model is called with, or raise a ``ValueError``."""

    def answer(self, body: bytes, arrived: Any) -> bytes:
        """Return the answer to a request, of which the rows were read."""


def rehearse(model: Any, rows: SampleRows, schema: Schema, runtime: Runtime | None = None) -> Rehearsal:
    """Rehearse how the service would answer a sample.

    Args:
        model: The fitted estimator.
        rows: n rows × k columns.
        schema: The model's input as it will be stored, and its classes.
        runtime: What answers; a native runtime if not given.

    """
    with warnings.catch_warnings():
        # A model fitted on an array complains about names; only what it answers counts.
        warnings.simplefilter("ignore")
        try:
            run = _Run(model, rows, schema, runtime)
        except (ModelError, InvalidResponseError) as error:
            # The answer itself may be of a shape that no answer of the service has.
            finding = Finding("error", "sample", error.message, error.next_step or CORRECT_SAMPLE)
            return Rehearsal(None, (finding,), error.__cause__)
        run.play_rows()
        run.play_gaps()
        run.play_both_kinds_of_gap()
        run.play_large_integers()
    return Rehearsal(Sample(tuple(run.parts), schema), tuple(run.findings.values()))


@dataclass(frozen=True, eq=False)
class _Rows:
    """Some rows on their way.

    Attributes:
        part: Which rows they are, for messages.
        frame: m rows × k columns as the caller has them.
        local: The same as the model takes them, a frame or an array.
        body: Their request; empty if the encoder refuses them.
        arrived: The same as the runtime makes them; what it or the encoder raised, if one of them refuses them.

    """

    part: str
    frame: pd.DataFrame
    local: Any
    body: bytes
    arrived: Any

    @cached_property
    def ours(self) -> pd.DataFrame:
        """The local rows under the sample's column names."""
        return _as_frame(self.local, self.frame.columns)

    @cached_property
    def theirs(self) -> pd.DataFrame:
        """The arrived rows under the sample's column names."""
        return _as_frame(self.arrived, self.frame.columns)

    @cached_property
    def changed(self) -> list[Any]:
        """The columns that do not arrive as they were sent."""
        return changed_columns(self.ours, self.theirs)


class _Run:
    """One rehearsal: the parts that agree, and what was found.

    Args:
        model: The fitted estimator.
        rows: n rows × k columns.
        schema: The model's input and classes.
        runtime: What answers.

    Raises:
        ModelError: The model cannot answer the sample.

    """

    def __init__(self, model: Any, rows: SampleRows, schema: Schema, runtime: Runtime | None) -> None:
        self._model, self._rows, self._schema = model, rows, schema
        self._call = recognise(model).call
        self._runtime = runtime or NativeRuntime(model, schema, self._call)
        self._form = form_of(model, named=rows.named)
        body = local_answer(model, as_fitted(rows.frame, self._form), self._call)
        self._answered_values = orjson.loads(body)["predictions"][0]
        self._expected = self._decoded(body)
        self._refuse_foreign_labels()
        self.parts: list[Part] = []
        self.findings: dict[str, Finding] = {}

    def _refuse_foreign_labels(self) -> None:
        """Refuse predictions that the model's own classes do not know: nobody could tell which probability is whose.

        Raises:
            ModelError: Labels are no classes, or there are not as many probabilities as classes.

        """
        verdict = ClassNames(self._schema.classes).judge(self._expected)
        if verdict in {Verdict.FOREIGN, Verdict.OTHER_COUNT}:
            known = ", ".join(map(repr, self._schema.classes))
            raise ModelError(
                f"The predictions or probabilities do not go with the model's classes_: {known}.",
                next_step="Let the model predict labels out of its classes_, with one probability for each of them.",
            )

    def play_rows(self) -> None:
        """Play all rows, each half, and rows alone. What the model answers to each of them is known."""
        count = len(self._rows.frame)
        self._play("all rows", list(range(count)))
        if count > _SEVERAL:  # halves of fewer rows are rows alone
            self._play("the first half", list(range(count // 2)))
            self._play("the second half", list(range(count // 2, count)))
        if count > 1:
            for position in sorted({index * count // ALONE_ROWS for index in range(ALONE_ROWS)}):
                self._play(f"row {position} alone", [position])

    def play_gaps(self) -> None:
        """Play gaps in the columns that may have one and have none in the sample."""
        frame = self._rows.frame
        columns = nullable_columns(frame)
        if not columns or "rows" in self.findings:
            return
        # All at once, each in a row of its own. If that does not agree: one by one, those that do not arrive as sent.
        rows = self._sent("rows with gaps", with_gaps(frame, columns, max(len(columns), 2)))
        refused = isinstance(rows.arrived, Exception)
        suspects = [name for name in columns if refused or name in rows.changed][:MAX_COLUMNS]
        if not self._keep_if_harmless(rows):
            suspects = [name for name in suspects if self._play_gap(name, ALONE_ROWS)]
            if suspects:
                self._keep_if_harmless(self._sent(rows.part, with_gaps(frame, suspects, max(len(suspects), 2))))
        for name in suspects:
            if frame[name].dtype != object:  # alone in its request, the gap decides the dtype
                self._play_gap(name, 1)

    def play_both_kinds_of_gap(self) -> None:
        """Play None and NaN in columns of objects: a request has one kind of gap, and a model may tell them apart."""
        if self.findings:
            return
        frame = self._rows.frame
        for name in [name for name in frame if frame[name].dtype == object][:MAX_COLUMNS]:
            holed = with_gaps(frame, [name], min(len(frame), _SEVERAL))
            gaps = holed[name].isna()
            for gap in (None, float("nan")):
                values = [gap if is_gap else value for value, is_gap in zip(holed[name], gaps, strict=True)]
                holed[name] = pd.Series(values, dtype=object)
                rows = self._sent("a row with a gap", holed.copy())
                if isinstance(rows.arrived, Exception) or name not in rows.changed:
                    continue  # of the two kinds, one arrives as it was sent
                expected, answered = self._asked(rows.local), self._remote(rows)
                if isinstance(expected, Exception) or isinstance(answered, Exception) or agree(answered, expected):
                    continue
                problem = f"the model tells None from NaN, and a request has one kind of gap: for {gap} in it, "
                example = _example(rows.part, answered, expected)
                self._add(f"column {str(name)!r}", "warning", f"{problem}{example}", ONE_GAP)

    def play_large_integers(self) -> None:
        """Play integers that no double holds beside a gap, which makes the column doubles."""
        frame = self._rows.frame
        for name in large_integer_columns(frame):
            # The gap comes first: the rows after it are the sample's own.
            nullable = "UInt64" if frame[name].dtype.kind == "u" else "Int64"
            holed = with_gaps(pd.concat([frame.head(1), frame]).astype({name: nullable}), [name], len(frame) + 1)
            rows = self._sent("rows beside a gap", holed)
            arrived, answered = rows.arrived, self._remote(rows)
            if isinstance(answered, pd.DataFrame):
                answered = answered.iloc[1:].reset_index(drop=True)
                theirs = _as_frame(arrived, frame.columns).iloc[1:].reset_index(drop=True)
                if not agree(answered, self._expected):
                    self._add_column(
                        name, frame[name], theirs[name], _example("a row beside a gap", answered, self._expected)
                    )

    def _play(self, part: str, positions: list[int]) -> None:
        """Play rows of the sample."""
        rows = self._sent(part, self._rows.frame.iloc[positions].reset_index(drop=True))
        expected = self._expected.iloc[positions].reset_index(drop=True)
        answered: Any = expected
        # What arrives as it was sent is answered as it was; parts of the sample show whether rows depend on others.
        is_certain = not (isinstance(rows.arrived, Exception) or rows.changed or process_settings())
        if not is_certain or len(positions) < len(self._rows.frame):
            answered = self._remote(rows)
        if isinstance(answered, pd.DataFrame) and agree(answered, expected):
            values = [self._answered_values["values"][position] for position in positions]
            block = {**self._answered_values, "values": values}
            self.parts.append(Part(part, rows.body, orjson.dumps({"predictions": [block]}), tuple(positions)))
        else:
            self._explain(rows, answered, expected)

    def _keep_if_harmless(self, rows: _Rows) -> bool:
        """Make rows with gaps a part of the sample, if the model answers them the same way here and there."""
        expected, answered = self._asked(rows.local), self._remote(rows)
        if isinstance(expected, Exception) or isinstance(answered, Exception) or not agree(answered, expected):
            return False
        self.parts.append(Part(rows.part, rows.body, answer(self._model, rows.local, self._call)))
        return True

    def _play_gap(self, name: Any, count: int) -> bool:
        """Play a gap in one column: an answer that differs is an error, one that fails is a warning."""
        rows = self._sent("a row with a gap", with_gaps(self._rows.frame, [name], count))
        expected, answered = self._asked(rows.local), self._remote(rows)
        if isinstance(expected, Exception):
            return False  # The model was not made for gaps there.
        if isinstance(answered, UnreadableColumnError) and answered.column != name:
            return False  # That column was named already.
        if isinstance(answered, Exception):
            self._add(f"column {str(name)!r}", "warning", _example("a gap in it", answered, expected), NO_GAPS)
            return False
        if agree(answered, expected):
            return True
        # Another column may be what changes the answers, and then was named already.
        if not self.findings or self._changes_answers(rows, name, expected):
            self._add_column(name, rows.ours[name], rows.theirs[name], _example(rows.part, answered, expected))
        return False

    def _explain(self, rows: _Rows, answered: pd.DataFrame | Exception, expected: pd.DataFrame) -> None:
        """Name the columns that change the answers of some rows."""
        if isinstance(rows.arrived, UnreadableColumnError):
            ours = rows.ours[rows.arrived.column]
            self._add_column(
                rows.arrived.column, ours, ours.astype(object), _example(rows.part, rows.arrived, expected)
            )
            return
        if isinstance(rows.arrived, Exception):
            self._add("sample", "error", _example(rows.part, rows.arrived, expected), CORRECT_SAMPLE)
            return
        own = self._asked(rows.local)
        settings = process_settings()
        if settings and not rows.changed and not isinstance(own, Exception) and agree(own, expected):
            named = ", ".join(f"{name}={value!r}" for each in settings.values() for name, value in each.items())
            self._add(
                "settings",
                "error",
                f"{named} is set for this process, and a runtime starts without: "
                f"{_example(rows.part, answered, expected)}",
                "Set it on the pipeline, with pipeline.set_output(transform=...) for instance, and fit it again.",
            )
            return
        if not rows.changed or isinstance(own, Exception) or not agree(own, expected):
            self._add(
                "rows",
                "error",
                f"the model itself answers {rows.part} otherwise than among all rows of the sample: its answers depend "
                "on the rows beside them, or differ from call to call",
                "Let the pipeline learn in fit what it needs of other rows, and give it a fixed random_state.",
            )
            return
        suspects = rows.changed[:MAX_COLUMNS]
        guilty = [name for name in suspects if self._changes_answers(rows, name, expected)]
        for name in guilty or suspects:
            self._add_column(name, rows.ours[name], rows.theirs[name], _example(rows.part, answered, expected))

    def _changes_answers(self, rows: _Rows, name: Any, expected: pd.DataFrame) -> bool:
        """Whether one column, as it arrives among others as they were sent, makes the model answer otherwise."""
        if not isinstance(rows.local, pd.DataFrame):
            return False
        answered = self._asked(rows.local.assign(**{name: rows.theirs[name]}))
        return isinstance(answered, Exception) or not agree(answered, expected)

    def _sent(self, part: str, frame: pd.DataFrame) -> _Rows:
        """Encode rows, and read them as the runtime does."""
        body, arrived = b"", None
        try:
            body = self._rows.encode(self._schema, frame)
            arrived = self._runtime.read(body)
        except ValueError as error:  # what the encoder refuses is one, too
            arrived = error
        return _Rows(part, frame, as_fitted(frame, self._form), body, arrived)

    def _remote(self, rows: _Rows) -> pd.DataFrame | Exception:
        """Return what the runtime answers, or what it raised."""
        if isinstance(rows.arrived, Exception):
            return rows.arrived
        try:
            return self._decoded(self._runtime.answer(rows.body, rows.arrived))
        except Exception as error:  # noqa: BLE001 - the model's own code, on what it may not have been made for
            return error

    def _asked(self, given: Any) -> pd.DataFrame | Exception:
        """Return the local model's answer, or what it raised."""
        try:
            return self._decoded(answer(self._model, given, self._call))
        except Exception as error:  # noqa: BLE001 - the model's own code, on what it may not have been made for
            return error

    def _decoded(self, body: bytes) -> pd.DataFrame:
        frame: pd.DataFrame = decode(body, classes=self._schema.classes)
        return frame

    def _add_column(self, name: Any, ours: pd.Series[Any], theirs: pd.Series[Any], example: str) -> None:
        reason = reason_of(name, ours, theirs)
        self._add(f"column {str(name)!r}", "error", f"{reason.problem}: {example}", reason.next_step)

    def _add(self, subject: str, severity: Severity, problem: str, next_step: str) -> None:
        known = self.findings.get(subject)
        if known is None or (known.severity, severity) == ("warning", "error"):
            self.findings[subject] = Finding(severity, subject, problem, next_step)


def local_answer(model: Any, given: Any, call: str) -> bytes:
    """Let the local model answer, and write the answer as the service does.

    Args:
        model: The fitted estimator.
        given: n rows × k columns, as it was fitted on.
        call: How it is asked, as its framework says.

    Raises:
        ModelError: It raises, or does not answer one finite value a row.

    """
    with user_code("The model's predict", CORRECT_SAMPLE):
        columns = outputs(model, given.copy(), call)
    with user_code("Writing the model's answer as JSON", "Fit the model on text, numbers or booleans as labels."):
        for name, values in columns.items():
            _check_output(name, values, len(given))
        return written(columns)


def _check_output(name: str, values: Any, count: int) -> None:
    for plain in arrays_of(values):
        if plain.ndim == 0 or len(plain) != count:
            answered = f"{len(plain)} values" if plain.ndim else "a single value"
            raise ModelError(f"The model answers {answered} to {count} rows.", next_step=CORRECT_SAMPLE)
        if plain.dtype.kind == "m":
            raise ModelError(
                f"The model's {name} is a duration, which JSON does not have.",
                next_step="Let the model predict numbers, such as seconds.",
            )
        if plain.dtype.kind == "f" and np.isinf(plain).any():
            rows = np.isinf(plain).reshape(count, -1).any(axis=1)
            raise ModelError(
                f"The model's {name} is infinite in {rows.sum()} of {count} rows, first in row {rows.argmax()}. JSON "
                "has no infinity: it would be delivered as NaN.",
                next_step="Fit the model so that it stays finite, for instance inside "
                "TransformedTargetRegressor(regressor, inverse_func=...) with a function that clips.",
            )


def _as_frame(rows: Any, columns: pd.Index[Any]) -> pd.DataFrame:
    frame: pd.DataFrame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    return frame.set_axis(columns, axis=1)


def _example(part: str, answered: pd.DataFrame | Exception, expected: pd.DataFrame) -> str:
    """Show the first value that differs, or why there is none."""
    if isinstance(answered, Exception):
        said = getattr(answered, "message", None) or f"{type(answered).__name__}: {answered}"
        return f"the service would refuse {part}: {' '.join(said.split())}"
    if list(answered.columns) != list(expected.columns) or len(answered) != len(expected):
        return f"{part} gets other columns in its answer"
    row = rows_that_differ(answered, expected).index(True)
    name = next(name for name in expected if not agree(answered.loc[[row], [name]], expected.loc[[row], [name]]))
    theirs, ours = answered[name].loc[row], expected[name].loc[row]
    return f"for {part} the service would answer {name} {_shown(theirs)}, the model here {_shown(ours)}"


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
