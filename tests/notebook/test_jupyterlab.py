"""Every view and plot in a real JupyterLab in a real browser, in its light and in its dark theme."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.notebook.views import CELLS, PLOTS, VIEWS
from wml_deployer.display._view import DARK, LIGHT

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.timeout(300)
COLOURS = {"light": LIGHT, "dark": DARK}
# What a reader would see of a view, told by the browser itself.
SEEN = """(view) => {
  const style = getComputedStyle(view);
  const heads = [...view.querySelectorAll("th, td")];
  return {background: style.backgroundColor, colour: style.color, height: view.getBoundingClientRect().height,
          wide: view.scrollWidth > view.clientWidth + 1,
          astray: heads.filter((cell) => (getComputedStyle(cell).textAlign === "right")
                                         !== cell.classList.contains("wml-number")).length};
}"""
# The image is drawn on nothing where it is empty, and stands on nothing.
TRANSPARENT = """(image) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 4;
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  return [pen.getImageData(1, 1, 1, 1).data[3], getComputedStyle(image).backgroundColor];
}"""


@pytest.fixture(scope="module")
def notebook(open_notebook: Any) -> Page:
    """The notebook, run once in JupyterLab."""
    page: Page = open_notebook("views", CELLS)
    return page


@pytest.fixture(scope="module", params=COLOURS)
def theme(request: pytest.FixtureRequest, notebook: Page) -> str:
    """JupyterLab's theme, chosen as its menu does."""
    name = str(request.param)
    notebook.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {name.title()}'}})")
    notebook.wait_for_function(f"document.body.dataset.jpThemeLight === '{str(name == 'light').lower()}'")
    return name


def output(notebook: Page, name: str) -> Locator:
    """What a cell has put out, scrolled into sight: JupyterLab draws no cell that nobody sees."""
    place = list(CELLS).index(name)
    notebook.evaluate(f"jupyterapp.shell.currentWidget.content.scrollToItem({place}, 'start')")
    cell = notebook.locator(f".jp-Notebook-cell[data-windowed-list-index='{place}']")
    return cell.locator(".wml-view" if name in VIEWS else ".jp-RenderedImage img")


def keep(shown: Locator, name: str, theme: str, tmp_path: Path) -> Path:
    """Take a picture; with ``WML_SCREENSHOTS`` set it is kept in that folder, to be looked at and shown in the docs."""
    path = Path(os.environ.get("WML_SCREENSHOTS") or tmp_path) / f"{name}-{theme}.png"
    shown.screenshot(path=path)
    return path


@pytest.mark.parametrize("name", VIEWS)
def test_view_is_drawn_in_the_colours_of_the_theme(name: str, theme: str, notebook: Page, tmp_path: Path) -> None:
    """JupyterLab draws the view, wholly in sight, in its own theme's colours whatever the system wishes."""
    view = output(notebook, name)
    view.evaluate("(view) => view.querySelectorAll('details').forEach((folded) => { folded.open = true })")
    seen = view.evaluate(SEEN)
    picture = keep(view, name, theme, tmp_path)

    expected = tuple(
        f"rgb({', '.join(map(str, bytes.fromhex(COLOURS[theme][part][1:])))})" for part in ("page", "text")
    )
    assert (*expected, False, 0) == (seen["background"], seen["colour"], seen["wide"], seen["astray"])
    assert picture.stat().st_size > 4_000


@pytest.mark.parametrize("name", PLOTS)
def test_plot_is_drawn_on_the_page_itself(name: str, theme: str, notebook: Page, tmp_path: Path) -> None:
    """JupyterLab shows the plot, and the page shines through where nothing is drawn."""
    plot = output(notebook, name)
    seen = plot.evaluate(TRANSPARENT)
    picture = keep(plot, name, theme, tmp_path)

    assert [0, "rgba(0, 0, 0, 0)"] == seen
    assert picture.stat().st_size > 4_000


def test_nothing_went_wrong(notebook: Page) -> None:
    """No cell failed, and none wrote to the error stream."""
    kinds = notebook.evaluate(
        "jupyterapp.shell.currentWidget.content.widgets.flatMap((cell) => Array.from("
        "{length: cell.model.outputs.length}, (_, at) => cell.model.outputs.get(at).toJSON()))"
        ".filter((output) => output.output_type === 'error' || output.name === 'stderr')"
    )

    assert [] == kinds
