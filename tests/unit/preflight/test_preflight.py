"""What each concern of the preflight finds, without a service."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.preprocessing import FunctionTransformer

from wml_deployer._clients.documents import specification_of
from wml_deployer._clients.protocol import Scope
from wml_deployer._clients.records import PlanRecord, SpaceRecord
from wml_deployer._preflight.findings import LARGE, life_findings, schema_findings, size_findings, space_findings
from wml_deployer._preflight.model import pickled_findings, refuse, skew, skew_findings
from wml_deployer.errors import CheckError
from wml_deployer.packaging._pickles import PickleScan, scan_pickles
from wml_deployer.reports import CheckReport, Finding
from wml_deployer.schema import Field, Schema
from wml_deployer.specifications import Specification

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME = Specification(
    "f47a",
    "runtime-25.1-py3.12",
    packages={"python": "3.12", "numpy": "1.26.4", "scikit-learn": "1.6.1", "xgboost": "2.1.4", "pandas": "2.2.3"},
)


class Place:
    """A space as it may be."""

    scope = Scope("space", "5")

    def __init__(
        self,
        *,
        state: str = "active",
        role: str | None = "admin",
        runtime: bool = True,
        task_credentials: bool | None = None,
        **plan: Any,
    ) -> None:
        self._space = SpaceRecord("5bace", "churn", state, "9999" if runtime else None)
        self._role, self._task_credentials = role, task_credentials
        self._plan = PlanRecord(**{"name": "standard", "used": 0, "limit": 20.0, "jobs": 0, "jobs_limit": 100, **plan})

    def space(self) -> SpaceRecord:
        return self._space

    def role(self) -> str | None:
        return self._role

    def plan(self, instance_id: str) -> PlanRecord:
        assert instance_id == "9999"
        return self._plan

    def has_task_credentials(self) -> bool | None:
        return self._task_credentials


def scanned(path: Path, model: Any, pickler: Any = pickle) -> PickleScan:
    """What a model's .pkl imports."""
    (path / "model.pkl").write_bytes(pickler.dumps(model))
    return scan_pickles(path / "model.pkl")


def told(findings: Any) -> list[tuple[str, str]]:
    """Severity and subject of each."""
    return [(finding.severity, finding.subject) for finding in findings]


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ("1.6.1", "1.6.1", None),
        ("1.6.0", "1.6.1", None),
        ("1.5.2", "1.6.1", "minor"),
        ("2.0.1", "1.26.4", "major"),
        ("3.12.4", "3.12", None),
        ("3.11.2", "3.12", "minor"),
        ("3.11.2", "3", None),
    ],
)
def test_skew_is_exact_minor_or_major(here: str, there: str, expected: str | None) -> None:
    """Patch releases agree, and so does what a short version leaves open."""
    assert expected == skew(here, there)


@pytest.mark.parametrize(
    ("libraries", "expected"),
    [
        ({"scikit-learn": "1.6.0", "numpy": "1.26.0"}, []),
        ({"scikit-learn": "1.5.2"}, [("error", "scikit-learn")]),
        ({"xgboost": "2.0.3"}, [("error", "xgboost")]),
        ({"pandas": "2.1.4", "python": "3.11.2"}, []),
        ({"pandas": "3.0.0"}, []),
        ({"numpy": "2.2.0"}, []),
        ({"lightgbm": "4.0"}, []),
    ],
)
def test_libraries_are_compared_with_the_runtime(libraries: dict[str, str], expected: list[tuple[str, str]]) -> None:
    """How far apart they are, and which library it is, make it an error or a warning."""
    assert expected == told(skew_findings(libraries, RUNTIME))


@pytest.mark.parametrize(("version", "severity"), [("2.1.4", []), ("2.3.0", ["warning"]), ("3.0.0", ["error"])])
def test_pandas_objects_in_a_model_are_read_by_a_newer_pandas(version: str, severity: list[str]) -> None:
    """An older one may not read them."""
    found = skew_findings({"pandas": version}, RUNTIME, lambda: {"pandas", "sklearn"})

    assert severity == [finding.severity for finding in found]


def test_numpy_2_does_not_load_where_numpy_is_older_than_1_26() -> None:
    """Only from 1.26 on does numpy read what numpy 2 wrote."""
    older = Specification("1", "runtime-23.1-py3.10", packages={"numpy": "1.23.5"})

    assert [("error", "numpy")] == told(skew_findings({"numpy": "2.2.0"}, older))


