"""Requirements and own code: derived specifications are made, shared, verified, and removed when nothing needs them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from lightgbm import LGBMRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tests.contract.insides import connect
from wml_deployer._environment import is_derived_name
from wml_deployer.errors import CheckError, ConfigurationError, ModelError, RolloutError, ServerError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from tests.contract.conftest import Platform
    from wml_deployer import CloudCredentials, Deployer, SoftwareCredentials
    from wml_deployer.testing import LocalServer

STEPS = """\
from sklearn.base import BaseEstimator, TransformerMixin

class Scale(TransformerMixin, BaseEstimator):
    def __init__(self, by=1.0):
        self.by = by

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X * self.by
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of the user's own, which this process can import and no runtime has."""
    folder = tmp_path / "src" / "own_shop"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "steps.py").write_text(STEPS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder.parent))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "own_shop"]:
        del sys.modules[name]


@pytest.fixture
def own(package: Path, features: pd.DataFrame, labels: pd.Series[Any]) -> Any:
    """A pipeline with a transformer out of that package."""
    from own_shop.steps import Scale  # type: ignore[import-not-found]  # noqa: PLC0415 - made just now

    return make_pipeline(Scale(0.5), LogisticRegression(C=0.1, max_iter=5000)).fit(features, labels)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip finds no index: what is asked for here is installed already, or nowhere."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.fixture
