"""Views of what was found wrong, before or after: the check's report, one finding, an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wml_deployer._display.comparison import SHOWN_ROWS, two_sided
from wml_deployer._display.parts import Badge, Card, Code, Note, Part, Table, Tone
from wml_deployer._display.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["error_view", "finding_view", "report_view"]

_TONES: dict[str, Tone] = {"error": "bad", "warning": "warning"}


class FindingLike(Protocol):
    """The parts of a finding."""

    @property
    def severity(self) -> str:
        """``"error"`` or ``"warning"``."""

    @property
    def subject(self) -> str:
        """What it is about."""

    @property
    def problem(self) -> str:
        """What is wrong."""

    @property
    def next_step(self) -> str:
        """What to do."""


class FaultLike(Protocol):
    """The parts of a fault."""

    @property
    def where(self) -> str:
        """What it is about."""

    @property
    def problem(self) -> str:
        """What is wrong."""

    @property
    def expected(self) -> str:
        """What would be right."""


def finding_view(finding: FindingLike) -> View:
    """Show one finding."""
    badge = Badge(finding.severity, _TONES.get(finding.severity, "neutral"))
    return View(Card("Finding", finding.subject, badge, (("Problem", finding.problem), ("Next", finding.next_step))))


def report_view(findings: Sequence[FindingLike], model_type: str | None, specification: str | None) -> View:
    """Show a check's report: whether the model can be stored, and every finding."""
    errors = sum(finding.severity == "error" for finding in findings)
    badge = Badge("not to be stored", "bad") if errors else Badge("ready to be stored", "good")
    facts = (("Software specification", specification or "none"),)
    rows = tuple(
        (Badge(f.severity, _TONES.get(f.severity, "neutral")), f.subject, f.problem, f.next_step) for f in findings
    )
    caption = f"Errors: {errors}, warnings: {len(findings) - errors}"
    table = Table(caption, ("Severity", "About", "Problem", "Next step"), rows)
    part = table if rows else Note("Nothing was found that would go wrong.")
    return View(Card("Check", model_type or "of the model", badge, facts, (part,)))


def error_view(
    name: str,
    message: str,
    facts: Sequence[tuple[str, str | None]],
    faults: Sequence[FaultLike],
    differing: pd.DataFrame | None = None,
) -> View:
    """Show an error: what happened, every single fault, and what to do next.

    Args:
        name: The error's class.
        message: What happened; the lines after the first are details.
        facts: Label and value; those without a value are left out.
        faults: Every single thing that is wrong.
        differing: The rows of a sample that were answered otherwise, ``("local", ...)`` beside ``("deployed", ...)``:
            a table instead of the message's lines on them.

    """
    if differing is not None:
        message = message.replace(f"\n{differing.head(SHOWN_ROWS).to_string()}", "")
    first, _, rest = message.partition("\n")
    rows = tuple((fault.where, fault.problem, fault.expected) for fault in faults)
    parts = (
        *(() if differing is None else _proof(differing, rest)),
        *((Code("Details", rest, folded=False),) if rest and differing is None else ()),
        *((Table("Faults", ("Where", "Problem", "Expected"), rows),) if rows else ()),
    )
    known = tuple((label, value) for label, value in facts if value)
    return View(Card(f"{name}:", first.removesuffix(":"), None, known, parts))


def _proof(differing: pd.DataFrame, rest: str) -> tuple[Part, ...]:
    """Show the rows that differ, and below them a sentence on each cause and on what serves now."""
    caption = f"The first {min(len(differing), SHOWN_ROWS)} rows, local → deployed"
    return (two_sided(caption, differing), *map(Note, rest.splitlines()))
