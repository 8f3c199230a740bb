"""Views of reports and errors: the findings of a check, a comparison, differences, what happened and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wml_deployer.display._card import Badge, Bar, Card, Cell, Code, Grid, Note, Part, Tone, cell, figure, fingerprint
from wml_deployer.display._view import View, view_of
from wml_deployer.errors import RolloutError, WMLDeployerError
from wml_deployer.reports import CheckReport, Comparison, Finding

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SHOWN_ROWS",
    "became",
    "comparison_view",
    "differences_view",
    "error_view",
    "finding_view",
    "report_view",
    "two_sided",
]

_TONES: dict[str, Tone] = {"error": "bad", "warning": "warning"}


@view_of.register(Finding)
def finding_view(finding: Finding) -> View:
    """Show one finding."""
    badge = Badge(finding.severity, _TONES.get(finding.severity, "neutral"))
    return View(Card("Finding", finding.subject, badge, (("Problem", finding.problem), ("Next", finding.next_step))))


@view_of.register(CheckReport)
def report_view(report: CheckReport) -> View:
    """Show a check's report: whether the model can be stored, and every finding."""
    findings, errors = report.findings, len(report.errors)
    badge = Badge("not to be stored", "bad") if errors else Badge("ready to be stored", "good")
    facts = [("Software specification", report.specification or "none")]
    facts += [("Route", f"{report.route}: {report.why}")] if report.why else []
    rows = tuple(
        (Badge(f.severity, _TONES.get(f.severity, "neutral")), f.subject, f.problem, f.next_step) for f in findings
    )
    caption = f"Errors: {errors}, warnings: {len(findings) - errors}"
    table = Grid(caption, ("Severity", "About", "Problem", "Next step"), rows)
    part = table if rows else Note("Nothing was found that would go wrong.")
    return View(Card("Check", report.model_type or "of the model", badge, tuple(facts), (part,)))


@view_of.register(WMLDeployerError)
def error_view(error: WMLDeployerError) -> View:
    """Show an error: what happened, every single fault, and what to do next.

    The rows of a sample that a deployment answered otherwise are a table instead of lines of the message.
    """
    message = error.message
    differing = error.differing if isinstance(error, RolloutError) else None
    if differing is not None:
        message = message.replace(f"\n{differing.head(SHOWN_ROWS).to_string()}", "")
    first, _, rest = message.partition("\n")
    rows = tuple((fault.where, fault.problem, fault.expected) for fault in error.faults)
    parts = (
        *(() if differing is None else _differing_rows(differing, rest)),
        *((Code("Details", rest, folded=False),) if rest and differing is None else ()),
        *((Grid("Faults", ("Where", "Problem", "Expected"), rows),) if rows else ()),
    )
    facts = (
        ("Operation", error.operation),
        ("Status", str(error.status or "")),
        ("Code", error.code),
        ("Trace", error.trace),
        ("Next", error.next_step),
    )
    known = tuple((label, value) for label, value in facts if value)
    return View(Card(f"{type(error).__name__}:", first.removesuffix(":"), None, known, parts))


def _differing_rows(differing: pd.DataFrame, rest: str) -> tuple[Part, ...]:
    """Show the rows that differ, and below them a sentence on each cause and on what serves now."""
    caption = f"The first {min(len(differing), SHOWN_ROWS)} rows, local → deployed"
    return (two_sided(caption, differing), *map(Note, rest.splitlines()))


SHOWN_ROWS = 10
"""Further rows are counted, not shown."""

SHOWN_COLUMNS = 7


@view_of.register(Comparison)
def comparison_view(comparison: Comparison) -> View:
    """Show how the candidate compares with the live version."""
    rows, agreement, changed, seconds = comparison.rows, comparison.agreement, comparison.changed, comparison.seconds
    latency = f"{seconds['live']:.3f} s live, {seconds['candidate']:.3f} s candidate"
    facts = (("Rows", f"{rows:,}"), ("Time for all of them", latency))
    counted = Grid("Predictions", ("Live → candidate", "Rows"), _agreement(rows, agreement, changed))
    moved = (_shift_table(comparison.shift),) if len(comparison.shift) else ()
    caption = f"The first {min(len(changed), SHOWN_ROWS)} changed rows, live → candidate"
    swapped = (two_sided(caption, changed),) if len(changed) else (Note("No prediction changed."),)
    badge = Badge(f"{agreement:.2%} agree", "good" if agreement == 1 else "neutral")
    title = f"{comparison.candidate} beside {comparison.live}"
    return View(Card("Comparison", title, badge, facts, (counted, *moved, *swapped)))


