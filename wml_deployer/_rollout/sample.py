"""A sample of rows with the local model's answers, and the folder that keeps it beside metadata.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wml_deployer.metadata import Version
    from wml_deployer.schema import Schema

__all__ = ["Sample", "SampleFolder"]


@dataclass(frozen=True)
class Sample:
    """Rows to score and what the local model says of them.

    Attributes:
        payload: The ``input_data`` bytes of the n rows.
        expected: The answer's bytes as the service should give them.
        schema: The model's fields and classes.
        libraries: Version by name of what the model was fitted with, where that is known.
        specification: Name of the software specification that runs it, where that is known.

    """

    payload: bytes
    expected: bytes
    schema: Schema
    libraries: Mapping[str, str] = field(default_factory=dict)
    specification: str | None = None


class SampleFolder:
    """Keeps samples beside metadata.yaml: they are the user's data and go nowhere else.

    Args:
        directory: A folder that is not under version control.

    """

    def __init__(self, directory: Path) -> None:
        """Create nothing yet."""
        self._directory = directory

    def keep(self, digest: str, sample: Sample) -> None:
        """Write the sample of the model with this content digest."""
        self._directory.mkdir(parents=True, exist_ok=True)
        # The folder ignores itself, whatever the project's own .gitignore says.
        (self._directory / ".gitignore").write_text("*\n", encoding="utf-8")
        path = self._path(digest)
        partial = path.with_suffix(".partial")
        partial.write_bytes(
            b'{"payload":' + sample.payload + b',"expected":' + sample.expected + b"}",
        )
        partial.replace(path)

    def find(self, version: Version) -> Sample | None:
        """Return the sample of a version's content, if there is one."""
        try:
            kept = orjson.loads(self._path(version.digest).read_bytes())
        except FileNotFoundError:
            return None
        return Sample(
            orjson.dumps(kept["payload"]),
            orjson.dumps(kept["expected"]),
            version.schema,
            version.libraries,
            version.software_specification,
        )

    def _path(self, digest: str) -> Path:
        return self._directory / f"{digest.removeprefix('sha256:')[:32]}.json"
