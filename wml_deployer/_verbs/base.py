"""What the facade's groups of verbs work with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from wml_deployer._rollout.project import Project
    from wml_deployer.deployment import Deployment
    from wml_deployer.metadata import Metadata, MetadataFile

__all__ = ["ROLLOUT_SECONDS", "Verbs"]

ROLLOUT_SECONDS = 600.0
"""Time for a call that changes something, unless told otherwise."""


class Verbs(ABC):
    """An open project."""

    _file: MetadataFile
    _project: Project

    @property
    @abstractmethod
    def metadata(self) -> Metadata:
        """The project as metadata.yaml says now."""

    @abstractmethod
    def _changing(self, timeout: float) -> AbstractContextManager[Project]:
        """Hold the project's lock, within the time given."""

    @abstractmethod
    def _deployment(self, operation: str) -> Deployment:
        """Return the handle of the live deployment."""
