"""A view: what a notebook draws, and the plain text that says the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wml_deployer._display.html import to_html
from wml_deployer._display.text import to_text

if TYPE_CHECKING:
    from wml_deployer._display.parts import Card

__all__ = ["View"]


@dataclass(frozen=True, repr=False)
class View:
    """Something to look at: a notebook draws it, ``print`` writes it.

    Example:
        >>> from wml_deployer.reports import Finding
        >>> from wml_deployer.display import show
        >>> print(show(Finding("warning", "pandas", "2.1.4 here, 2.2.3 there", "Fit with pandas 2.2.")))
        Finding pandas [warning]
          Problem  2.1.4 here, 2.2.3 there
          Next     Fit with pandas 2.2.

    """

    card: Card = field(repr=False)

    @property
    def html(self) -> str:
        """One HTML element with its own style, without scripts."""
        return to_html(self.card)

    @property
    def text(self) -> str:
        """The same as plain text."""
        return to_text(self.card)

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        """Return the plain text."""
        return self.text
