"""The blocks of code of a page: what each is, and what the page says that it prints."""

from __future__ import annotations

import re
import shutil
import textwrap
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

__all__ = ["EXTRAS", "PAGES", "ROOT", "RUN", "Step", "steps_of"]

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "pages").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]+)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"[\w./-]+\.(py|yaml|yml|toml|csv|cfg|json|txt)|(Dockerfile|\.gitignore)")
NOT_RUN = ("Not run here: ", "Não executado aqui: ")
# What a block of an extra imports; it runs where that is installed.
EXTRAS = {
    "With the extra dask": "dask",
    "With the extra parquet": "pyarrow",
    "With evidently and the extra parquet": "evidently",
    "With lightgbm, onnxmltools and the extra local-onnx": "onnxmltools",
    "With opentelemetry-sdk": "opentelemetry.sdk",
    "With polars": "polars",
    "With polars and pyarrow": "pyarrow",
    "With polars, pyarrow and duckdb": "duckdb",
    "With PyTorch, onnxscript and onnxruntime": "onnxscript",
    "With Keras and TensorFlow": "tensorflow",
}
INSTALLING = re.compile(r"(python -m pip install|pip install|git clone|cd|nox) .*")
SHELL = ("bash", "sh", "console", "shell")
KINDS = {"python": "python", "js": "javascript", "yaml": "yaml"}
# A block for one of these runs on the embedded service, with its address in place of the example's.
PLATFORMS = ("IBM Cloud", "Cloud Pak for Data")
# The kinds of blocks that run; JavaScript where Node.js is installed.
RUN = {"python", "shell", "file", "yaml"} | ({"javascript"} if shutil.which("node") else set())


@dataclass
class Step:
    """One block of a page.

    Attributes:
        page: Path of the page.
        line: Line of the opening fence, from 1.
        kind: ``python``, ``shell``, ``javascript``, ``yaml``, ``file``, ``installation``, ``not run`` or
            ``text``.
        title: What the fence is titled.
        code: Its text, without the page's indentation.
        expected: What the page says it prints; None where it says nothing.
        platform: The platform that it is written for, where that is not the embedded service.

    """

    page: str
    line: int
    kind: str
    title: str
    code: str
    expected: str | None = None
    platform: str = ""


def is_installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def kind_of(language: str, title: str, code: str) -> str:
    """What is to be done with a fence."""
    if title.startswith(NOT_RUN) or (title in EXTRAS and not is_installed(EXTRAS[title])):
        return "not run"
    if FILE_NAME.fullmatch(title):
        return "file"
    if language in SHELL:
        lines = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
        return "installation" if all(INSTALLING.fullmatch(line) for line in lines) else "shell"
    return KINDS.get(language, "text")


def steps_of(page: Path) -> list[Step]:
    """The fences of a page, each with the output that the page shows for it."""
    text = page.read_text(encoding="utf-8")
    steps: list[Step] = []
    end_of_last = 0
    for match in FENCE.finditer(text):
        language, _, attributes = match["info"].partition(" ")
        title = "".join(re.findall(r'title="([^"]*)"', attributes))
        code = textwrap.dedent(match["code"])
        kind = kind_of(language, title, code)
        adjacent = steps and not text[end_of_last : match.start()].strip()
        prints = adjacent and steps[-1].kind in {"python", "shell", "javascript"}
        if language == "text" and prints and steps[-1].expected is None:
            steps[-1].expected = code
        else:
            line = text.count("\n", 0, match.start()) + 1
            platform = title if title in PLATFORMS else ""
            steps.append(Step(str(page), line, kind, title, code, platform=platform))
        end_of_last = match.end()
    return steps
