"""MLflow models: a folder with a file ``MLmodel``, or a URI under which MLflow keeps one.

The file says which *flavours* a model has. Models of scikit-learn, XGBoost, LightGBM, CatBoost and statsmodels are
loaded as what they are, and go live as these do. All others are asked through ``mlflow.pyfunc``, as functions that
carry the whole folder and install what its ``requirements.txt`` lists.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from wml_deployer._install import install_command
from wml_deployer.errors import ClientNotInstalledError, ModelError, UnsupportedModelError
from wml_deployer.schema import Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from wml_deployer.frameworks import ModelProfile

__all__ = ["LoggedModel", "fetched", "is_logged"]

_FILE = "MLmodel"
_SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/")
_OWN_FLAVORS = ("sklearn", "xgboost", "lightgbm", "catboost", "statsmodels")
_PYFUNC = "python_function"
_PICKLES = frozenset({"pickle", "cloudpickle"})
_DTYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "object",
    "datetime": "datetime64[ns]",
}


def is_logged(model: object) -> bool:
    """Whether something names a model of MLflow: a URI, or a folder with ``MLmodel``."""
    if not isinstance(model, str | os.PathLike):
        return False
    text = os.fspath(model)
    return text.startswith(_SCHEMES) or Path(text, _FILE).is_file()


@contextmanager
def fetched(model: str | os.PathLike[str]) -> Iterator[LoggedModel]:
    """Read what MLflow wrote of a model; from a URI it is downloaded, and removed after the block.

    Args:
        model: What :func:`is_logged` knows.

    Raises:
        ClientNotInstalledError: It has to be downloaded, and MLflow is not installed.
        ModelError: It is not there, or cannot be read.

    """
    name = os.fspath(model)
    if not name.startswith(_SCHEMES):
        yield LoggedModel.read(Path(name), name)
        return
    artifacts = _imported("mlflow.artifacts", name)
    with TemporaryDirectory(prefix="wml_deployer-") as folder:
        try:
            path = artifacts.download_artifacts(artifact_uri=name, dst_path=folder)
        except Exception as error:
            raise ModelError(
                f"{name} cannot be fetched from MLflow: {error}",
                next_step="Check the URI, and that MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI name the right server.",
            ) from error
        yield LoggedModel.read(Path(path), name)


@dataclass(frozen=True)
class LoggedModel:
    """A model as MLflow wrote it.

    Attributes:
        folder: Where it is.
        name: What the caller called it.
        flavors: What each flavour says of it.
        fields: The columns of its signature; none where it has no signature, or one of tensors.

    """

    folder: Path
    name: str
    flavors: Mapping[str, Mapping[str, Any]]
    fields: tuple[Field, ...] = ()

    @classmethod
    def read(cls, folder: Path, name: str) -> LoggedModel:
        """Read the file ``MLmodel``.

        Raises:
            ModelError: It is missing or malformed.

        """
        try:
            document = yaml.safe_load((folder / _FILE).read_text(encoding="utf-8"))
            flavors = {str(flavor): dict(facts) for flavor, facts in document["flavors"].items()}
            inputs = json.loads((document.get("signature") or {}).get("inputs") or "[]")
            named = [column for column in inputs if column.get("name") and column.get("type") != "tensor"]
        except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
            raise ModelError(
                f"{name} is not a model of MLflow: {_FILE} cannot be read: {error}", next_step="Log the model again."
            ) from error
        return cls(folder, name, flavors, tuple(Field(str(one["name"]), _dtype(one.get("type"))) for one in named))

    @property
    def flavor(self) -> str:
        """The flavour that it is loaded by. Own code beside a model is known to ``mlflow.pyfunc`` alone."""
        own = (name for name in _OWN_FLAVORS if name in self.flavors and not self.flavors[name].get("code"))
        return next(own, _PYFUNC)

    @property
    def requirements(self) -> tuple[str, ...] | None:
        """What ``mlflow.pyfunc`` needs to load it; ``None`` for models that are loaded as what they are."""
        path = self.folder / "requirements.txt"
        if self.flavor != _PYFUNC or not path.is_file():
            return None
        lines = (line.partition(" #")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
        return tuple(line for line in lines if line and not line.startswith(("#", "-")))

    @property
    def pickle(self) -> Path | None:
        """The pickle of a scikit-learn model, which need not be loaded to be stored."""
        facts = self.flavors.get(self.flavor, {})
        if self.flavor != "sklearn" or facts.get("serialization_format", "cloudpickle") not in _PICKLES:
            return None
        path = (self.folder / str(facts.get("pickled_model"))).resolve()
        return path if path.is_file() and path.is_relative_to(self.folder.resolve()) else None

    @property
    def model_type(self) -> str | None:
        """The service's type of a scikit-learn model."""
        numbers = str(self.flavors.get("sklearn", {}).get("sklearn_version", "")).split(".")
        return f"scikit-learn_{'.'.join(numbers[:2])}" if len(numbers) > 1 else None

    def opened(self, *, unpickle: bool, is_untested: bool) -> Any:
        """Return its pickle's path where that is enough, and the loaded model otherwise.

        Args:
            unpickle: Whether it may be loaded.
            is_untested: Whether nobody asks what it answers.

        Raises:
            ModelError: It has to be loaded, and may not be.

        """
        if self.pickle is not None and (unpickle or is_untested):
            return self.pickle
        if not unpickle:
            raise ModelError(
                f"{self.name} is a model of MLflow, and loading it runs the code that it brings along.",
                operation="store",
                next_step="Pass unpickle=True if you trust who logged it.",
            )
        return self.load()

    def load(self) -> Any:
        """Load it by its own loader, which runs the code that it brings along.

        Raises:
            ClientNotInstalledError: MLflow is not installed.
            UnsupportedModelError: It has no flavour for Python.
            ModelError: It cannot be loaded here.

        """
        if self.flavor not in self.flavors:
            raise UnsupportedModelError(
                f"{self.name} has no flavour that Python can load: {', '.join(self.flavors)}.",
                next_step="Log it with one of MLflow's flavours for Python.",
            )
        if self.flavor == _PYFUNC:
            _imported("mlflow.pyfunc", self.name)
            return _carrying(self.folder, {field.name: field.dtype for field in self.fields})
        loader = _imported(f"mlflow.{self.flavor}", self.name)
        try:
            return loader.load_model(str(self.folder))
        except Exception as error:
            raise ModelError(
                f"{self.name} cannot be loaded here: {type(error).__name__}: {error}",
                operation="store",
                next_step="Load it with the packages it was logged with; its requirements.txt lists them.",
            ) from error

    def signed(self, profile: ModelProfile) -> ModelProfile:
        """Add to a profile what the signature knows and the model itself does not: names and dtypes of its columns.

        Args:
            profile: What is known of the model without a sample.

        """
        schema, types = profile.schema, {field.name: field.dtype for field in self.fields}
        if not schema.fields:
            # Of a model that was not loaded it is not known whether it takes names; all that take some can.
            return replace(profile, schema=replace(schema, fields=self.fields))
        typed = tuple(field if field.dtype else Field(field.name, types.get(field.name, "")) for field in schema.fields)
        return replace(profile, schema=replace(schema, fields=typed))


