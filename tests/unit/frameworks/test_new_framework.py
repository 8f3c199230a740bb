"""A framework is added by one file and one row of the registry."""

from __future__ import annotations

import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.unit.frameworks import toy
from tests.unit.frameworks.toy import Constant
from wml_deployer._preflight.model import pickled_findings, skew_findings
from wml_deployer.errors import UnsupportedModelError
from wml_deployer.frameworks import profile, recognise
from wml_deployer.frameworks._registry import FRAMEWORKS
from wml_deployer.packaging import pack
from wml_deployer.packaging._pickles import scan_pickles
from wml_deployer.schema import Field
from wml_deployer.specifications import Specification, choose_specification

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNTIME = Specification("1", "runtime-30.1-py3.14", packages={"py-toy": "2.5.0"})
MODEL = Constant(1.5, ["petal", "sepal"])


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The row."""
    monkeypatch.setitem(sys.modules, toy.Toy.package, toy)
    FRAMEWORKS.append(toy.Toy())
    yield
    FRAMEWORKS.pop()


def test_it_is_recognised_and_described() -> None:
    """Type, library and columns are what the file says."""
    found = profile(MODEL)

    assert ("toy", "toy_2.5", "2.5.1") == (recognise(MODEL).name, found.model_type, found.libraries["toy"])
    assert (Field("petal", ""), Field("sepal", "")) == found.schema.fields


def test_what_is_not_fitted_is_refused() -> None:
    """The file says what is missing."""
    with pytest.raises(UnsupportedModelError, match="no answer"):
        recognise(Constant())


def test_it_is_packed_under_its_own_name() -> None:
    """What is stored, and what it is called, is the file's choice; the version is read back from the pickle."""
    with pack(MODEL) as package:
        with tarfile.open(package.path) as archive:
            assert ["toy_model.pkl"] == archive.getnames()
        scan = scan_pickles(package)

    assert {"toy": {"2.5.1"}} == scan.versions
    assert (toy.__name__, "Wrapper") in scan.globals


def test_its_volatile_state_is_no_content() -> None:
    """Calls are not counted, and answers are."""
    with pack(MODEL) as before:
        MODEL.predict([1])
    with pack(MODEL) as after, pack(Constant(2.5, MODEL.columns)) as other:
        assert (True, False) == (before.digest == after.digest, before.digest == other.digest)


def test_a_runtime_that_lists_it_by_another_name_is_chosen() -> None:
    """Its release decides, and what comes with it is known."""
    assert RUNTIME == choose_specification("toy_2.5", [RUNTIME])
    assert [] == list(skew_findings({"toy": "2.5.1"}, RUNTIME))
    assert ["error"] == [finding.severity for finding in skew_findings({"toy": "2.6.0"}, RUNTIME)]
    with pack(MODEL) as package:
        assert [] == list(pickled_findings(package.scan(), RUNTIME))
