"""What a newcomer does: copy the README's blocks into a notebook, run it twice, and follow one guide, in an empty home.

Run by ``nox -s browser`` in an environment that holds the built wheel and a notebook, and nothing else. Prints how
long each part took; a cell that fails, warns or writes to the error stream fails the whole.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.docs.pages import ROOT, Step, steps_of

GUIDE = ROOT / "docs" / "pages" / "how-to" / "rollouts.md"


def notebook_of(steps: list[Step], folder: Path) -> Any:
    """Lay the files that the page shows, and make a cell of each block that runs, and all of them once more."""
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    for step in steps:
        if step.kind == "file":
            (folder / step.title).write_text(step.code, encoding="utf-8")
        elif step.kind in {"python", "shell"}:
            prefix = "%%bash\n" if step.kind == "shell" else ""
            notebook.cells.append(nbformat.v4.new_code_cell(prefix + step.code))  # type: ignore[no-untyped-call]
    # Everybody runs a notebook again.
    notebook.cells += [nbformat.v4.new_code_cell(cell.source) for cell in notebook.cells]  # type: ignore[no-untyped-call]
    return notebook


def follow(page: Path, folder: Path) -> float:
    """Run a page as a notebook; returns seconds, and fails where a cell does, or writes to the error stream."""
    folder.mkdir()
    steps = steps_of(page)
    notebook = notebook_of(steps, folder)
    began = time.perf_counter()
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    seconds = time.perf_counter() - began
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    noise = [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert not noise, noise
    print(f"{page.relative_to(ROOT)}: {len(notebook.cells)} cells in {seconds:.1f} s")
    for output in outputs:
        print(
            "   ",
            str(output.get("text") or output.get("data", {}).get("text/plain", "")).strip().replace("\n", "\n    "),
        )
    return seconds


def main() -> None:
    """Follow the README to its scored rows, and a guide to its finished update."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        # A machine on which nobody has done anything yet.
        known = {variable: os.environ[variable] for variable in ("PATH", "LANG") if variable in os.environ}
        os.environ.clear()
        os.environ.update(known, HOME=name, IPYTHONDIR=f"{name}/ipython", JUPYTER_PLATFORM_DIRS="1")
        seconds = [follow(page, home / page.stem) for page in (ROOT / "README.md", GUIDE)]
    print(f"from an installed wheel to a scored row and a finished update: {sum(seconds):.1f} s")


if __name__ == "__main__":
    main()
