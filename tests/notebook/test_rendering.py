"""A real notebook, executed and drawn by a real browser, in light and dark."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from importlib.util import find_spec
from pathlib import Path

import pytest

from wml_deployer._display.style import DARK, LIGHT

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium (Debian: apt-get install chromium)"),
    pytest.mark.skipif(find_spec("nbconvert") is None, reason="needs nbconvert"),
    pytest.mark.skipif(find_spec("ipykernel") is None, reason="needs ipykernel"),
]
# Two people with different wishes: the page says its theme, the system's is the other one.
COLOURS = {"light": LIGHT, "dark": DARK}
CELLS = {
    "prepare": """\
from pathlib import Path
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from wml_deployer import Deployer
from wml_deployer.display import show
from wml_deployer.progress import set_progress
set_progress(None)  # bars come and go with the machine's pace; the pictures do not
Path("metadata.yaml").write_text("project_name: iris\\nproject_version: v0.1\\n")
X, y = load_iris(return_X_y=True, as_frame=True)
y = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
model, better = (LogisticRegression(C=strength, max_iter=2000).fit(X, y) for strength in (0.05, 1.0))
deployer = Deployer.local("metadata.yaml")
deployer.deploy(model, sample=X.head(20), reason="first trial")
deployer.update(better, sample=X.head(20), version="v0.2", reason="less regularised")
deployer.rollback(reason="complaints about virginica");""",
    "deployer": "deployer",
    "deployment": "deployer.status()",
    "model": "deployer.store(better, sample=X.head(20), version='v0.2')",
    "check": "deployer.check(model)",
    "history": "deployer.history()",
    "scores": "show(deployer.score(X.sample(150, random_state=0)))",
    "error": """\
try:
    deployer.score(X.drop(columns=X.columns[0]))
except Exception as error:
    display(error)""",
}
# What a reader of the page would see, told by the browser itself.
PROBE = """<script>
const seen = [...document.querySelectorAll(".wml-view")].map((view) => {
  const style = getComputedStyle(view), box = view.getBoundingClientRect();
  return {label: view.getAttribute("aria-label"), background: style.backgroundColor, colour: style.color,
          wide: view.scrollWidth > view.clientWidth + 1, height: box.height};
});
document.body.innerHTML = "<pre id=probe></pre>";
document.getElementById("probe").textContent = JSON.stringify(seen);
</script>"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Execute the notebook once, as Jupyter does."""
    folder = tmp_path_factory.mktemp("notebook")
    cells: list[dict[str, object]] = [
        {"cell_type": "code", "id": name, "execution_count": None, "metadata": {}, "outputs": [], "source": source}
        for name, source in CELLS.items()
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = folder / "views.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    convert(path, "notebook", "--execute", "--inplace")
    return path


def convert(path: Path, target: str, *options: str) -> None:
    """Run nbconvert."""
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", target, *options, path.name],
        cwd=path.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def browse(page: Path, *options: str) -> str:
    """Open a page in the browser without a window, offline, and return what it answers."""
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'user'}"]
    offline = "--host-resolver-rules=MAP * ~NOTFOUND"
    return subprocess.run(
        [*command, offline, *options, page.as_uri()], check=True, capture_output=True, text=True, timeout=60
    ).stdout


@pytest.fixture(scope="module", params=COLOURS)
def theme(request: pytest.FixtureRequest) -> str:
    """Name a theme."""
    return str(request.param)


@pytest.fixture(scope="module")
def page(notebook: Path, theme: str) -> Path:
    """Convert the executed notebook to a page of that theme, alone with its outputs."""
    name = f"views-{theme}"
    convert(notebook, "html", f"--HTMLExporter.theme={theme}", "--no-input", f"--output={name}")
    path = notebook.with_name(f"{name}.html")
    # Scripts of the page itself load from the network; the views need none.
    html = re.sub(r"<script.*?</script>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def views(page: Path) -> list[dict[str, object]]:
    """Ask the browser what it has drawn."""
    probe = page.with_name(f"probe-{page.name}")
    probe.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    dom = browse(probe, "--dump-dom", "--window-size=1000,2000")
    seen: list[dict[str, object]] = json.loads(unescape(dom.partition('id="probe">')[2].partition("</pre>")[0]))
    return seen


def test_every_view_is_drawn(views: list[dict[str, object]]) -> None:
    """Each handle, the history, scores, the report and an error are drawn, not written as text."""
    kinds = [str(view["label"]).split()[0] for view in views]

    assert ["Deployer", "Deployment", "StoredModel", "Check", "History", "Scores", "SchemaError"] == kinds


def test_colours_are_those_of_the_page(views: list[dict[str, object]], theme: str) -> None:
    """The theme that the page names is used, whatever the system's is."""

    def rgb(colour: str) -> str:
        return f"rgb({', '.join(str(int(colour[place : place + 2], 16)) for place in (1, 3, 5))})"

    expected = (rgb(COLOURS[theme]["page"]), rgb(COLOURS[theme]["text"]))

    assert {expected} == {(view["background"], view["colour"]) for view in views}


def test_nothing_sticks_out(views: list[dict[str, object]]) -> None:
    """On a page of ordinary width no view has to be scrolled sideways."""
    assert [] == [view["label"] for view in views if view["wide"]]


def test_screenshot_is_taken(page: Path, theme: str) -> None:
    """The browser draws the page; with ``WML_SCREENSHOTS`` set the picture is kept in that folder to be looked at."""
    folder = Path(os.environ.get("WML_SCREENSHOTS") or page.parent)
    picture = folder / f"notebook-{theme}.png"
    browse(page, f"--screenshot={picture}", "--window-size=1000,2320", "--hide-scrollbars")

    assert picture.read_bytes().startswith(b"\x89PNG")
