"""Every block of code in README.md and the docs runs, and prints what the page says it prints.

A page is run top to bottom in one process, in an empty folder. What a fence is follows from how it is written:

- ``python``, ``bash`` and ``js`` run; a ``text`` fence right after one is what it prints (``...``: what varies);
- a title ``IBM Cloud`` or ``Cloud Pak for Data`` makes it run on the embedded service, which answers as both do;
- a title that is a file name (``title="metadata.yaml"``) makes the block that file;
- a title ``Not run here: REASON`` is shown to the reader, and the block is compiled only;
- commands that install the project are run by ``.ci/run`` instead.
"""

from __future__ import annotations

import doctest
import json
import re
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import EXTRAS, PAGES, ROOT, RUN, Step, steps_of
from tests.line_program import line_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Recorder = Callable[[str, object], None]
    Run = Callable[[Path, Path], list[tuple[Step, str]]]

OLDER_CLIENT = "ibm_watson_machine_learning"


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Run a page's blocks in a folder; returns each with what it printed. See run_page.py."""
    # What is set for the pytest that runs here is nothing to the one that a page starts.
    own = {"COLUMNS": "120", "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": ""}
    with line_program(Path(__file__).with_name("run_page.py"), **own) as exit_status:

        def run_page(page: Path, folder: Path) -> list[tuple[Step, str]]:
            steps = [step for step in steps_of(page) if step.kind in RUN]
            results, said = folder.with_suffix(".json"), folder.with_suffix(".said")
            job = {"folder": str(folder), "results": str(results), "said": str(said), "seconds": 280}
            status = exit_status({**job, "steps": [asdict(step) for step in steps]})
            text = said.read_text(encoding="utf-8")
            # Skips the page where it is an optional package; see the conftest of the suite.
            if status and (missing := re.search(r"^ModuleNotFoundError: No module named '(\w+)", text, re.MULTILINE)):
                raise ModuleNotFoundError(text, name=missing[1])
            assert status == 0, text[-4000:]
            return list(zip(steps, json.loads(results.read_text(encoding="utf-8")), strict=True))

        yield run_page


def differences(step: Step, printed: str) -> str:
    """How what was printed differs from what the page shows; nothing where it does not."""
    if step.expected is None:
        return ""
    checker = doctest.OutputChecker()
    # What curl prints need not end with a line break, as a fence does.
    shown = (re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).rstrip() for text in (step.expected, printed))
    wanted, got = (f"{text}\n" for text in shown)
    if checker.check_output(wanted, got, doctest.ELLIPSIS):
        return ""
    example = doctest.Example(step.code, wanted)
    flags = doctest.ELLIPSIS | doctest.REPORT_NDIFF
    return f"{step.page}:{step.line}:\n{checker.output_difference(example, got, flags)}"


def identify(page: Path) -> str:
    """The page's path in the project."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.timeout(300)  # the guide to CI starts eight processes
@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_page_runs_and_prints_what_it_shows(page: Path, run: Run, tmp_path: Path, record_property: Recorder) -> None:
    """Copied top to bottom into an empty folder, a page's blocks do what the page says."""
    if not version("scikit-learn").startswith("1.6."):
        pytest.skip("pages show what scikit-learn 1.6 says, as runtime 25.1 has it")
    if OLDER_CLIENT in page.read_text(encoding="utf-8") and find_spec(OLDER_CLIENT) is None:
        pytest.skip(f"{OLDER_CLIENT} does not exist for this Python")
    folder = tmp_path / "reader"
    folder.mkdir()

    done = run(page, folder)

    record_property("blocks run", len(done))
    found = "\n".join(differences(step, printed) for step, printed in done).strip()
    assert not found, found


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_no_fence_is_overlooked(page: Path) -> None:
    """The blocks found are all that are there: opening fences are counted another way."""
    lines = [line.strip() for line in page.read_text(encoding="utf-8").splitlines()]
    opened = [line for line in lines if line.startswith("```") and line != "```"]
    shown = [step.expected for step in steps_of(page) if step.expected is not None]

    assert lines.count("```") == len(opened) == len(steps_of(page)) + len(shown)


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_block_that_does_not_run_says_why(page: Path) -> None:
    """A block that needs what a test cannot have shows its reason to the reader, and is at least valid Python."""
    for step in (step for step in steps_of(page) if step.kind == "not run"):
        assert step.title in EXTRAS or step.title.partition(": ")[2]
        if step.code.lstrip().startswith(("from", "import", "deployer")):
            compile(step.code, step.page, "exec")


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_shown_script_is_run(page: Path) -> None:
    """A Python file that a page shows is run or imported further down on that page."""
    steps = steps_of(page)
    for position, step in enumerate(steps):
        if step.kind == "file" and step.title.endswith(".py"):
            later = "\n".join(other.code for other in steps[position + 1 :] if other.kind in {"python", "shell"})
            assert Path(step.title).stem in later, f"{step.page}:{step.line}: {step.title} is shown and never run"


def test_at_least_200_blocks_run() -> None:
    """What is shown is tried: few blocks only have to be believed."""
    steps = [step for page in PAGES for step in steps_of(page)]

    assert sum(step.kind in RUN for step in steps) >= 200
    # Those of an extra run where it is installed.
    assert sum(step.kind == "not run" and step.title not in EXTRAS for step in steps) <= 20


def test_readme_shows_the_commands_that_ci_runs() -> None:
    """The two commands of a newcomer are in the README word for word, and CI runs both."""
    commands = [f"python -m pip install nox && nox -s {session}" for session in ("quickstart", "tests")]
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert [(command in readme, command in ci) for command in commands] == [(True, True)] * 2


@pytest.mark.parametrize(
    ("shown", "faults"),
    [("1 + 1 = 2", 0), ("1 + ... = 2", 0), ("1 + 1 = 3", 1)],
    ids=["the same text", "what varies left out", "another text"],
)
def test_runner_compares_what_is_printed(shown: str, faults: int, run: Run, tmp_path: Path) -> None:
    """The runner itself: a page that shows what its block does not print is found out."""
    page = tmp_path / "page.md"
    page.write_text(f'```python\nprint("1 + 1 =", 1 + 1)\n```\n\n```text\n{shown}\n```\n', encoding="utf-8")

    assert faults == len([step for step, printed in run(page, tmp_path) if differences(step, printed)])


@pytest.mark.parametrize("block", ["```python\nraise ValueError\n```", "```bash\nfalse\n```"], ids=["python", "bash"])
def test_runner_stops_at_a_block_that_fails(block: str, run: Run, tmp_path: Path) -> None:
    """The runner itself: a block that raises, or ends with a bad status, fails its page and is named by its line."""
    page = tmp_path / "page.md"
    page.write_text(f"text\n\n{block}\n", encoding="utf-8")

    with pytest.raises(AssertionError, match=r"page\.md(:3|\", line 4)"):
        run(page, tmp_path)
