"""The tutorial's two languages tell the same story."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT, steps_of

TWINS = [ROOT / "docs" / "pages" / name for name in ("tutorial.md", "tutorial.pt.md")]


def test_twins_have_the_same_sections() -> None:
    """Heading for heading, on the same levels."""
    english, portuguese = (
        re.findall(r"^#+(?= )", page.read_text(encoding="utf-8"), flags=re.MULTILINE) for page in TWINS
    )

    assert english == portuguese


def test_twins_have_the_same_blocks() -> None:
    """Block for block, of the same kinds, and with a shown output in the same places."""
    english, portuguese = ([(step.kind, step.expected is None) for step in steps_of(page)] for page in TWINS)

    assert english == portuguese