def test_a_skew_names_both_versions() -> None:
    """Here and there stand in the problem, and what to install in the next step."""
    [finding] = skew_findings({"scikit-learn": "1.5.2"}, RUNTIME)

    assert ("1.5.2 here, 1.6.1 in runtime-25.1-py3.12: another minor release", True) == (
        finding.problem,
        "scikit-learn==1.6.1" in finding.next_step,
    )


def test_scikit_learn_is_found_in_the_runtime(tmp_path: Path) -> None:
    """A plain estimator has no finding."""
    model = DummyClassifier().fit([[0], [1]], [0, 1])

    assert [] == list(pickled_findings(scanned(tmp_path, model), RUNTIME))


def test_a_function_of_the_script_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in __main__ cannot be imported elsewhere."""
    helper = type("helper", (), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "helper", helper, raising=False)
    model = FunctionTransformer(helper)

    assert [("error", "__main__.helper")] == told(pickled_findings(scanned(tmp_path, model), RUNTIME))


@pytest.mark.parametrize(("extensions", "severity"), [((), "error"), (("my packages",), "warning")])
def test_a_module_of_ones_own_needs_an_extension(
    extensions: tuple[str, ...], severity: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an extension installs is not told, so it is trusted with a warning."""
    module = ModuleType("my_features")
    monkeypatch.setitem(sys.modules, "my_features", module)
    module.Shift = type("Shift", (), {"__module__": "my_features"})  # type: ignore[attr-defined]  # made for this test
    runtime = Specification("1", "mine", packages=RUNTIME.packages, extensions=extensions)
    found = pickled_findings(scanned(tmp_path, module.Shift()), runtime)

    assert [(severity, "my_features.Shift")] == told(found)


def test_a_package_that_the_runtime_does_not_list_is_an_error(tmp_path: Path) -> None:
    """The finding names the package, not only the class."""
    [finding] = pickled_findings(scanned(tmp_path, Field("age", "int64")), RUNTIME)

    assert "the package wml_deployer is not among those of runtime-25.1-py3.12" == finding.problem


def test_a_package_is_not_missed_where_the_runtime_lists_none(tmp_path: Path) -> None:
    """Releases that do not tell their packages are given the benefit of the doubt."""
    silent = Specification("1", "silent")

    assert [] == list(pickled_findings(scanned(tmp_path, cloudpickle.CloudPickler), silent))


def test_a_lambda_saved_by_cloudpickle_is_an_error(tmp_path: Path) -> None:
    """Only cloudpickle loads it, and the runtime lists none."""
    model = FunctionTransformer(lambda rows: rows)
    [finding] = pickled_findings(scanned(tmp_path, model, cloudpickle), RUNTIME)

    assert ("error", True) == (finding.severity, "cloudpickle" in finding.problem)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place(), []),
        (Place(role=None), []),
        (Place(state="preparing"), [("error", "space")]),
        (Place(role="viewer"), [("error", "rights")]),
        (Place(runtime=False), [("error", "runtime")]),
        (Place(used=17.9), []),
        (Place(used=18), [("warning", "quota")]),
        (Place(used=20), [("error", "quota")]),
        (Place(role="viewer", used=21), [("error", "rights"), ("error", "quota")]),
        (Place(jobs=89), []),
        (Place(jobs=90), [("warning", "jobs")]),
        (Place(jobs=1000, jobs_limit=None, used=1000, limit=None), []),
        (Place(name="Lite"), [("warning", "rate")]),
        (Place(task_credentials=True), []),
        (Place(task_credentials=False), [("warning", "task credentials")]),
    ],
)
def test_the_space_is_looked_at(place: Any, expected: list[tuple[str, str]]) -> None:
    """State, rights, runtime, quota and task credentials, all of them at once."""
    assert expected == told(space_findings(place))


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        ("deprecated", "warning"),
        ("constricted", "error"),
        ("retired", "error"),
        ("withdrawn", "error"),
        ("unsupported", "error"),
        ("create-unsupported", "error"),
        ("never-heard-of", "error"),
    ],
)
def test_a_specification_tells_its_successor(state: str, severity: str) -> None:
    """What is not supported says what to move to."""
    [finding] = life_findings(Specification("1", "runtime-24.1-py3.11", state, "runtime-25.1-py3.12"))

    assert (severity, "Move to runtime-25.1-py3.12.") == (finding.severity, finding.next_step)


