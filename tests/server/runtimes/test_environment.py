"""Package extensions are installed into an environment of their own, without a network where none is needed."""

from __future__ import annotations

import gzip
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer.server.runtimes import LoadError, PackageExtension, WorkerLimits, environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FUNCTION = """
def score(payload):
    import own_library, numpy, sys
    return {"predictions": [{"values": [own_library.FACTOR, numpy.__name__, sys.prefix]}]}
"""


def library(folder: Path, factor: int) -> PackageExtension:
    """A zipped project, as IBM's samples upload one."""
    path = folder / f"own_library-{factor}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        setup = "from setuptools import setup\nsetup(name='own_library', version='0.1', py_modules=['own_library'])\n"
        archive.writestr("own_library-0.1/setup.py", setup)
        archive.writestr("own_library-0.1/own_library.py", f"FACTOR = {factor}\n")
    return PackageExtension("own library", "pip_zip", path)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A function that uses the library."""
    path = tmp_path / "function.gz"
    path.write_bytes(gzip.compress(FUNCTION.encode()))
    return path


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip finds no index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def test_extension_is_there_for_its_deployment_alone(
    artifact: Path, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """Two deployments with two versions of a library each see their own, and the packages of the service besides."""
    answers = []
    for factor in (3, 5):
        extensions = [library(tmp_path, factor)]
        with serving(artifact, tmp_path, model_type="python", extensions=extensions) as served:
            answers.append(served.predict([[1]])["predictions"][0]["values"])

    (first, second) = answers
    assert ([3, "numpy"], [5, "numpy"]) == (first[:2], second[:2])
    assert first[2] != second[2]


def test_extension_comes_before_the_paths_of_the_service(
    artifact: Path, serving: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that was started beside another version of a library does not show that one."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "own_library.py").write_text("FACTOR = 1\n")
    monkeypatch.setenv("PYTHONPATH", str(other))
    with serving(artifact, tmp_path, model_type="python", extensions=[library(tmp_path, 3)]) as served:
        assert 3 == served.predict([[1]])["predictions"][0]["values"][0]


def test_installation_is_reported(artifact: Path, serving: Callable[..., Any], tmp_path: Path) -> None:
    """Pip's steps are told while it works."""
    steps: list[str] = []
    extensions = [library(tmp_path, 3)]
    with serving(artifact, tmp_path, model_type="python", extensions=extensions, report=steps.append):
        pass

    assert any(step.startswith("Installing collected packages: own") for step in steps)


def test_other_packages_of_the_service_make_another_environment(
    artifact: Path, serving: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the service's packages satisfied at one time they need not satisfy later."""
    extensions = [library(tmp_path, 3)]
    for installed in (["numpy-1.26.4.dist-info"], ["numpy-2.5.5.dist-info"]):
        monkeypatch.setattr(environment, "_installed", lambda installed=installed: installed)
        with serving(artifact, tmp_path, model_type="python", extensions=extensions):
            pass

    assert 2 == len(list((tmp_path / "environments").iterdir()))


def test_environment_is_made_once(artifact: Path, serving: Callable[..., Any], tmp_path: Path) -> None:
    """The next deployment with the same extension finds it installed."""
    prefixes = set()
    extensions = [library(tmp_path, 7)]
    for _ in range(2):
        with serving(artifact, tmp_path, model_type="python", extensions=extensions) as served:
            prefixes.add(served.predict([[1]])["predictions"][0]["values"][2])
    environments = [path.name for path in (tmp_path / "environments").iterdir()]

    assert (1, 1) == (len(prefixes), len(environments))


def test_what_is_installed_already_needs_no_network(
    artifact: Path, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """Packages of the service satisfy a conda environment."""
    path = tmp_path / "environment.yml"
    path.write_text("dependencies:\n  - numpy>=1.20\n  - pip:\n    - pandas\n")
    extensions = [library(tmp_path, 3), PackageExtension("environment", "conda_yml", path)]

    with serving(artifact, tmp_path, model_type="python", extensions=extensions) as served:
        assert 3 == served.predict([[1]])["predictions"][0]["values"][0]


def test_package_that_cannot_be_had_is_a_load_error(
    artifact: Path, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """Pip's own words say which, and nothing half-made is left."""
    path = tmp_path / "requirements.txt"
    path.write_text("a-package-that-is-nowhere==1.0\n")
    extensions = [PackageExtension("mine", "requirements_txt", path)]

    with (
        pytest.raises(LoadError, match=r"'mine' cannot be installed: .*a-package-that-is-nowhere") as caught,
        serving(artifact, tmp_path, model_type="python", extensions=extensions),
    ):
        pass

    assert "package_extension_failed" == caught.value.code
    assert [] == list((tmp_path / "environments").iterdir())


def test_installation_that_does_not_end_is_a_load_error(
    artifact: Path, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """A setup.py that hangs is ended, with the deployment."""
    path = tmp_path / "hanging.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("setup.py", "import time\ntime.sleep(600)\n")
    extensions = [PackageExtension("hanging", "pip_zip", path)]

    with (
        pytest.raises(LoadError, match="took longer than 2 seconds"),
        serving(artifact, tmp_path, model_type="python", extensions=extensions, limits=WorkerLimits(install_seconds=2)),
    ):
        pass