def two_sided(caption: str, both: pd.DataFrame) -> Grid:
    """Show the first rows of two answers, each value once where both say the same, else as ``one → other``.

    Args:
        caption: What they are, and which side is which.
        both: n rows × columns of two levels: the side, and the column of the answer.

    """
    one, other = dict.fromkeys(both.columns.get_level_values(0))
    head = both.head(SHOWN_ROWS)
    # More columns than fit: the predictions say most.
    names = head[one].columns if len(head[one].columns) <= SHOWN_COLUMNS else head[one].columns[:1]
    sides = [zip(head[one][name], head[other][name], strict=True) for name in names]
    columns = [[_pair(*values) for values in side] for side in sides]
    heads = (str(name).removeprefix("probability_").replace("prediction", "Prediction") for name in names)
    rows = zip(map(str, head.index), *columns, strict=True)
    return Grid(caption, ("Row", *heads), tuple(rows))


def _pair(one: Any, other: Any) -> str:
    here, there = ("nothing" if value is None else _short(value) for value in (one, other))
    return here if here == there else f"{here} → {there}"


def _short(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) and abs(value) <= 1 else cell(value)


def _agreement(rows: int, agreement: float, changed: pd.DataFrame) -> tuple[tuple[Cell, ...], ...]:
    """Count the rows whose prediction is the same, and those that changed, by label before and after."""
    count = len(changed)
    stayed = ("the same", Bar(agreement, f"{rows - count:,}"))
    pairs = became(changed)
    if not count or pairs is None:
        return (stayed, ("another one", Bar(1 - agreement, f"{count:,}")))
    return (stayed, *((str(pair), Bar(n / max(rows, 1), f"{n:,}")) for pair, n in pairs.head(SHOWN_ROWS).items()))


def became(changed: pd.DataFrame) -> pd.Series[int] | None:
    """Count how often which label became which; ``None`` if predictions are not labels, or several to a row.

    Args:
        changed: The rows with another prediction, ``("live", ...)`` beside ``("candidate", ...)``.

    """
    if ("live", "prediction") not in changed.columns or changed["live", "prediction"].dtype.kind == "f":
        return None
    pairs = changed["live", "prediction"].astype(str) + " → " + changed["candidate", "prediction"].astype(str)
    return pairs.value_counts()


def _shift_table(shift: pd.DataFrame) -> Grid:
    rows = tuple((str(name), *map(_moved, values)) for name, values in zip(shift.index, shift.to_numpy(), strict=True))
    heads = tuple(str(name).replace("_", " ").capitalize() for name in shift.columns)
    return Grid("How far the answers moved", ("Column", *heads), rows)


def _moved(value: float) -> str:
    """Write how far something moved: what is smaller than anybody cares for is nought."""
    return f"{value:.4f}".replace("-0.0000", "0.0000") if abs(value) < 1 else figure(value)


def differences_view(differences: pd.DataFrame) -> View:
    """Show differences.

    Args:
        differences: n differences, indexed by part and name, one column for each of the two versions.

    """
    one, other = map(str, differences.columns)
    values = {
        (str(part), str(name)): each
        for (part, name), each in zip(differences.index, differences.itertuples(index=False, name=None), strict=True)
    }
    rows = tuple((*_place(*key), *(_difference(values, key, side) for side in range(2))) for key in values)
    table = Grid("What differs", ("Part", "Name", one, other), rows)
    badge = Badge(f"{len(rows)} differences" if len(rows) != 1 else "1 difference")
    part = table if rows else Note("They differ in nothing that is known of them.")
    return View(Card("Differences", f"{one} and {other}", badge, (), (part,)))


def _place(part: str, name: str) -> tuple[str, str]:
    """Return what the first two columns say: a step's parameters stand under the name of the step.

    >>> _place("parameters", "columntransformer__scaler__with_mean")
    ('step columntransformer / scaler', 'with_mean')
    """
    step, _, last = name.rpartition("__")
    return (f"step {step.replace('__', ' / ')}", last) if part == "parameters" and step else (part, name)


def _difference(values: dict[tuple[str, str], tuple[Any, ...]], key: tuple[str, str], side: int) -> str:
    """Return how one version is told in the row of a difference.

    Only parameters that were set to something else than their default are known of a version, so one without a value
    has its default. A step that the other version alone has is another matter: it has no parameters.
    """
    (part, name), value = key, values[key][side]
    if value is None and part == "parameters":
        step = name.partition("__")[0]
        is_step = any(_is_step(each) for each in values.get((part, step), ()))
        return "" if is_step and values[part, step][side] is None else "default"
    text = cell(value)
    return fingerprint(text) if re.fullmatch("[0-9a-f]{32,}", text) else text


def _is_step(value: Any) -> bool:
    """Say whether a parameter is an estimator, told by its class; all others are told as Python writes them.

    >>> _is_step("LogisticRegression"), _is_step("'l2'"), _is_step("None"), _is_step("0.1"), _is_step(None)
    (True, False, False, False, False)
    """
    return isinstance(value, str) and value.isidentifier() and value not in {"None", "True", "False", "nan", "inf"}
