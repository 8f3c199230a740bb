"""TensorFlow: SavedModel folders, and Keras models in ``.keras`` and ``.h5`` files, which runtimes serve.

A SavedModel loads in the release of TensorFlow that wrote it and in later ones; a Keras file loads with the same major
release of Keras: TensorFlow 2.16 brought Keras 3.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

from wml_deployer.errors import PackagingError
from wml_deployer.frameworks._file_model import FileModel
from wml_deployer.frameworks._protobuf import Message, text_of
from wml_deployer.reports import Finding

__all__ = ["KERAS", "SAVED_MODEL", "is_keras_file", "load_keras", "model_of_folder", "model_of_keras_file"]

KERAS = (".keras", ".h5", ".hdf5")
"""How files of Keras models end."""

SAVED_MODEL = "saved_model.pb"
"""The file by which a folder is a SavedModel."""

_RUNTIMES: tuple[tuple[str, tuple[int, int]], ...] = (
    ("tensorflow_rt25.1", (2, 18)),
    ("tensorflow_rt24.1", (2, 14)),
    ("tensorflow_2.14", (2, 14)),
    ("tensorflow_rt23.1", (2, 12)),
    ("tensorflow_2.12", (2, 12)),
)
"""Model types, with the TensorFlow of their runtimes, newest first."""

_KERAS_3 = (2, 16)
"""The first TensorFlow with Keras 3."""


def model_of_folder(folder: Path) -> FileModel:
    """Describe a SavedModel.

    Raises:
        PackagingError: ``saved_model.pb`` is damaged.

    """
    try:
        about = Message((folder / SAVED_MODEL).read_bytes()).message(2).message(1)
        version = text_of(about, 5)
    except (ValueError, UnicodeDecodeError) as error:
        raise PackagingError(
            f"{folder / SAVED_MODEL} is damaged: {error}", next_step="Save the model again."
        ) from error
    written = _numbers(version)
    types = tuple(name for name, carried in _RUNTIMES if carried >= written)
    return FileModel(
        str(folder),
        types or (_RUNTIMES[0][0],),
        {".": folder},
        libraries={"tensorflow": version} if version else {},
        findings=() if types else (_newer("tensorflow", version, _RUNTIMES[0][0]),),
        frameworks=("tensorflow",),
    )


def model_of_keras_file(path: Path) -> FileModel:
    """Describe a model that Keras saved.

    Raises:
        PackagingError: It is none.

    """
    version = _keras_version(path)
    major = _numbers(version)[0] if version else 3
    types = tuple(name for name, carried in _RUNTIMES if (carried >= _KERAS_3) == (major >= 3))  # noqa: PLR2004
    suffix = ".keras" if zipfile.is_zipfile(path) else ".h5"
    return FileModel(
        str(path),
        types,
        {f"model{suffix}": path},
        libraries={"keras": version} if version else {},
        frameworks=("tensorflow",),
    )


def is_keras_file(model: object) -> bool:
    """Whether it is the path of a file that Keras saved, by its name."""
    return isinstance(model, str | os.PathLike) and os.fspath(model).endswith(KERAS) and Path(model).is_file()


def load_keras(path: Path) -> Any:
    """Load a Keras model into this process, without code that it brings along.

    Raises:
        PackagingError: Keras is not installed, or cannot load it.

    """
    try:
        # By its name: only who has such a file needs it, and nothing is known of its types.
        return importlib.import_module("keras").saving.load_model(path)
    except Exception as error:
        raise PackagingError(
            f"{path} cannot be loaded here: {type(error).__name__}: {error}",
            next_step="Install the Keras that saved it; or leave out route=, and the file is stored as it is.",
        ) from error


def _keras_version(path: Path) -> str:
    """Read which Keras wrote a file; empty where that cannot be told."""
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                return str(json.loads(archive.read("metadata.json"))["keras_version"])
        except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
            raise PackagingError(
                f"{path} is not a model that Keras saved: {error}", next_step="Save it with model.save(path)."
            ) from error
    with path.open("rb") as file:
        if file.read(4) != b"\x89HDF":
            raise PackagingError(f"{path} is not a model that Keras saved.", next_step="Save it with model.save(path).")
    try:
        import h5py  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415 - comes with Keras

        with h5py.File(path) as content:
            version = content.attrs.get("keras_version", "")
    except (ImportError, OSError):
        return ""
    return version.decode() if isinstance(version, bytes) else str(version)


def _newer(library: str, version: str, model_type: str) -> Finding:
    return Finding(
        "warning",
        library,
        f"{library} {version} saved the model, which is newer than that of the newest runtime ({model_type})",
        f"Save it with the runtime's {library}, if the deployment fails.",
    )


def _numbers(version: str) -> tuple[int, int]:
    major, minor, *_ = [*map(int, re.findall(r"\d+", version)[:2]), 0, 0]
    return major, minor
