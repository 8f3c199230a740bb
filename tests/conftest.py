"""What the whole suite shares: it skips tests that need a missing package, and counts the documentation that ran."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.next_steps import FOLLOWED, Step

if TYPE_CHECKING:
    from collections.abc import Generator

# Some tests load ONNX Runtime into this process; it would report that to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

OPTIONAL = frozenset(
    {
        "cloudpickle",
        "hatchling",
        "hypothesis",
        "ibm_watsonx_ai",
        "jpype",
        "jsonschema",
        "keyring",
        "lightgbm",
        "matplotlib",
        "mlflow",
        "onnx",
        "onnxmltools",
        "onnxruntime",
        "opentelemetry",
        "pyarrow",
        "pypmml",
        "skl2onnx",
        "tomli",
        "urllib3",
        "xgboost",
        "zlib_ng",
    }
)
"""Packages of the dependency group ``tests``. A test that needs a missing one is skipped, so that pytest is enough."""


def missing_package(error: BaseException | None) -> str | None:
    """Return the optional package whose absence caused an error, if that is its cause."""
    while error is not None:
        package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
        if package in OPTIONAL and find_spec(package) is None:
            return package
        error = error.__cause__ or error.__context__
    return None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a file that imports a missing package."""
    report = yield
    call: pytest.CallInfo[object] | None = getattr(report, "call", None)
    package = missing_package(call.excinfo.value) if call is not None and call.excinfo is not None else None
    if report.failed and package is not None:
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 1, f"needs {package}")
        # pytest leaves half of the file imported; files that import from it are to need the package as well.
        sys.modules.pop(".".join(collector.path.relative_to(collector.config.rootpath).with_suffix("").parts), None)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """Skip a test whose fixtures import a missing package."""
    yield from skipping_without_packages()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip a test that imports a missing package itself."""
    yield from skipping_without_packages()


def skipping_without_packages() -> Generator[None, None, None]:
    """Turn the error about a missing package into a skip."""
    try:
        yield
    except Exception as error:
        package = missing_package(error)
        if package is None:
            raise
        pytest.skip(f"needs {package}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Accept the limit for a test where pytest-timeout, which enforces it, is not installed."""
    if find_spec("pytest_timeout") is None:
        parser.addini("timeout", "seconds that a test may take")


def pytest_configure(config: pytest.Config) -> None:
    """Accept the mark of pytest-timeout, too."""
    if find_spec("pytest_timeout") is None:
        config.addinivalue_line("markers", "timeout(seconds): the time that this test may take")


@pytest.fixture
def step(request: pytest.FixtureRequest) -> Step:
    """Give a test the next steps that it follows."""
    return Step(tuple(text for text, test in FOLLOWED.items() if test == request.function.__name__))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of the documentation ran: a runner that finds none would pass in silence."""
    properties = [value for report in terminalreporter.getreports("passed") for value in report.user_properties]
    for what, where in (("blocks run", "pages"), ("examples run", "modules")):
        counts = [count for name, count in properties if name == what]
        if counts:
            terminalreporter.write_line(f"documentation: {sum(counts)} {what} on {len(counts)} {where}")
