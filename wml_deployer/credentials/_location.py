"""The place of the credentials, which travels to workers in their stead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CredentialsLocation"]


@dataclass(frozen=True)
class CredentialsLocation:
    """The place where a worker finds its credentials.

    Attributes:
        file: A credentials file; ``None`` for the environment.
        directory: The embedded service's folder, where that is the service.
        space_id: The deployment space, which a look at the deployment has to name.

    Example:
        >>> CredentialsLocation() == CredentialsLocation(None, None)
        True

    """

    file: Path | None = None
    directory: Path | None = None
    space_id: str = ""
