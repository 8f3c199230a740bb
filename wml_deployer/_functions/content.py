"""Make what is stored of a Python function: one gzipped module with the loader, the model and its description."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import pickle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import cloudpickle

from wml_deployer._functions import loader
from wml_deployer.errors import PackagingError
from wml_deployer.packaging import Package
from wml_deployer.packaging._gzip import GzipWriter
from wml_deployer.packaging._pickles import scan_pickles

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LARGEST_CONTENT", "pack_function"]

LARGEST_CONTENT = 100 * 1024**2
"""Bytes of the packed model that a function carries at most. IBM documents no limit; Python holds the module's source
several times over while it is imported, in a deployment with 8 GB.
"""

_PROTOCOL = 4
"""Read by every runtime of the service."""

_CALL = "\n\nscore = ModelFunction(\n    {description!r},\n    {content!r},\n).score\n"


def pack_function(model: object, description: Mapping[str, Any], identity: str) -> Package:
    """Pack a model as the content of a Python function.

    Classes and functions of a notebook or script go along by value.

    Args:
        model: What is asked for predictions.
        description: Its input, and how it is asked; see :mod:`wml_deployer._functions.loader`.
        identity: Digest of the model's content.

    Returns:
        The gzipped module, to be used in a ``with`` block.

    Raises:
        PackagingError: The model cannot be pickled, or is too large.

    """
    source, described = Path(loader.__file__).read_text("utf-8"), json.dumps(description, sort_keys=True)
    folder = TemporaryDirectory(prefix="wml_deployer-")
    try:
        pickled = Path(folder.name, "model.pkl")
        _pickle(model, pickled)
        scan = scan_pickles(pickled)
        packed = _compressed(pickled)
        pickled.unlink()
        text = source + _CALL.format(description=described, content=base64.b64encode(packed).decode())
        # Base64 gives back to gzip what it took, and nothing else can be compressed further.
        content = gzip.compress(text.encode(), compresslevel=1, mtime=0)
        target = Path(folder.name, "function.py.gz")
        target.write_bytes(content)
    except BaseException:
        folder.cleanup()
        raise
    return Package(
        target,
        hashlib.sha256(f"{source}\n{described}\n{identity}".encode()).hexdigest(),
        hashlib.sha256(content).hexdigest(),
        len(content),
        _folder=folder,
        _scan=scan,
    )


def _pickle(model: object, path: Path) -> None:
    try:
        with path.open("wb") as file:
            cloudpickle.Pickler(file, protocol=_PROTOCOL).dump(model)
    except OSError:
        raise
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise PackagingError(
            f"{type(model).__name__} cannot be pickled: {type(error).__name__}: {error}",
            next_step="Keep open files, locks and connections out of the model.",
        ) from error


def _compressed(pickled: Path) -> bytes:
    path = pickled.with_suffix(".gz")
    with pickled.open("rb") as source, path.open("wb") as target, GzipWriter(target) as writer:
        while chunk := source.read(1 << 20):
            writer.write(chunk)
    size = path.stat().st_size
    if size > LARGEST_CONTENT:
        raise PackagingError(
            f"The model has {size / 1024**2:,.0f} MiB packed, and a function carries at most "
            f"{LARGEST_CONTENT / 1024**2:,.0f}.",
            next_step="Fit a smaller model, with fewer or shallower trees for instance; or store it natively, with "
            "route='native'.",
        )
    content = path.read_bytes()
    path.unlink()
    return content
