"""The caller's own packages as the service takes them: a source distribution in a zip archive, which pip installs.

The service refuses wheels. So the packages are laid out as ``setuptools`` would have them in a source distribution:
one folder with a generated ``setup.py`` and the packages beside it. Two packs of the same files are the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from wml_deployer.errors import Fault, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Code", "pack_code", "unpack_code", "write_distribution"]

_LARGEST = 50 * 2**20
"""Bytes of own code that are packed: more is data, which belongs into the model."""

_LEFT_OUT = frozenset({"__pycache__", ".git", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache"})
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip archive can name: the times of files do not count."""

_SETUP = """\
from setuptools import setup

setup(
    name={name!r},
    version="1.0",
    packages={packages!r},
    py_modules={modules!r},
    package_data={{"": ["*", "**/*"]}},
)
"""
_PKG_INFO = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


@dataclass(frozen=True)
class Code:
    """Own packages, packed.

    Attributes:
        digest: Identifies their files: 64 hexadecimal digits.
        modules: The top-level modules that they bring.
        archive: The zipped source distribution.

    """

    digest: str
    modules: tuple[str, ...]
    archive: bytes = field(repr=False, compare=False)


def pack_code(paths: Sequence[str | os.PathLike[str]]) -> Code:
    """Pack packages and modules into a source distribution.

    Args:
        paths: Folders of packages, such as ``src/shop``, and single modules, such as ``helpers.py``.

    Raises:
        ModelError: One is missing, is not a package, or does not compile; the faults name each.

    Example:
        >>> import tempfile
        >>> package = Path(tempfile.mkdtemp(), "shop")
        >>> package.mkdir()
        >>> _ = (package / "__init__.py").write_text("RATE = 2")
        >>> pack_code([package]).modules
        ('shop',)

    """
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    roots = [Path(path).resolve() for path in given]
    faults = [fault for root in roots for fault in _faults(root)]
    names = [root.stem if root.is_file() else root.name for root in roots]
    faults += [Fault(name, "is given twice", "each once") for name in sorted(set(names)) if names.count(name) > 1]
    if faults:
        raise _unusable(faults)
    files = {name: data for root in roots for name, data in _files(root)}
    size = sum(map(len, files.values()))
    if size > _LARGEST:
        raise _unusable([Fault("code", f"it has {size:,} bytes", f"at most {_LARGEST:,}: keep data out of packages")])
    identity = _digest(files)
    packed = io.BytesIO()
    write_distribution(packed, f"wml-deployer-code-{identity[:12]}", files)
    return Code(identity, tuple(sorted(names)), packed.getvalue())


def unpack_code(archive: bytes) -> Code:
    """Read own packages that were packed before.

    Args:
        archive: What :func:`pack_code` made.

    Example:
        >>> import tempfile
        >>> module = Path(tempfile.mkdtemp(), "helpers.py")
        >>> _ = module.write_text("RATE = 2")
        >>> code = pack_code([module])
        >>> unpack_code(code.archive) == code
        True

    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            members = {name.partition("/")[2]: packed.read(name) for name in packed.namelist()}
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"The own packages cannot be read: {error}", next_step="Give the packages again.") from error
    files = {name: data for name, data in members.items() if name not in {"setup.py", "PKG-INFO"}}
    modules = {name.partition("/")[0].removesuffix(".py") for name in files}
    return Code(_digest(files), tuple(sorted(modules)), archive)


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(f"{len(name)} {name} {len(data)} ".encode() + data)
    return digest.hexdigest()


def _faults(root: Path) -> Iterator[Fault]:
    """Find what keeps a path from being packed, and every file that is not Python."""
    example = "a package's folder, such as src/shop, or a module, such as helpers.py"
    if not root.exists():
        yield Fault(str(root), "is not there", example)
    elif root.is_file() and root.suffix != ".py":
        yield Fault(str(root), "is not a Python module", example)
    elif not (root.stem if root.is_file() else root.name).isidentifier():
        yield Fault(str(root), "has a name that cannot be imported", example)
    elif root.is_dir() and any((root / name).is_file() for name in _PROJECT):
        yield Fault(str(root), "is a project, not a package", example)
    elif root.is_dir() and not any(root.rglob("*.py")):
        yield Fault(str(root), "holds no Python file", example)
    else:
        for name, data in _files(root):
            if name.endswith(".py"):
                yield from _syntax_fault(root.parent / name, data)


def _syntax_fault(path: Path, data: bytes) -> Iterator[Fault]:
    try:
        compile(data, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        yield Fault(f"{path}{f', line {line}' if line else ''}", f"does not compile: {getattr(error, 'msg', error)}")


def _files(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a package or module, by their path from the folder that holds it."""
    paths = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
    for path in paths:
        relative = path.relative_to(root.parent)
        if path.suffix != ".pyc" and not _LEFT_OUT.intersection(relative.parts):
            yield relative.as_posix(), path.read_bytes()


def write_distribution(target: IO[bytes] | Path, name: str, files: Mapping[str, bytes | Path]) -> None:
    """Write packages and modules as a zipped source distribution, which needs setuptools alone to be installed.

    Args:
        target: Where the archive goes.
        name: Name of the distribution.
        files: Path of each file from the folder that holds the packages -> what is in it.

    """
    folders = {str(Path(file).parent).replace("/", ".") for file in files if file.endswith(".py") and "/" in file}
    modules = sorted(file.removesuffix(".py") for file in files if "/" not in file)
    setup = _SETUP.format(name=name, packages=sorted(folders), modules=modules)
    # Where pip looks for them: beside setup.py, in the one folder of a source distribution.
    members = {"setup.py": setup.encode(), "PKG-INFO": _PKG_INFO.format(name=name).encode(), **files}
    with zipfile.ZipFile(target, "w") as archive:
        for member, data in sorted(members.items()):
            entry = zipfile.ZipInfo(f"{name.replace('-', '_')}-1.0/{member}", _EPOCH)
            if isinstance(data, bytes):
                archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
                continue
            entry.file_size = data.stat().st_size  # beyond 2 GiB the archive needs another form, chosen by this
            with data.open("rb") as source, archive.open(entry, "w") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)


def _unusable(faults: Sequence[Fault]) -> ModelError:
    return ModelError(
        "The own code cannot be packed; nothing was uploaded.",
        faults=tuple(faults),
        next_step="Give code=['src/shop']: folders of packages, and single modules.",
    )