def _dtype(kind: object) -> str:
    return _DTYPES.get(kind, "") if isinstance(kind, str) else ""


def _imported(module: str, name: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"", "mlflow"}:
            raise ModelError(
                f"{name} cannot be loaded here: {error}", next_step="Install the packages that it was logged with."
            ) from error
        raise ClientNotInstalledError(
            f"{name} is a model of MLflow, which is not installed.", next_step=install_command("mlflow")
        ) from error


def _carrying(folder: Path, dtypes: Mapping[str, str]) -> Any:
    """Make an object that carries a model's folder and asks it for predictions.

    Its class goes along by value, for this library is not installed where it runs: it is a local one, refers to nothing
    of this module, and imports what it needs.
    """

    class MLflowModel:
        """A model that ``mlflow.pyfunc`` loads where it is asked first."""

        def __init__(self, files: dict[str, bytes], dtypes: dict[str, str]) -> None:
            self.files, self.dtypes = files, dtypes
            self.feature_names_in_ = list(dtypes) or None
            self.loaded: Any = None

        def __getstate__(self) -> dict[str, Any]:
            return {**self.__dict__, "loaded": None}

        def predict(self, rows: Any) -> Any:
            import pathlib  # noqa: PLC0415 - see above
            import shutil  # noqa: PLC0415
            import tempfile  # noqa: PLC0415
            import weakref  # noqa: PLC0415

            import numpy as np  # noqa: PLC0415

            if self.loaded is None:
                import mlflow.pyfunc  # noqa: PLC0415

                folder = tempfile.mkdtemp(prefix="mlflow-")
                # Artifacts may be read at any time, so the folder stays as long as the model.
                weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
                for name, content in self.files.items():
                    path = pathlib.Path(folder, name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
                self.loaded = mlflow.pyfunc.load_model(folder)
            if hasattr(rows, "astype") and hasattr(rows, "columns"):
                known = {name: dtype for name, dtype in self.dtypes.items() if dtype and name in rows.columns}
                rows = rows.astype(known)
            answer = np.asarray(self.loaded.predict(rows))
            return answer[:, 0] if answer.ndim == 2 and answer.shape[1] == 1 else answer  # noqa: PLR2004

    # As a class of a script: nobody looks for it in a package.
    MLflowModel.__module__ = "__main__"
    return MLflowModel(_contents(folder), dict(dtypes))


def _contents(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
