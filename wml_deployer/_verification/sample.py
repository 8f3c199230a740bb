"""Keep a sample of rows, with what the local model answers to them, in a folder beside metadata.yaml."""

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
    from wml_deployer.reports import Finding
    from wml_deployer.schema import Schema

__all__ = ["UNKNOWN", "Part", "Rehearsal", "Sample", "SampleFolder"]

_log = logging.getLogger(__name__)


UNKNOWN = b"null"
"""In place of an answer of the local model, where nothing here can run it."""


@dataclass(frozen=True)
class Part:
    """Rows of a sample that travel in one request.

    Attributes:
        name: Which rows they are, for messages: ``"all rows"``, ``"row 3 alone"``.
        payload: The request's body, with n rows.
        expected: The local model's answer to them, as the service would write it; ``UNKNOWN`` if it is not run here.
        rows: The positions in the sample of the rows; empty if they are not rows of the sample as it is.

    """

    name: str
    payload: bytes
    expected: bytes
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Sample:
    """Requests, and what the local model answers to them.

    Attributes:
        parts: All rows first, then some of them.
        schema: The model's fields and classes.
        libraries: Version by name of what the model was fitted with, where that is known.
        specification: Name of the software specification that runs it, where that is known.

    """

    parts: tuple[Part, ...]
    schema: Schema
    libraries: Mapping[str, str] = field(default_factory=dict)
    specification: str | None = None


@dataclass(frozen=True)
class Rehearsal:
    """The result of a rehearsal.

    Attributes:
        sample: The requests to verify a deployment with, and the answers that it must give; ``None`` if the model
            cannot answer the sample at all.
        findings: An error for each column that would change an answer, a warning for each gap that would be refused.
        cause: What the model's code raised, if it did.

    """

    sample: Sample | None = None
    findings: tuple[Finding, ...] = ()
    cause: BaseException | None = None


class SampleFolder:
    """A folder of samples beside metadata.yaml. They are the user's data and go nowhere else.

    Args:
        directory: A folder that is not under version control; it is created when it is needed.

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
        parts = [
            b'{"name":%b,"payload":%b,"expected":%b,"rows":%b}'
            % (orjson.dumps(part.name), part.payload, part.expected, orjson.dumps(part.rows))
            for part in sample.parts
        ]
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            # The folder ignores itself, whatever the project's own .gitignore says.
            (self._directory / ".gitignore").write_text("*\n", encoding="utf-8")
            partial = path.with_suffix(".partial")
            partial.write_bytes(b'{"parts":[%b]}' % b",".join(parts))
            partial.replace(path)
        except OSError as error:
            raise MetadataError(
                f"The sample cannot be kept in {self._directory}: {error.strerror}.",
                next_step="Make room or make the folder writable, and call again; what is stored already is not "
                "stored twice.",
            ) from error

    def find(self, version: Version) -> Sample | None:
        """Return the sample of a version's content, or ``None`` if there is none that can be read."""
        path = self._path(version.digest)
        try:
            parts = tuple(
                Part(
                    str(part["name"]),
                    orjson.dumps(part["payload"]),
                    orjson.dumps(part["expected"]),
                    tuple(part["rows"]),
                )
                for part in orjson.loads(path.read_bytes())["parts"]
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("The sample %s of %s cannot be read, so nothing is verified: %s", path, version.name, error)
            return None
        return Sample(parts, version.schema, version.libraries, version.software_specification)

    def _path(self, digest: str) -> Path:
        return self._directory / f"{digest.removeprefix('sha256:')[:32]}.json"
