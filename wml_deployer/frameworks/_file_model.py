"""Models in their framework's own format, which a runtime of the service reads as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wml_deployer.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wml_deployer.reports import Finding

__all__ = ["FileModel"]


@dataclass(frozen=True)
class FileModel:
    """A model that is stored as the files that it is.

    Attributes:
        source: What it was read from, for messages.
        types: The model types under which a runtime serves it, best first.
        files: Name in the archive -> the file, or its content; ``.`` is a folder, whose files keep their names.
        schema: Its inputs and classes, as far as the format tells.
        libraries: Version by name of what wrote it, as far as the format tells.
        findings: What no runtime will take.
        frameworks: The frameworks that metadata.yaml may name in its ``model_type``.
        is_archived: Whether it is uploaded in a ``.tar.gz``, and not as its only file.

    """

    source: str
    types: tuple[str, ...]
    files: Mapping[str, Path | bytes]
    schema: Schema = field(default_factory=Schema)
    libraries: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    frameworks: tuple[str, ...] = ()
    is_archived: bool = True
