"""A mistake in a cell, and views in a notebook that JupyterLab does not trust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.timeout(300)
CELLS = {
    "mistake": """\
from wml_deployer import Deployer
Deployer.from_files("missing.yaml")""",
}
OUTPUTS = "jupyterapp.shell.currentWidget.content.widgets[0].model.outputs.toJSON()"


@pytest.fixture(scope="module")
def notebook(open_notebook: Any) -> Page:
    """A notebook whose only cell fails."""
    page: Page = open_notebook("mistake", CELLS)
    page.wait_for_selector(".wml-view")
    return page


def test_a_mistake_shows_its_line_the_message_and_the_card(notebook: Page) -> None:
    """No frame of the library is shown, and the card stands once, below."""
    shown = notebook.evaluate(OUTPUTS)
    lines = shown[0]["traceback"]

    assert ["error", "display_data"] == [output["output_type"] for output in shown]
    assert ['----> 2 Deployer.from_files("missing.yaml")', ""] == lines[:2]
    assert "CredentialsError: There is no file missing.yaml." == lines[2]
    assert len(lines) < 10


def test_an_untrusted_view_can_be_read(notebook: Page) -> None:
    """JupyterLab drops the style: tables stay tables, and words are not run together."""
    notebook.evaluate("jupyterapp.shell.currentWidget.content.widgets[0].model.trusted = false")
    notebook.wait_for_selector(".wml-view:not(:has(style))")
    view = notebook.locator(".wml-view")

    assert "CredentialsError: There is no file missing.yaml." == view.locator("div").first.inner_text().strip()
    assert ["missing"] == view.locator("tbody td").all_inner_texts()[:1]