def index(platform: Platform, no_network: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip finds an index."""
    if platform.kind == "cloud":
        pytest.skip("pip would go through the proxy that leads to the embedded service")
    monkeypatch.delenv("PIP_NO_INDEX")


@pytest.fixture
def derived(credentials: SoftwareCredentials | CloudCredentials) -> Any:
    """Return a function that names the derived specifications of the space, and their extensions that are there."""

    def list_all() -> list[str]:
        client = connect(credentials)
        try:
            names = [one.name for one in client.specifications() if is_derived_name(one.name)]
            extensions = [f"{name}-{part}" for name in names for part in ("code", "requirements")]
            return names + [name for name in extensions if client.extension_called(name)]
        finally:
            client.close()

    return list_all


@pytest.fixture(autouse=True)
def clean(deployer: Deployer) -> Iterator[None]:
    """Leave the space, which all tests share, without derived specifications."""
    yield
    try:
        deployer.delete(cascade=True)
    except WMLDeployerError:
        deployer.prune(keep=0)


@pytest.mark.core
def test_own_code_goes_along(deployer: Deployer, own: Any, package: Path, features: pd.DataFrame) -> None:
    """A transformer out of the user's own package answers at the endpoint as it does here."""
    deployer.release(own, sample=features.head(20), code=[package])
    scores = deployer.score(features.head(50))

    assert own.predict(features.head(50)).tolist() == scores["prediction"].tolist()


@pytest.mark.core
def test_versions_with_the_same_needs_share_a_specification(
    deployer: Deployer, model: Any, better: Any, derived: Any
) -> None:
    """It is found again by its content, and goes with the last one that needs it."""
    for number, estimator in enumerate((model, better)):
        deployer.store(estimator, version=f"v{number}", requirements=["numpy"])
    shared = derived()
    deployer.prune(keep=0)

    assert (2, []) == (len(shared), derived())


@pytest.mark.core
def test_a_function_installs_what_the_runtime_lacks(
    deployer: Deployer, platform: Platform, features: pd.DataFrame, derived: Any
) -> None:
    """Elsewhere LightGBM comes with the function, at the version of this process; the embedded service has it."""
    rows = features.set_axis([str(name).replace(" ", "_") for name in features], axis=1)
    model = LGBMRegressor(n_estimators=3, verbose=-1).fit(rows, rows["mean_radius"])
    deployer.release(model, sample=rows.head(5))
    (version,) = deployer.metadata.versions
    is_installed = any(line.startswith("lightgbm==") for line in version.requirements)

    assert ("function", platform.kind == "cloud") == (version.route, is_installed)
    assert list(model.predict(rows)) == deployer.score(rows)["prediction"].tolist()


def test_the_same_is_stored_once(
    deployer: Deployer, server: LocalServer, own: Any, package: Path, derived: Any
) -> None:
    """Nothing is sent for a version that is there, and other code makes another one."""
    first = deployer.store(own, code=[package])
    server.clear_requests()
    again = deployer.store(own, code=[package])
    sent = [request for request in server.requests if request.method in {"POST", "PUT", "PATCH"}]
    (package / "more.py").write_text("RATE = 2\n", encoding="utf-8")
    other = deployer.store(own, code=[package])

    assert (first, True) == (again, all("authorize" in request.path for request in sent))
    assert (4, True) == (len(derived()), first.version != other.version)


def test_without_its_requirements_it_is_another_version(deployer: Deployer, model: Any) -> None:
    """What a version was tested with belongs to it."""
    first = deployer.store(model, requirements=["numpy"])
    second = deployer.store(model)

    assert first.version != second.version
    assert second.software_specification == "runtime-25.1-py3.12"


def test_the_lock_file_records_it_and_recover_finds_it(
    deployer: Deployer, own: Any, package: Path, metadata_path: Path
) -> None:
    """What was installed can be read in the project, and comes back with the rest."""
    deployer.deploy(own, code=[package], requirements=["numpy"])
    before = deployer.metadata.versions
    metadata_path.with_name("metadata.lock").unlink()
    deployer.recover()
    (version,) = deployer.metadata.versions

    assert (("numpy",), before[0].code) == (version.requirements, version.code)


def test_auto_pins_what_the_model_imports(deployer: Deployer, model: Any) -> None:
    """At the versions of this process."""
    deployer.store(model, requirements="auto")
    (version,) = deployer.metadata.versions
    names = {line.partition("==")[0] for line in version.requirements}

    assert names >= {"numpy", "scikit-learn"}


def test_a_package_that_pip_cannot_find_leaves_nothing(deployer: Deployer, model: Any, derived: Any) -> None:
    """The error has pip's own words, and the version, its specification and its extension are gone."""
    with pytest.raises(RolloutError, match=r"No matching distribution found for a-package-that-is-nowhere"):
        deployer.deploy(model, requirements=["a-package-that-is-nowhere==1.0"])

    assert ((), []) == (deployer.metadata.versions, derived())


@pytest.mark.parametrize(
    "path", ["^/v2/package_extensions$", "upload_complete$", "^/v2/software_specifications$", "^/ml/v4/models$"]
)
def test_a_service_that_refuses_leaves_nothing(
    path: str, deployer: Deployer, server: LocalServer, own: Any, package: Path, derived: Any
) -> None:
    """Whichever request fails, the ones before it are undone."""
    server.fault("POST", path, status=503, times=None)
    try:
        with pytest.raises(ServerError):
            deployer.store(own, code=[package], requirements=["numpy"])
    finally:
        server.clear_faults()

    assert ((), []) == (deployer.metadata.versions, derived())


@pytest.mark.parametrize("path", ["^/v2/package_extensions$", "^/v2/software_specifications$"])
def test_a_lost_answer_makes_nothing_twice(
    path: str, deployer: Deployer, server: LocalServer, model: Any, derived: Any
) -> None:
    """The next call, at the latest, uses what was made."""
    server.fault("POST", path, drop="after")
    try:
        deployer.store(model, requirements=["numpy"])
    except WMLDeployerError:
        deployer.store(model, requirements=["numpy"])
    finally:
        server.clear_faults()

    assert 2 == len(derived())


def test_a_class_of_a_missing_package_is_refused_with_its_folder(deployer: Deployer, own: Any, derived: Any) -> None:
    """The next step says what to pass."""
    with pytest.raises(CheckError) as caught:
        deployer.store(own)

    assert ["Pass the folder of the package, or the module: code=['own_shop']."] == [
        fault.expected for fault in caught.value.faults
    ]
    assert [] == derived()


def test_check_names_the_specification_and_makes_none(
    deployer: Deployer, own: Any, package: Path, derived: Any
) -> None:
    """What store would derive, before anything is uploaded."""
    report = deployer.check(own, code=[package])

    assert (True, []) == (report.ok, derived())
    assert is_derived_name(str(report.specification))


@pytest.mark.parametrize("wrong", [{"requirements": ["numpy=2"]}, {"code": ["no/such/package"]}])
def test_what_cannot_be_read_is_a_finding(deployer: Deployer, model: Any, wrong: dict[str, Any]) -> None:
    """Check reports what store raises."""
    with pytest.raises(ModelError):
        deployer.store(model, **wrong)

    assert not deployer.check(model, **wrong).ok


@pytest.mark.parametrize("wrong", [{"requirements": 3}, {"code": "src/shop"}, {"code": [3]}])
def test_arguments_of_another_kind_are_refused(deployer: Deployer, model: Any, wrong: dict[str, Any]) -> None:
    """Before anything is looked at."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        deployer.store(model, **wrong)


def test_a_stored_version_takes_no_other_requirements(deployer: Deployer, model: Any) -> None:
    """A version does not change."""
    with pytest.raises(ModelError, match="requirements= came too late"):
        deployer.deploy(deployer.store(model), requirements=["numpy"])


@pytest.mark.slow
def test_a_clean_environment_proves_a_model(
    deployer: Deployer, own: Any, package: Path, features: pd.DataFrame, index: None
) -> None:
    """With its code it loads and predicts there; a module that only this process can import is missed."""
    good = deployer.check(own, sample=features.head(5), code=[package], isolated=True)
    (package / "steps.py").write_text(f"import tests.line_program\n{STEPS}", encoding="utf-8")
    bad = deployer.check(own, sample=features.head(5), code=[package], isolated=True)

    assert (True, ["isolation"]) == (good.ok, [finding.subject for finding in bad.errors])
    assert "No module named 'tests'" in bad.errors[0].problem


@pytest.mark.slow
def test_a_clean_environment_proves_a_function(
    deployer: Deployer, model: Any, features: pd.DataFrame, index: None
) -> None:
    """It is imported there, and answers the sample."""
    report = deployer.check(model, sample=features.head(5), route="function", requirements="auto", isolated=True)

    assert [] == list(report.errors)


@pytest.mark.slow
def test_a_requirement_that_does_not_exist_is_found_in_isolation(deployer: Deployer, model: Any) -> None:
    """Before anything is uploaded, in pip's own words."""
    report = deployer.check(model, requirements=["a-package-that-is-nowhere==1.0"], isolated=True)

    assert ["isolation"] == [finding.subject for finding in report.errors]
    assert "a-package-that-is-nowhere" in report.errors[0].problem


def test_a_version_without_requirements_says_nothing_of_them(
    deployer: Deployer, model: Any, metadata_path: Path
) -> None:
    """The lock file stays as short as it was."""
    deployer.store(model)
    text = metadata_path.with_name("metadata.lock").read_text(encoding="utf-8")

    assert (False, False) == ("requirements:" in text, "code:" in text)
