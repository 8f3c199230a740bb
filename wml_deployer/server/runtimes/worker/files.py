"""Finding the model in unpacked content."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from wml_deployer.server.runtimes.archive import unpack_zip
from wml_deployer.server.runtimes.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wml_deployer.server.runtimes.archive import Bounds

__all__ = ["content_files", "only_file", "unzip"]

_ZIP = b"PK\x03\x04"


def unzip(directory: Path, bounds: Bounds) -> None:
    """Unpack zip archives among unpacked content: IBM's samples store ONNX models in them.

    Raises:
        LoadError: One is damaged, too large, or holds a name that leads out of it.

    """
    for path in list(content_files(directory)):
        # What was uploaded as a single file has lost its name; others may hold a zip archive inside without being one.
        if path.suffix.lower() in {"", ".zip"} and _starts_with_zip(path):
            unpack_zip(path, directory, bounds)
            path.unlink()


def _starts_with_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP and zipfile.is_zipfile(path)


def content_files(directory: Path) -> Iterator[Path]:
    """Go through the files of unpacked content, but for what macOS adds to an archive."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.name.startswith("._") and "__MACOSX" not in path.parts:
            yield path


def only_file(directory: Path, suffixes: tuple[str, ...]) -> Path:
    """Find the one model file: the only one with such a suffix, or the only file at all.

    Raises:
        LoadError: There is none, or more than one.

    """
    files = list(content_files(directory))
    fitting = [path for path in files if path.suffix.lower() in suffixes]
    # Nearest to the top: a package beside the model may bring pickles of its own.
    top = [path for path in fitting if len(path.parts) == min(len(other.parts) for other in fitting)]
    for candidates in (top, files):
        if len(candidates) == 1:
            return candidates[0]
    found = ", ".join(str(path.relative_to(directory)) for path in files[:10]) or "nothing"
    raise LoadError(
        "invalid_model_content",
        f"The content must hold exactly one model file ({', '.join(suffixes)}); it holds {found}.",
    )