def test_what_the_service_says_of_a_state_is_passed_on() -> None:
    """Dates come in no documented form: they are told as they stand."""
    cycle = {"supported": {}, "deprecated": {"since_version": "5.1", "date": "2026-03-31"}}
    listed = specification_of({"metadata": {"asset_id": "1", "name": "old", "life_cycle": cycle}})
    [finding] = life_findings(listed)

    assert "deprecated (since version 5.1, date 2026-03-31)" in finding.problem


@pytest.mark.parametrize(
    ("cycle", "state"),
    [
        ({}, "supported"),
        ({"available": {}}, "available"),
        ({"supported": {}}, "supported"),
        ({"supported": {}, "deprecated": {}, "replacement_name": "new"}, "deprecated"),
        ({"supported": {}, "deprecated": {}, "constricted": {}}, "constricted"),
        ({"supported": {}, "deprecated": {}, "constricted": {}, "retired": {}}, "retired"),
        ({"supported": {}, "withdrawn": {}}, "withdrawn"),
        ({"retired": {}, "withdrawn": {}}, "withdrawn"),
        ({"supported": {}, "unsupported": {}}, "unsupported"),
        ({"supported": {}, "create-unsupported": {}}, "create-unsupported"),
        ({"supported": {}, "deprecated": {}, "never-heard-of": {}}, "never-heard-of"),
        ({"supported": {}, "replacement_name": "new"}, "supported"),
    ],
)
def test_the_latest_state_of_a_life_cycle_counts(cycle: dict[str, Any], state: str) -> None:
    """Also where nobody has heard of it; the name of a replacement is not a state."""
    listed = specification_of({"metadata": {"asset_id": "1", "name": "old", "life_cycle": cycle}})

    assert state == listed.state


@pytest.mark.parametrize("state", ["available", "supported"])
def test_a_supported_specification_has_no_finding(state: str) -> None:
    """There is nothing to say of it."""
    assert [] == list(life_findings(replace(RUNTIME, state=state)))


@pytest.mark.parametrize(("size", "expected"), [(LARGE, []), (LARGE + 1, [("warning", "size")])])
def test_a_large_archive_is_a_warning(size: int, expected: list[tuple[str, str]]) -> None:
    """It will hardly fit into a deployment's memory."""
    assert expected == told(size_findings(size))


@pytest.mark.parametrize(
    ("schema", "sampled", "expected"),
    [
        (Schema((Field("a", "int64"),)), True, []),
        (Schema((Field("a", "int64"),)), False, [("warning", "sample")]),
        (Schema(), True, [("warning", "schema")]),
        (Schema(), False, [("warning", "schema"), ("warning", "sample")]),
    ],
)
def test_what_is_not_known_of_the_columns_is_a_warning(
    schema: Schema, sampled: bool, expected: list[tuple[str, str]]
) -> None:
    """Names and a sample are what mistakes are found by."""
    assert expected == told(schema_findings(schema, sampled=sampled))


def test_a_refusal_lists_every_error_and_no_warning() -> None:
    """All at once, each with its next step."""
    findings = [Finding("error", "a", "bad", "mend a"), Finding("warning", "b", "odd", "see b")]
    with pytest.raises(CheckError) as caught:
        refuse([*findings, Finding("error", "c", "worse", "mend c")], "store")

    assert [("a", "mend a"), ("c", "mend c")] == [(fault.where, fault.expected) for fault in caught.value.faults]


def test_a_report_with_warnings_alone_is_ok() -> None:
    """Warnings do not stop anything."""
    assert CheckReport((Finding("warning", "a", "odd", "see"),)).ok


def test_a_report_reads_as_text() -> None:
    """The verdict stands first, each finding with its next step below."""
    report = CheckReport((Finding("error", "quota", "used up", "Wait."),), "scikit-learn_1.6", "runtime-25.1-py3.12")
    expected = (
        "scikit-learn_1.6 on runtime-25.1-py3.12: not to be stored (errors: 1, warnings: 0)\n"
        "error    quota: used up\n"
        "         Next: Wait."
    )

    assert expected == repr(report)
