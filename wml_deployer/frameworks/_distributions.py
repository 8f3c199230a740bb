"""Which installed distributions bring a module: what pip calls the things that Python imports."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import PurePosixPath

__all__ = ["distributions_of_modules"]


@cache
def distributions_of_modules() -> dict[str, tuple[str, ...]]:
    """Name the distributions that bring each top-level module; reads every package's list of files.

    ``importlib.metadata.packages_distributions`` knows on Python 3.10 only those that say so in ``top_level.txt``,
    which most build backends do not write any more.

    Returns:
        Module -> names of distributions, in the order in which they are found.

    """
    found: dict[str, dict[str, None]] = {}
    for distribution in metadata.distributions():
        for module in _modules(distribution):
            found.setdefault(module, {})[distribution.metadata["Name"]] = None
    return {module: tuple(names) for module, names in found.items()}


def _modules(distribution: metadata.Distribution) -> set[str]:
    said = (distribution.read_text("top_level.txt") or "").split()
    paths = (PurePosixPath(file) for file in distribution.files or ())
    return set(said) or {path.parts[0].removesuffix(".py") for path in paths if path.suffix == ".py"}
