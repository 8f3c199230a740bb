"""Progress in a real notebook: seen while something goes on, and gone when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.timeout(300)
CELLS = {
    "prepare": "import os, time\nos.environ.pop('CI', None)\nfrom wml_deployer.progress._stage import stage",
    "works": """\
with stage("scoring", 8, "rows", "v0.2") as progress:
    for _ in range(8):
        time.sleep(0.5)
        progress.advance(1)""",
}
TEXT = "jupyterapp.shell.currentWidget.content.widgets[1].outputArea.node.innerText"


@pytest.fixture(scope="module")
def notebook(open_notebook: Any) -> Page:
    """A notebook in which something takes four seconds."""
    page: Page = open_notebook("progress", CELLS)
    return page


def test_progress_is_seen_and_gone(notebook: Page) -> None:
    """A bar with figures is there while rows are scored; afterwards nothing of it is left, and no error output."""
    # Not awaited: it ends when the last cell does.
    notebook.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
    notebook.wait_for_function(f"{TEXT}.includes('of 8 rows')")
    seen = notebook.evaluate(TEXT)
    notebook.wait_for_function(f"{TEXT}.trim() === ''")

    assert "scoring" in seen
    assert "v0.2" in seen
