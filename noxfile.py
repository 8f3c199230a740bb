"""What contributors and CI run.

``nox -l`` lists the sessions, ``nox -s NAME`` runs one, ``nox -s tests -- -k NAME`` hands arguments on to its tool.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import nox

if TYPE_CHECKING:
    from collections.abc import Sequence

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


@nox.session(venv_backend="none")
def dev(session: nox.Session) -> None:
    """Set a checkout up for work: .venv with the package, editable, every tool, and the commit hooks."""
    session.run("python", "-m", "venv", ".venv")
    tools = sorted({tool for name in PROJECT["dependency-groups"] for tool in group(name)})
    session.run(".venv/bin/python", "-m", "pip", "install", "--editable", ".[local]", "nox", "pre-commit>=4", *tools)
    session.run(".venv/bin/pre-commit", "install")


@nox.session
def quickstart(session: nox.Session) -> None:
    """Store, deploy, update and roll back a real model on the embedded service, and tell the story."""
    install_wheel(session)
    session.run("python", str(Path("docs/examples/quickstart.py").resolve()), *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Build the wheel, install it and run the whole suite on it, in random order, several at a time."""
    run_suite(session, *WORKERS)


@nox.session(python=PYTHONS, tags=["versions"])
def matrix(session: nox.Session) -> None:
    """Run the suite on every supported Python that this machine has."""
    # No scikit-learn that a runtime carries exists for 3.14: the library works there, but nothing can be served.
    which = ["tests/unit"] if session.python == "3.14" else []
    run_suite(session, *WORKERS, *which)


@nox.session(python=PYTHONS[:-1])
def core(session: nox.Session) -> None:
    """Run what depends on the Python and on the client: the units, and the core of the contract on each client."""
    run_suite(session, *WORKERS, "-m", "not thorough and not exhaustive", "tests/unit")
    session.run("pytest", *WORKERS, "-m", "core", "tests/contract")


@nox.session(python=["3.12", "3.13"])
def install(session: nox.Session) -> None:
    """Install the wheel beside the newest data libraries, and see that pip leaves them as they are."""
    session.install("--upgrade", "numpy", "packaging", "pandas", "scikit-learn")
    check = str(Path("tests/installation.py").resolve())
    before = session.run("python", check, silent=True)
    install_wheel(session)
    session.run("python", check, str(before))


@nox.session(python=["3.11", "3.12"], tags=["versions"])
@nox.parametrize("client", ["ibm-watson-machine-learning", "ibm-watsonx-ai"])
def alone(session: nox.Session, client: str) -> None:
    """Run the contract suite with one of IBM's clients where the other one is not installed."""
    other = ({"ibm-watson-machine-learning", "ibm-watsonx-ai"} - {client}).pop()
    run_suite(session, *WORKERS, "tests/contract", "tests/unit/clients/test_choice.py", also=[client], without=[other])


@nox.session(python="3.13", tags=["versions"])
def newest(session: nox.Session) -> None:
    """Run the units on newer data libraries than IBM's client or a runtime takes: pandas 3, the last scikit-learn."""
    run_suite(session, *WORKERS, "tests/unit", also=["--upgrade", "numpy", "pandas", "scikit-learn", "scipy"])


@nox.session(python="3.10", tags=["versions"])
def lowest(session: nox.Session) -> None:
    """Run the units on the lowest direct dependencies that are allowed: no runtime alive carries that scikit-learn."""
    here = [line for line in PROJECT["project"]["dependencies"] if ">=" in line and "python_version >=" not in line]
    floors = [line.split(";")[0].strip().replace(">=", "==") for line in here]
    run_suite(session, *WORKERS, "tests/unit", also=floors)


@nox.session
def contract(session: nox.Session) -> None:
    """Run the contract suite on both of IBM's clients, each on Cloud Pak for Data and in the cloud."""
    run_suite(session, *WORKERS, "-m", "not exhaustive", "tests/contract")


@nox.session
def slow(session: nox.Session) -> None:
    """Kill verbs, spoil their answers, and use two machines at once: minutes."""
    run_suite(session, *WORKERS, "-m", "slow and not exhaustive", "tests/contract")


@nox.session
def exhaustive(session: nox.Session) -> None:
    """Kill each verb at every request, let each request go wrong in every way, and digest every kind of model."""
    run_suite(session, *WORKERS, "-m", "exhaustive", "tests/contract", "tests/unit")


@nox.session
def ibm_suite(session: nox.Session) -> None:
    """Run IBM's own suite, out of the old client's wheel, on the embedded service, with all its frameworks."""
    everything = ("-m", "ibm_suite or not ibm_suite", "--timeout", "1200", "tests/ibm_suite")
    # The old client saves models of the Keras that its runtimes have, which is Keras 2.
    session.env["TF_USE_LEGACY_KERAS"] = "1"
    run_suite(session, *WORKERS, *everything, extras=FRAMEWORKS, also=["tf-keras"])


@nox.session
def engines(session: nox.Session) -> None:
    """Score on real clusters of Dask and Spark, whose workers are killed; Spark needs Java 17."""
    files = ("tests/engines", "tests/unit/payload/test_arrow.py")
    run_suite(session, "-m", "engines or not engines", *files, extras="local,dask,spark")


@nox.session
def frameworks(session: nox.Session) -> None:
    """Serve models of the frameworks that are too large for the other sessions, as their answers were recorded."""
    files = ("tests/server/runtimes", "tests/server/test_wire_scoring.py")
    run_suite(session, *WORKERS, "--timeout", "600", *files, also=["catboost"], extras=FRAMEWORKS)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Send nonsense to the embedded service for ten minutes, hammer it for five, and kill it two hundred times."""
    for name, value in (("FUZZ_SECONDS", "600"), ("HAMMER_SECONDS", "300"), ("KILLS", "200")):
        session.env[f"WML_DEPLOYER_{name}"] = value
    files = ("test_fuzz.py", "test_hammer.py", "test_durability.py")
    run_suite(session, "-m", "", "--timeout", "7200", *(f"tests/server/{file}" for file in files))


@nox.session
def real(session: nox.Session) -> None:
    """Run the contract suite on the service that the ``WML_*`` variables name, in a space that is empty."""
    session.env["WML_DEPLOYER_ANY_SERVICE"] = "1"
    run_suite(session, "-n", "0", "-m", "any_service", "--timeout", "1200", "tests/contract")


@nox.session
def openapi(session: nox.Session) -> None:
    """Call each operation of the embedded service 200 times, as schemathesis makes requests of its OpenAPI document."""
    session.env["WML_DEPLOYER_SCHEMATHESIS"] = install_apart(session, "schemathesis", *group("openapi"))
    run_suite(session, "-m", "", "tests/server/test_openapi.py")


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
    """Look at everything in a real browser, Chromium: JupyterLab's notebooks and the console, in light and dark."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        session.run("apt-get", "update", "--quiet", external=True)
        session.run("apt-get", "install", "--yes", "--no-install-recommends", "chromium", external=True)
    run_suite(session, "tests/notebook", extras="local,plot", also=group("browser"))
    # In a process of its own: there cannot be two drivers of browsers in one.
    session.run("pytest", "tests/server/console", *session.posargs)


@nox.session
def newcomer(session: nox.Session) -> None:
    """Copy the README's blocks into a notebook and follow a guide, with the built wheel in an empty home; timed."""
    install_wheel(session, "ipykernel>=6.29", "nbclient>=0.10")
    session.run("python", str(Path("tests/docs/newcomer.py").resolve()))


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
