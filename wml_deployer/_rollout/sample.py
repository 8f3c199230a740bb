"""A sample of rows with the local model's answers, and the folder that keeps it beside metadata.yaml."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from wml_deployer.errors import MetadataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wml_deployer.metadata import Version
    from wml_deployer.schema import Schema

__all__ = ["Sample", "SampleFolder"]

_log = logging.getLogger(__name__)


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
        """Write the sample of the model with this content digest.

        Raises:
            MetadataError: It cannot be written.

        """
        path = self._path(digest)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            # The folder ignores itself, whatever the project's own .gitignore says.
            (self._directory / ".gitignore").write_text("*\n", encoding="utf-8")
            partial = path.with_suffix(".partial")
            partial.write_bytes(b'{"payload":' + sample.payload + b',"expected":' + sample.expected + b"}")
            partial.replace(path)
        except OSError as error:
            raise MetadataError(
                f"The sample cannot be kept in {self._directory}: {error.strerror}.",
                next_step="Make room or make it writable, and call again; what is stored already is gone on from.",
            ) from error

    def find(self, version: Version) -> Sample | None:
        """Return the sample of a version's content, if there is one that can be read."""
        path = self._path(version.digest)
        try:
            kept = orjson.loads(path.read_bytes())
            payload, expected = orjson.dumps(kept["payload"]), orjson.dumps(kept["expected"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("the sample %s of %s cannot be read, and proves nothing: %s", path, version.name, error)
            return None
        return Sample(payload, expected, version.schema, version.libraries, version.software_specification)

    def _path(self, digest: str) -> Path:
        return self._directory / f"{digest.removeprefix('sha256:')[:32]}.json"
