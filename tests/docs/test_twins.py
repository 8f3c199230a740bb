"""Pages in English and in Portuguese tell the same story."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import PAGES, ROOT, steps_of

if TYPE_CHECKING:
    from pathlib import Path

TWINS = [page for page in PAGES if page.name.endswith(".pt.md") and page.name != "index.pt.md"]
"""The Portuguese page of each pair; the home page leads to them and is shorter than the English one."""


def english(page: Path) -> Path:
    """The English twin of a Portuguese page."""
    return page.with_name(page.name.replace(".pt.md", ".md"))


def identify(page: Path) -> str:
    """The page's path in the project."""
    return page.relative_to(ROOT).as_posix()


def test_there_are_twins() -> None:
    """The tutorial, the quickstart and the guide to CI are there in Portuguese."""
    assert ["ci.pt.md", "quickstart.pt.md", "tutorial.pt.md"] == sorted(page.name for page in TWINS)


@pytest.mark.parametrize("page", TWINS, ids=identify)
def test_twins_have_the_same_sections(page: Path) -> None:
    """Heading for heading, on the same levels."""
    levels = [re.findall(r"^#+(?= )", twin.read_text(encoding="utf-8"), re.MULTILINE) for twin in (english(page), page)]

    assert levels[0] == levels[1]


@pytest.mark.parametrize("page", TWINS, ids=identify)
def test_twins_have_the_same_blocks(page: Path) -> None:
    """Block for block, of the same kinds, and with a shown output in the same places."""
    kinds = [[(step.kind, step.expected is None) for step in steps_of(twin)] for twin in (english(page), page)]

    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("page", TWINS, ids=identify)
def test_twins_lead_to_each_other(page: Path) -> None:
    """Each has a link to the other at its top."""
    tops = [twin.read_text(encoding="utf-8")[:1500] for twin in (english(page), page)]

    assert f"({page.name})" in tops[0]
    assert f"({english(page).name})" in tops[1]
