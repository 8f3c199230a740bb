"""A real JupyterLab, driven in a real browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def missing() -> str:
    """What these tests need and this machine does not have; ``nox -s browser`` brings it."""
    packages = [name for name in ("playwright", "jupyterlab", "matplotlib") if find_spec(name) is None]
    return ", ".join([*packages, *([] if CHROMIUM else ["Chromium"])])


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window and without a network."""
    if absent := missing():
        pytest.skip(f"needs {absent} (nox -s browser)")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - optional

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        yield started
        started.close()


def notebook_of(cells: dict[str, str]) -> dict[str, Any]:
    """A notebook that was never run."""
    empty: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    written = [{**empty, "id": name, "source": source} for name, source in cells.items()]
    return {"cells": written, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the notebooks lie."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="session")
def jupyterlab(browser: Browser, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab on a free port with a home of its own; its URL up to the path."""
    home = tmp_path_factory.mktemp("jupyter")
    runtime = home / "runtime"
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"),
        *("--ServerApp.port=0", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=for-the-tests"),
        f"--ServerApp.root_dir={folder}",
    ]
    environment = {
        **os.environ,
        "HOME": str(home),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    # Else it asks, on top of everything, whether it may fetch news.
    quiet = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port_of(process, runtime, home / 'log')}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def port_of(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> int:
    """Wait until the server has written down where it listens."""
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            if text := path.read_text(encoding="utf-8"):
                port: int = json.loads(text)["port"]
                return port
        time.sleep(0.2)
    raise AssertionError(log.read_text(encoding="utf-8")[-3000:])


@pytest.fixture(scope="session")
def open_notebook(browser: Browser, jupyterlab: str, folder: Path) -> Iterator[Any]:
    """A function that opens a notebook of these cells in JupyterLab and runs it to its end."""
    pages: list[Page] = []

    def opened(name: str, cells: dict[str, str]) -> Page:
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook_of(cells)), encoding="utf-8")
        # The system wishes the light theme all the time: what the page says has to win.
        page = browser.new_page(
            viewport={"width": 1100, "height": 1000}, device_scale_factor=2, color_scheme="light", locale="en-US"
        )
        pages.append(page)
        page.set_default_timeout(90_000)
        # A workspace of its own: a second page in the same one would be asked which of them shall go on.
        page.goto(f"{jupyterlab}/lab/workspaces/{name}/tree/{name}.ipynb?token=for-the-tests")
        page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.isReady")
        page.evaluate("jupyterapp.commands.execute('application:set-mode', {mode: 'single-document'})")
        page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        last = f"jupyterapp.shell.currentWidget.content.widgets[{len(cells) - 1}].model"
        page.wait_for_function(f"{last}.executionCount !== null && {last}.outputs.length + 1 > 0")
        return page

    yield opened
    for page in pages:
        page.close()
