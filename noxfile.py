"""What contributors and CI run.

``nox -l`` lists the sessions, ``nox -s NAME`` runs one, ``nox -s tests -- -k NAME`` hands arguments on to its tool.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import nox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
WORKERS = ("-n", "3", "--dist", "worksteal")
"""One more than CI has processors, for some tests wait; each gets whole files first, which share a service."""
FRAMEWORKS = "local,local-onnx,local-pmml,local-tensorflow"
"""The embedded service with its runtimes; XGBoost is in the tests' group, and a second one would share its folder."""
SUITE = (
    "tests",
    "docs",
    "README.md",
    "LICENSE",
    "pyproject.toml",
    "noxfile.py",
    ".ci",
    ".github",
    ".pre-commit-config.yaml",
)

nox.needs_version = ">=2025.2.9"
nox.options.error_on_external_run = True
nox.options.sessions = ["lint", "types", "docs", "tests"]


def group(name: str) -> tuple[str, ...]:
    """The requirements of a dependency group of pyproject.toml."""
    return nox.project.dependency_groups(PROJECT, name)


def install_wheel(session: nox.Session, *given: str, extras: str = "local") -> None:
    """Build the wheel and install it as a user gets it, with the embedded service and what else pip is told."""
    wheels = Path(session.create_tmp()) / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), ".")
    (wheel,) = wheels.glob("*.whl")
    session.install(f"{wheel}[{extras}]", *given)
    # pip keeps an installed wheel of the same version: in a reused environment that would be yesterday's code.
    session.install("--quiet", "--force-reinstall", "--no-deps", str(wheel))


def lay_out_suite(session: nox.Session) -> Path:
    """Copy the suite to a folder without the package's source, which would hide faults of the wheel."""
    suite = Path(session.create_tmp()).resolve() / "suite"
    shutil.rmtree(suite, ignore_errors=True)
    suite.mkdir()
    for name in SUITE:
        if Path(name).is_dir():
            shutil.copytree(name, suite / name, ignore=shutil.ignore_patterns("__pycache__", "site"))
        else:
            shutil.copy2(name, suite / name)
    return suite


def run_suite(
    session: nox.Session,
    *arguments: str,
    extras: str = "local",
    also: Sequence[str] = (),
    without: Sequence[str] = (),
) -> None:
    """Run pytest on the installed wheel, away from the working copy, with some packages more or fewer."""
    checkout = Path.cwd()
    install_wheel(session, *group("tests"), extras=extras)
    if also:
        session.install(*also)
    if without:
        session.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", *without)
    session.env["WML_DEPLOYER_CHECKOUT"] = str(checkout)
    session.chdir(lay_out_suite(session))
    session.run("python", "-c", "import sys, wml_deployer as p; sys.exit(not p.__file__.startswith(sys.prefix))")
    session.run("pytest", *arguments, *session.posargs)


def install_apart(session: nox.Session, name: str, *requirements: str) -> str:
    """Install packages in an environment of their own, beside the suite's; return its interpreter."""
    python = Path(session.create_tmp()).resolve() / name / "bin" / "python"
    if not python.exists():
        session.run("python", "-m", "venv", str(python.parents[1]))
    session.run(str(python), "-m", "pip", "install", "--quiet", *requirements, external=True)
    return str(python)


