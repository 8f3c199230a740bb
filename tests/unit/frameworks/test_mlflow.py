"""What is read of MLflow's models without MLflow."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from wml_deployer.errors import ClientNotInstalledError, ModelError, UnsupportedModelError
from wml_deployer.frameworks._mlflow import LoggedModel, fetched, is_logged
from wml_deployer.schema import Field

if TYPE_CHECKING:
    from pathlib import Path

SKLEARN = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle", "sklearn_version": "1.6.1"}


def written(folder: Path, flavors: dict[str, Any], inputs: list[dict[str, Any]] | None = None) -> LoggedModel:
    """Write the folder of a model, and read it."""
    document = {"flavors": flavors, "signature": {"inputs": json.dumps(inputs)} if inputs else None}
    (folder / "MLmodel").write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / "model.pkl").write_bytes(b"pickle")
    return LoggedModel.read(folder, "churn")


@pytest.mark.parametrize("model", ["runs:/4f2a/model", "models:/churn@champion", "models:/churn/7"])
def test_uris_are_recognised(model: str) -> None:
    """Without asking MLflow."""
    assert is_logged(model)


def test_folders_are_recognised_by_their_file(tmp_path: Path) -> None:
    """Any other folder is none, and an object neither."""
    written(tmp_path, {"sklearn": SKLEARN})

    assert [True, False, False] == [is_logged(model) for model in (tmp_path, tmp_path.parent, object())]


def test_signature_gives_the_fields(tmp_path: Path) -> None:
    """In pandas' names of the types; what has none is of an unknown one."""
    kinds = ["double", "long", "string", "datetime", "binary"]
    logged = written(tmp_path, {"sklearn": SKLEARN}, [{"name": kind, "type": kind} for kind in kinds])

    dtypes = ["float64", "int64", "object", "datetime64[ns]", ""]
    assert tuple(map(Field, kinds, dtypes)) == logged.fields


def test_signature_of_tensors_has_no_fields(tmp_path: Path) -> None:
    """Places are not names."""
    tensor = {"type": "tensor", "name": "x", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}

    assert () == written(tmp_path, {"sklearn": SKLEARN}, [tensor]).fields


@pytest.mark.parametrize(
    ("flavors", "expected"),
    [
        ({"python_function": {}, "sklearn": SKLEARN}, "sklearn"),
        ({"python_function": {}, "xgboost": {}}, "xgboost"),
        ({"python_function": {}, "prophet": {}}, "python_function"),
        ({"python_function": {}, "sklearn": {**SKLEARN, "code": "code"}}, "python_function"),
    ],
)
def test_flavor_is_that_of_the_framework_where_it_has_one(
    flavors: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    """Own code beside a model is known to pyfunc alone."""
    assert expected == written(tmp_path, flavors).flavor


def test_pickle_is_stored_as_it_is(tmp_path: Path) -> None:
    """With the type that the file tells."""
    logged = written(tmp_path, {"sklearn": SKLEARN})

    assert (tmp_path.resolve() / "model.pkl", "scikit-learn_1.6") == (logged.pickle, logged.model_type)


@pytest.mark.parametrize(
    "facts", [{"pickled_model": "../secret.pkl"}, {"pickled_model": "gone.pkl"}, {"serialization_format": "skops"}]
)
def test_what_is_not_a_pickle_of_the_folder_has_to_be_loaded(facts: dict[str, str], tmp_path: Path) -> None:
    """Nothing outside of the folder is packed."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.pkl").write_bytes(b"secret")

    assert written(folder, {"sklearn": {**SKLEARN, **facts}}).pickle is None


def test_requirements_are_those_of_pyfunc(tmp_path: Path) -> None:
    """Options of pip are left out."""
    (tmp_path / "requirements.txt").write_text("# made by MLflow\nmlflow==3.1.0\n-c constraints.txt\nprophet # yes\n")

    assert ("mlflow==3.1.0", "prophet") == written(tmp_path, {"python_function": {}}).requirements
    assert written(tmp_path, {"sklearn": SKLEARN}).requirements is None


@pytest.mark.parametrize("text", ["", "a: [", "flavors: 3", "flavors: {sklearn: 3}"])
def test_malformed_file_is_named(text: str, tmp_path: Path) -> None:
    """And not taken for a model."""
    (tmp_path / "MLmodel").write_text(text)

    with pytest.raises(ModelError, match="is not a model of MLflow"), fetched(tmp_path):
        pass


def test_model_of_another_language_is_refused(tmp_path: Path) -> None:
    """Its flavours are named."""
    with pytest.raises(UnsupportedModelError, match="crate"):
        written(tmp_path, {"crate": {}}).load()


def test_missing_mlflow_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where it is needed: to download."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)

    with pytest.raises(ClientNotInstalledError, match=r"\[mlflow\]"), fetched("models:/churn@champion"):
        pass
