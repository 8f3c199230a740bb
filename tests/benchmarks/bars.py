"""The bars that the benchmarks are held to, what was measured, and the page that shows both."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["Bars"]

PACKAGES = ("pandas", "numpy", "orjson", "urllib3", "scikit-learn", "zlib-ng", "ibm-watson-machine-learning")
PACKAGES_BESIDE = ("ibm-watsonx-ai", "dask", "pyspark", "polars", "pyarrow")

PAGE = """# Benchmarks

What this library is held to, and what it reached when this page was written, in one run on one machine. The page is
the output of `nox -s bench -- --write-page`, which measures all of it again.

{machine}

A ratio compares two ways that do the same job in turns, by their medians. *Old client* is
`ibm-watson-machine-learning`; scoring with either of IBM's clients is what their documentation shows, with the answer
made a frame. A *canned* service answers at once what it has ready: with it, only the client is measured. The embedded
service runs the model, a scaler and a logistic regression, whose time is in both sides of the ratio.

{table}
{reasons}
{notes}
"""


def describe_machine() -> str:
    """Which machine, which libraries, and how busy it was before."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    libraries = ", ".join(f"{name} {found}" for name in (*PACKAGES, *PACKAGES_BESIDE) if (found := installed(name)))
    return (
        f"Measured on {datetime.now(timezone.utc):%d %B %Y}: {processor()}, {os.cpu_count()} cores, {memory:.0f} GB of "
        f"memory, {platform.system()}; Python {platform.python_version()}; {libraries}. Load before: "
        f"{os.getloadavg()[0]:.1f}."
    )


def processor() -> str:
    """The processor's name, where the system tells it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def installed(package: str) -> str | None:
    """Its version, if it is."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@dataclass
class Bars:
    """Gathers what was measured."""

    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    machine: str = field(default_factory=describe_machine)

    def at_least(self, job: str, bar: float, measured: float, unit: str = " ×") -> bool:
        """Note what should be at least so much; whether it is."""
        return self._add(job, f"≥ {bar:,.4g}{unit}", f"{measured:,.3g}{unit}", measured >= bar)

    def at_most(self, job: str, bar: float, measured: float, unit: str = " ×") -> bool:
        """Note what should be at most so much; whether it is."""
        return self._add(job, f"≤ {bar:,.4g}{unit}", f"{measured:,.3g}{unit}", measured <= bar)

    def because(self, job: str, reason: str) -> None:
        """Say why a bar was missed, if it was."""
        if any(named == job and not reached for named, _, _, reached in self.rows):
            self.reasons.append(f"- Missed, {job}: {reason}")

    def note(self, title: str, lines: list[str]) -> None:
        """Keep figures that explain others."""
        self.notes.append((title, "\n".join(lines)))

    def times(self, title: str, found: dict[str, float]) -> None:
        """Keep a table of seconds, beside the first of them."""
        first = next(iter(found.values()))
        lines = [f"{'way':<32}{'ms':>10}{'of the first':>14}"]
        self.note(title, lines + [f"{way:<32}{s * 1e3:>10.3f}{s / first:>12.2f} ×" for way, s in found.items()])

    def table(self) -> str:
        """The bars, as Markdown that is read without being drawn."""
        width = max((len(job) for job, *_ in self.rows), default=0)
        lines = [
            f"| {'job':<{width}} | {'bar':>12} | {'measured':>12} |         |",
            f"| {'-' * width} | {'-' * 11}: | {'-' * 11}: | ------- |",
        ]
        return "\n".join(
            lines
            + [
                f"| {job:<{width}} | {bar:>12} | {measured:>12} | {'reached' if reached else 'missed '} |"
                for job, bar, measured, reached in self.rows
            ]
        )

    def page(self) -> str:
        """The page of the documentation."""
        notes = "\n\n".join(f"## {title}\n\n```text\n{text}\n```" for title, text in self.notes)
        reasons = "\n".join(["", *self.reasons, ""]) if self.reasons else ""
        return PAGE.format(machine=self.machine, table=self.table(), reasons=reasons, notes=notes)

    def _add(self, job: str, bar: str, measured: str, reached: bool) -> bool:
        self.rows.append((job, bar, measured, reached))
        return reached
