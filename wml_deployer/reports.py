"""What this library reports without doing anything: plain data, readable as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CheckReport", "Finding", "Severity"]

Severity = Literal["error", "warning"]
"""An error stops ``store``; a warning is reported."""


@dataclass(frozen=True)
class Finding:
    """One thing that would go wrong, or might.

    Attributes:
        severity: ``"error"`` where it stops ``store`` or the deployment, else ``"warning"``.
        subject: What it is about: ``"credentials"``, ``"space"``, a library, a class of the model.
        problem: What is wrong with it.
        next_step: What to do about it.

    Example:
        >>> print(Finding("warning", "pandas", "2.1.4 here, 2.2.3 in the runtime", "Fit with pandas 2.2."))
        warning  pandas: 2.1.4 here, 2.2.3 in the runtime
                 Next: Fit with pandas 2.2.

    """

    severity: Severity
    subject: str
    problem: str
    next_step: str

    def __str__(self) -> str:
        """Two lines: what is wrong, and what to do."""
        return f"{self.severity:<7}  {self.subject}: {self.problem}\n{'':<7}  Next: {self.next_step}"


@dataclass(frozen=True, repr=False)
class CheckReport:
    """What :meth:`wml_deployer.Deployer.check` found before anything was uploaded.

    Attributes:
        findings: Everything found, errors first.
        model_type: The type that the model would be stored as; ``None`` where it cannot be stored.
        specification: Name of the software specification that would run it; ``None`` where there is none.

    Example:
        >>> CheckReport((), "scikit-learn_1.6", "runtime-25.1-py3.12")
        scikit-learn_1.6 on runtime-25.1-py3.12: ready to be stored

    """

    findings: tuple[Finding, ...]
    model_type: str | None = None
    specification: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the model can be stored: there is no error, warnings or not."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What stops ``store``."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What does not stop ``store``, and may go wrong later."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def __repr__(self) -> str:
        """One line on the whole, and two on each finding."""
        what = self.model_type or "the model"
        where = f" on {self.specification}" if self.specification else ""
        count = f"errors: {len(self.errors)}, warnings: {len(self.warnings)}"
        verdict = "ready to be stored" if self.ok else "not to be stored"
        head = f"{what}{where}: {verdict}" + (f" ({count})" if self.findings else "")
        return "\n".join([head, *map(str, self.findings)])
