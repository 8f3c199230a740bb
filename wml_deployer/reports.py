"""Reports of checks and comparisons: plain data, readable as text."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["CheckReport", "Comparison", "Finding", "Severity"]

Severity = Literal["error", "warning"]
"""An error stops ``store``; a warning is reported."""


class _Drawn:
    """A value that a notebook draws."""

    def _repr_html_(self) -> str:
        # By its name, for views stand on reports, and not the other way round.
        html: str = import_module("wml_deployer.display").view_of(self).html
        return html


@dataclass(frozen=True)
class Finding(_Drawn):
    """One thing that would go wrong, or might.

    Attributes:
        severity: ``"error"`` where it stops ``store`` or the deployment, else ``"warning"``.
        subject: What it is about: ``"credentials"``, ``"space"``, a library, a class of the model.
        problem: What is wrong with it.
        next_step: What to do about it.

    Example:
        >>> print(Finding("warning", "sample", "without a sample nothing is rehearsed", "Pass sample=."))
        warning  sample: without a sample nothing is rehearsed
                 Next: Pass sample=.

    """

    severity: Severity
    subject: str
    problem: str
    next_step: str

    def __str__(self) -> str:
        """Two lines: what is wrong, and what to do."""
        return f"{self.severity:<7}  {self.subject}: {self.problem}\n{'':<7}  Next: {self.next_step}"


@dataclass(frozen=True, repr=False)
class CheckReport(_Drawn):
    """The findings of :meth:`wml_deployer.Deployer.check`, before anything is uploaded.

    Attributes:
        findings: Everything found, errors first.
        model_type: The type that the model would be stored as; ``None`` where it cannot be stored.
        specification: Name of the software specification that would run it; ``None`` where there is none.
        route: The way on which it would go live: ``"native"``, ``"derived"`` or ``"function"``.
        why: Why not natively, in one line.

    Example:
        >>> CheckReport((), "scikit-learn_1.6", "runtime-25.1-py3.12")
        scikit-learn_1.6 on runtime-25.1-py3.12: ready to be stored

    """

    findings: tuple[Finding, ...]
    model_type: str | None = None
    specification: str | None = None
    route: str | None = None
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether the model can be stored: there are no errors, although there may be warnings."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop ``store``."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that do not stop ``store``, and may go wrong later."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def __repr__(self) -> str:
        """One line on the whole, and two on each finding."""
        what = self.model_type or "the model"
        where = f" on {self.specification}" if self.specification else ""
        count = f"errors: {len(self.errors)}, warnings: {len(self.warnings)}"
        verdict = "ready to be stored" if self.ok else "not to be stored"
        head = f"{what}{where}: {verdict}" + (f" ({count})" if self.findings else "")
        way = [f"route    {self.route}: {self.why}"] if self.why else []
        return "\n".join([head, *way, *map(str, self.findings)])


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(_Drawn):
    """The live version and the candidate on the same rows; see :meth:`wml_deployer.Deployer.compare`.

    Attributes:
        live: Name of the version that serves.
        candidate: Name of the version that might.
        rows: How many rows both scored.
        agreement: Share of rows with the same prediction, from 0 to 1.
        changed: The rows with another prediction, on the index of the scored rows: columns ``("live", ...)`` and
            ``("candidate", ...)``.
        shift: How far probabilities, or a regression's predictions, moved: one row for each column of the answer with
            ``mean``, ``mean_absolute`` and ``largest``.
        seconds: How long ``"live"`` and ``"candidate"`` took for all rows.

    Example:
        >>> import pandas as pd
        >>> shift = pd.DataFrame({"largest": [0.02]}, index=["probability_1"])
        >>> Comparison("v0.1", "v0.2", 200, 0.995, pd.DataFrame([0]), shift, {"live": 0.03, "candidate": 0.04})
        v0.2 beside v0.1 on 200 rows: 99.50% agree, 1 prediction changed
        largest shift 0.02 in probability_1; 0.030 s live, 0.040 s candidate

    """

    live: str
    candidate: str
    rows: int
    agreement: float
    changed: pd.DataFrame
    shift: pd.DataFrame
    seconds: dict[str, float]

    def __repr__(self) -> str:
        """Two lines: agreement and changes, shift and latency."""
        count = len(self.changed)
        changed = f"{count} prediction{'' if count == 1 else 's'} changed"
        moved = ""
        if len(self.shift):
            name = self.shift["largest"].idxmax()
            moved = f"largest shift {self.shift['largest'].max():.3g} in {name}; "
        took = f"{self.seconds['live']:.3f} s live, {self.seconds['candidate']:.3f} s candidate"
        head = f"{self.candidate} beside {self.live} on {self.rows} rows: {self.agreement:.2%} agree, {changed}"
        return f"{head}\n{moved}{took}"

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Plot what changed: which labels became which, or a regression's predictions one against the other.

        Args:
            ax: Where to draw; a new figure if not given.

        Returns:
            The axes. They need matplotlib (``pip install matplotlib``).

        Raises:
            ConfigurationError: matplotlib is not installed.

        """
        axes: Axes = import_module("wml_deployer.display._plots").comparison_plot(self, ax)
        return axes
