"""Views of what was found wrong, before or after: the check's report, one finding, an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.display._card import Badge, Card, Code, Grid, Note, Part, Tone
from wml_deployer.display._comparison import SHOWN_ROWS, two_sided
from wml_deployer.display._view import View, view_of
from wml_deployer.errors import RolloutError, WMLDeployerError
from wml_deployer.reports import CheckReport, Finding

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["error_view", "finding_view", "report_view"]

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
    facts = (("Software specification", report.specification or "none"),)
    rows = tuple(
        (Badge(f.severity, _TONES.get(f.severity, "neutral")), f.subject, f.problem, f.next_step) for f in findings
    )
    caption = f"Errors: {errors}, warnings: {len(findings) - errors}"
    table = Grid(caption, ("Severity", "About", "Problem", "Next step"), rows)
    part = table if rows else Note("Nothing was found that would go wrong.")
    return View(Card("Check", report.model_type or "of the model", badge, facts, (part,)))


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
        *(() if differing is None else _proof(differing, rest)),
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


def _proof(differing: pd.DataFrame, rest: str) -> tuple[Part, ...]:
    """Show the rows that differ, and below them a sentence on each cause and on what serves now."""
    caption = f"The first {min(len(differing), SHOWN_ROWS)} rows, local → deployed"
    return (two_sided(caption, differing), *map(Note, rest.splitlines()))
