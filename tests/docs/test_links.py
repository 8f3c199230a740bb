"""Links inside the repository lead somewhere, those to elsewhere are well formed; the build checks the site's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import PAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAPERS = [*PAGES, ROOT / "docs" / "changelog.md", *sorted((ROOT / ".github").glob("*.md"))]
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
HOST = re.compile(r"([a-z0-9-]+\.)+[a-z]{2,}")


def links(page: Path) -> list[str]:
    """Where the links of a page lead, outside of its blocks of code."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [match["target"] for match in LINK.finditer(text)]


def is_well_formed(link: str) -> bool:
    """Whether a link to elsewhere is encrypted, names a host, and has nothing in it that an editor left there."""
    parts = urlsplit(link)
    return (
        parts.scheme == "https"
        and bool(HOST.fullmatch(parts.netloc))
        and not re.search(r"[<>\"'\\|^`{}]|[.,;:]$", link)
    )


@pytest.mark.parametrize("page", PAPERS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_to_elsewhere_are_well_formed(page: Path) -> None:
    """An external link is https to a host; nothing on this machine, nothing cut off."""
    assert [] == [link for link in links(page) if "://" in link and not is_well_formed(link)]


@pytest.mark.parametrize(
    "page", [page for page in PAPERS if ROOT / "docs" / "pages" not in page.parents], ids=lambda p: p.name
)
def test_links_inside_lead_somewhere(page: Path) -> None:
    """A relative link of the README and its like, which no site build checks, is a file of the repository."""
    targets = [link.partition("#")[0] for link in links(page) if "://" not in link and not link.startswith("#")]

    assert [] == [target for target in targets if not (page.parent / target).exists()]


def test_there_are_links_to_check() -> None:
    """The search finds the README's links, and those to elsewhere."""
    assert "docs/pages/index.md" in links(ROOT / "README.md")
    assert any(link.startswith("https://") for page in PAPERS for link in links(page))


@pytest.mark.parametrize("link", ["http://ibm.com", "https://localhost/x", "https://ibm.com/x.", "https://ibm"])
def test_malformed_links_are_found(link: str) -> None:
    """The check finds what it is there for."""
    assert not is_well_formed(link)
