"""Where a version is stored, and what is kept of one that is taken from another deployment space."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wml_deployer._clients.protocol import Client
    from wml_deployer._verification.sample import SampleFolder
    from wml_deployer.metadata import MetadataFile, Origin, Version

__all__ = ["Promotion", "VersionSource"]


class VersionSource(NamedTuple):
    """A stored version, and where it is stored.

    Attributes:
        version: The version.
        file: The files of its project.
        connect: Connects to its deployment space, or returns it where that is done.
        samples: Where its sample is.

    """

    version: Version
    file: MetadataFile
    connect: Callable[[], Client]
    samples: SampleFolder


class Promotion(NamedTuple):
    """What is kept of a version that is taken from another space.

    Attributes:
        origin: Where it is stored there.
        name: Its name there.
        runtime: Name of the runtime that it runs on there.
        metrics: What was measured of it.

    """

    origin: Origin
    name: str
    runtime: str
    metrics: Mapping[str, float]
