"""Make what is stored of a Python function: one gzipped module with the loader, the model and its description."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import cloudpickle

from wml_deployer._environment.code import write_distribution
from wml_deployer._functions import is_maker, loader, modules_by_value, outputs
from wml_deployer.errors import PackagingError
from wml_deployer.packaging import Carrier, Package
from wml_deployer.packaging._gzip import GzipWriter
from wml_deployer.packaging._pickles import PickleScan, scan_pickles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LARGEST_CONTENT", "LARGEST_MODEL", "pack_function", "pack_score_function", "scan_function"]

LARGEST_CONTENT = 100 * 1024**2
"""Bytes of the packed model that a function carries at most: Python holds the module's source several times over while
it is imported. A larger model is uploaded as a separate package, which is installed where the function runs.
"""

LARGEST_MODEL = 1024**3
"""Bytes of the packed model that such a package carries at most. IBM documents no limit; loaded, a model takes several
times as much of a deployment's 8 GB.
"""

_PROTOCOL = 4
"""Read by every runtime of the service."""

_CARRIED = re.compile(r"[( ]'(H4sI[A-Za-z0-9+/]{16,}={0,2})'(?:,\n\))?\)?[.(a-z)]*\n\Z")
"""The packed model in the last statement of a module; what gzip wrote begins with these letters in Base64."""

_FUTURE = "from __future__ import annotations\n"


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
    described = json.dumps(description, sort_keys=True)
    return _packed(model, f"ModelFunction(\n    {described!r},\n    ", ",\n).score", identity)


def pack_score_function(function: Callable[..., Any], identity: str) -> Package:
    """Pack a function of the user's own.

    Args:
        function: What takes a payload; or makes that when it is imported, without an argument.
        identity: Digest of its code, and of what that refers to.

    Raises:
        PackagingError: It refers to something that cannot be pickled, or is too large.

    """
    call = "()" if is_maker(function) else ""
    return _packed(function, "load(", f"){call}", identity)


def scan_function(path: Path) -> PickleScan:
    """Read what the model imports that a stored function carries; nothing of a function that was not packed here.

    Args:
        path: The gzipped module.

    """
    carried = _CARRIED.search(gzip.decompress(path.read_bytes()).decode(errors="replace"))
    if carried is None:
        return PickleScan()
    with TemporaryDirectory(prefix="wml_deployer-") as folder:
        pickled = Path(folder, "model.pkl")
        pickled.write_bytes(gzip.decompress(base64.b64decode(carried[1])))
        return scan_pickles(pickled)


def _packed(model: object, before: str, after: str, identity: str) -> Package:
    """Write the loader's own source, and below it the statement that defines ``score``."""
    source = _source()
    folder = TemporaryDirectory(prefix="wml_deployer-")
    try:
        pickled = Path(folder.name, "model.pkl")
        _pickle(model, pickled)
        scan = scan_pickles(pickled)
        compressed = _compressed(pickled)
        carrier = None
        if compressed.stat().st_size > LARGEST_CONTENT:
            carrier = _carrier(compressed, identity, Path(folder.name))
            packed = loader.INSTALLED + carrier.module
        else:
            packed = base64.b64encode(compressed.read_bytes()).decode()
            compressed.unlink()
        # Base64 gives back to gzip what it took, and nothing else can be compressed further.
        text = f"{source}\n\nscore = {before}{packed!r}{after}\n"
        content = gzip.compress(text.encode(), compresslevel=1, mtime=0)
        target = Path(folder.name, "function.py.gz")
        target.write_bytes(content)
    except BaseException:
        folder.cleanup()
        raise
    return Package(
        target,
        hashlib.sha256(f"{source}\n{before}{after}\n{identity}".encode()).hexdigest(),
        hashlib.sha256(content).hexdigest(),
        len(content) + (carrier.archive.stat().st_size if carrier else 0),
        carrier,
        _folder=folder,
        _scan=scan,
    )


def _source() -> str:
    """Write what the loader imports of this library into it, where it imports that."""
    before, line, after = Path(loader.__file__).read_text("utf-8").partition(f"from {outputs.__name__} import ")
    part = Path(outputs.__file__).read_text("utf-8").partition(_FUTURE)[2]
    return before + part + after.partition("\n")[2] if line else before


def _pickle(model: object, path: Path) -> None:
    try:
        with path.open("wb") as file, ExitStack() as stack:
            for name in modules_by_value(model):
                cloudpickle.register_pickle_by_value(sys.modules[name])
                stack.callback(cloudpickle.unregister_pickle_by_value, sys.modules[name])
            cloudpickle.Pickler(file, protocol=_PROTOCOL).dump(model)
    except OSError:
        raise
    except Exception as error:  # the model's own code
        raise PackagingError(
            f"{getattr(model, '__name__', type(model).__name__)} cannot be pickled: {type(error).__name__}: {error}",
            next_step="Keep open files, locks and connections out of the model.",
        ) from error


def _compressed(pickled: Path) -> Path:
    """Compress the pickle, and remove it."""
    path = pickled.with_name(loader.MODEL_FILE)
    with pickled.open("rb") as source, path.open("wb") as target, GzipWriter(target) as writer:
        shutil.copyfileobj(source, writer, 1 << 20)
    pickled.unlink()
    size = path.stat().st_size
    if size > LARGEST_MODEL:
        raise PackagingError(
            f"The model has {size / 1024**2:,.0f} MiB packed, and a package that carries one has at most "
            f"{LARGEST_MODEL / 1024**2:,.0f}.",
            next_step="Fit a smaller model, with fewer or shallower trees for instance; or store it natively, with "
            "route='native'.",
        )
    return path


def _carrier(compressed: Path, identity: str, folder: Path) -> Carrier:
    """Make a package of the compressed model: its name says which model it carries."""
    module = f"wml_deployer_model_{identity[:12]}"
    package = folder / "package" / module
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""A model."""\n', encoding="utf-8")
    compressed.rename(package / loader.MODEL_FILE)
    archive = folder / "model.zip"
    write_distribution(archive, module.replace("_", "-"), {f"{module}/{path.name}": path for path in package.iterdir()})
    return Carrier(module, package.parent, archive)