@nox.session
def quickstart(session: nox.Session) -> None:
    """Store, deploy, update and roll back a real model on the embedded service."""
    install_wheel(session)
    session.run("python", str(Path("docs/examples/quickstart.py").resolve()), *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the suite on the built wheel, in random order, in several processes."""
    run_suite(session, *WORKERS)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests that take minutes: killed processes, lost and spoilt responses, two machines at once."""
    run_suite(session, *WORKERS, "-m", "slow and not exhaustive", "tests/contract", "tests/unit")


def run_whole(session: nox.Session) -> None:
    """Run the suite; on Python 3.14 only the unit tests, since no scikit-learn of a runtime exists for it."""
    run_suite(session, *WORKERS, *(["tests/unit"] if session.python == "3.14" else []))


def run_core(session: nox.Session) -> None:
    """Run what depends on Python and on IBM's client: the unit tests, and the core of the contract on each client."""
    run_suite(session, *WORKERS, "-m", "not slow and not exhaustive", "tests/unit")
    session.run("pytest", *WORKERS, "-m", "core", "tests/contract")


def run_on_one_client(session: nox.Session, client: str) -> None:
    """Run the contract tests with one of IBM's clients, without the other one."""
    other = ({"ibm-watson-machine-learning", "ibm-watsonx-ai"} - {client}).pop()
    run_suite(session, *WORKERS, "tests/contract", "tests/unit/clients/test_choice.py", also=[client], without=[other])


def run_newest(session: nox.Session) -> None:
    """Run the unit tests on newer data libraries than IBM's client or a runtime accepts."""
    run_suite(session, *WORKERS, "tests/unit", also=["--upgrade", "numpy", "pandas", "scikit-learn", "scipy"])


def run_lowest(session: nox.Session) -> None:
    """Run the unit tests on the lowest allowed versions of the direct dependencies."""
    here = [line for line in PROJECT["project"]["dependencies"] if ">=" in line and "python_version >=" not in line]
    floors = [line.split(";")[0].strip().replace(">=", "==") for line in here]
    run_suite(session, *WORKERS, "tests/unit", also=floors)


def install_beside_newest(session: nox.Session) -> None:
    """Install the wheel beside the newest data libraries: pip does not change them, and the quickstart runs."""
    session.install("--upgrade", "numpy", "packaging", "pandas", "scikit-learn")
    check = str(Path("tests/installation.py").resolve())
    before = session.run("python", check, silent=True)
    install_wheel(session)
    session.run("python", check, str(before))
    session.run("python", str(Path("docs/examples/quickstart.py").resolve()))


OLDER, NEWER = (partial(run_on_one_client, client=name) for name in ("ibm-watson-machine-learning", "ibm-watsonx-ai"))
VERSIONS = {
    "whole": (run_whole, PYTHONS),
    "core": (run_core, PYTHONS[:-1]),
    "older-client": (OLDER, ["3.11", "3.12"]),
    "newer-client": (NEWER, ["3.11", "3.12"]),
    "newest": (run_newest, ["3.13"]),
    "lowest": (run_lowest, ["3.10"]),
    "install": (install_beside_newest, ["3.12", "3.13"]),
}


@nox.session(tags=["versions"])
@nox.parametrize(
    ("python", "run"),
    [nox.param(python, run, id=f"{name}-{python}") for name, (run, pythons) in VERSIONS.items() for python in pythons],
)
def versions(session: nox.Session, run: Callable[[nox.Session], None]) -> None:
    """Run the suite, or its core, on other Pythons, clients and dependencies: nox -s "versions(core-3.12)"."""
    run(session)


def run_matrices(session: nox.Session) -> None:
    """Run every case of the matrices, and the contract on both of IBM's clients and on both platforms."""
    run_suite(session, *WORKERS, "-m", "exhaustive", "tests/contract", "tests/unit")


def run_fuzzers(session: nox.Session) -> None:
    """Send nonsense to the embedded service, hammer it and kill it, for 15 minutes; and fuzz each reader for one."""
    for name, value in (("FUZZ_SECONDS", "600"), ("HAMMER_SECONDS", "300"), ("KILLS", "200")):
        session.env[f"WML_DEPLOYER_{name}"] = value
    files = ("test_fuzz.py", "test_hammer.py", "test_durability.py")
    run_suite(session, "-m", "", "--timeout", "7200", *(f"tests/server/{file}" for file in files))
    session.install(*group("fuzz"))
    session.run("python", "tests/fuzz/fuzz.py")


def run_schemathesis(session: nox.Session) -> None:
    """Call each operation of the embedded service 200 times, with requests made from its OpenAPI document."""
    session.env["WML_DEPLOYER_SCHEMATHESIS"] = install_apart(session, "schemathesis", *group("openapi"))
    run_suite(session, "-m", "", "tests/server/test_openapi.py")


def run_ibm_suite(session: nox.Session) -> None:
    """Run IBM's own suite, from the wheel of the old client, on the embedded service, with all its frameworks."""
    # The old client saves models of the Keras that its runtimes have, which is Keras 2.
    session.env["TF_USE_LEGACY_KERAS"] = "1"
    arguments = ("-m", "", "--timeout", "1200", "tests/ibm_suite")
    run_suite(session, *WORKERS, *arguments, extras=FRAMEWORKS, also=["tf-keras"])


@nox.session
@nox.parametrize(
    "run",
    [
        nox.param(run_matrices, id="matrices"),
        nox.param(run_fuzzers, id="fuzz"),
        nox.param(run_schemathesis, id="openapi"),
        nox.param(run_ibm_suite, id="ibm-suite"),
    ],
)
def exhaustive(session: nox.Session, run: Callable[[nox.Session], None]) -> None:
    """Run what takes up to an hour: nox -s "exhaustive(fuzz)"."""
    run(session)


def run_engines(session: nox.Session) -> None:
    """Score on real clusters of Dask and Spark, whose workers are killed, and from DuckDB; Spark needs Java 17."""
    files = ("tests/engines", "tests/unit/payload/test_arrow.py", "tests/contract/test_arrow_frames.py")
    run_suite(session, "-m", "", *files, extras="local,dask,spark", also=["duckdb>=1.2"])


def run_frameworks(session: nox.Session) -> None:
    """Serve models of frameworks that are too large for the other sessions."""
    files = ("tests/server/runtimes", "tests/server/test_wire_scoring.py", "tests/contract/test_function_frameworks.py")
    run_suite(session, *WORKERS, "--timeout", "600", *files, also=["catboost", "statsmodels"], extras=FRAMEWORKS)


def run_mlflow(session: nox.Session) -> None:
    """Deploy MLflow's models, by its own deployment plugin, too; and read a payload log with Evidently."""
    files = ("tests/contract/test_mlflow.py", "tests/architecture/test_docstrings.py", "tests/docs/test_blocks.py")
    chosen = ("-m", "not exhaustive", "-k", "mlflow or watch", *files)
    run_suite(session, *WORKERS, "--timeout", "600", *chosen, also=["evidently"], extras="local,mlflow,otel,parquet")


@nox.session
@nox.parametrize(
    "run",
    [
        nox.param(run_engines, id="engines"),
        nox.param(run_frameworks, id="frameworks"),
        nox.param(run_mlflow, id="mlflow"),
    ],
)
def optional(session: nox.Session, run: Callable[[nox.Session], None]) -> None:
    """Run the tests that need large optional packages: nox -s "optional(engines)"."""
    run(session)


@nox.session
def real(session: nox.Session) -> None:
    """Run the contract tests on the service that the ``WML_*`` variables name, in an empty space."""
    session.env["WML_DEPLOYER_ANY_SERVICE"] = "1"
    run_suite(session, "-n", "0", "-m", "any_service", "--timeout", "1200", "tests/contract")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure, side by side with what the library is measured against; ``-- --write-page`` writes the docs' page."""
    # The model is made with this scikit-learn, and loaded with it.
    peers = ("mlflow>=3", "vetiver>=0.2.6", "scikit-learn<1.7")
    session.env["WML_DEPLOYER_PEERS"] = install_apart(session, "peers", *peers)
    # Alone and in order, so that figures hold.
    alone = ("-p", "no:randomly", "-p", "no:xdist", "--timeout", "3600", "-W", "ignore")
    run_suite(session, *alone, "-o", "python_files=bench_*.py", "tests/benchmarks", extras="local,fast,dask,spark")


@nox.session
def browser(session: nox.Session) -> None:
    """Test the notebook views and the console in Chromium, and follow the README in a notebook as a newcomer does."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        session.run("apt-get", "update", "--quiet", external=True)
        session.run("apt-get", "install", "--yes", "--no-install-recommends", "chromium", external=True)
    newcomer = str(Path("tests/docs/newcomer.py").resolve())
    install_wheel(session, "ipykernel>=6.29", "nbclient>=0.10")
    session.run("python", newcomer)
    run_suite(session, "tests/notebook", extras="local,plot", also=group("browser"))
    # In a process of its own: Playwright allows one driver for each.
    session.run("pytest", "tests/server/console", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting; ``nox -s lint -- --fix`` mends what can be mended."""
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs, ".")
    session.run("ruff", "format", *(() if session.posargs else ("--check",)), ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package, its tests and this file, strictly; and of users' code, with pyright, too."""
    # Types are read from sources: compiling them would take half of the installation's time.
    install_wheel(session, "--no-compile", *group("tests"), *group("docs"), *group("types"))
    session.run("mypy", *session.posargs)
    session.run("pyright", "--project", "tests/typing")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into docs/site with warnings as errors; ``nox -s docs -- serve`` shows it while you write."""
    install_wheel(session, *group("docs"), extras="local,plot")
    command = session.posargs or ["build", "--strict"]
    # The theme announces its successor on every build; and no bars are drawn in the notebooks of the site.
    session.run("mkdocs", *command, "--config-file", "docs/mkdocs.yml", env={"NO_MKDOCS_2_WARNING": "1", "CI": "true"})
