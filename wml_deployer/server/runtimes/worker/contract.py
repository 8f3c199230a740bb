"""What a runtime is: it loads unpacked content and answers payloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from wml_deployer.server.runtimes.archive import Bounds

__all__ = ["Request", "Runtime", "Score"]

Score = Callable[[dict[str, Any]], Any]
"""From a request's decoded JSON to an answer that :func:`~.answers.encode` can write."""


@dataclass(frozen=True)
class Request:
    """What is to be loaded.

    Attributes:
        directory: Where the content is unpacked.
        model_type: WML's type of the model, or ``"python"``.
        specification: Name of its software specification.
        bounds: What further archives inside the content may grow to.
        input_type: Type of the stored input schema; ``"DataFrame"`` asks for data frames.
        fields: Dtype by name of the stored input schema's fields, in their order.

    """

    directory: Path
    model_type: str
    specification: str
    bounds: Bounds
    input_type: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


class Runtime(Protocol):
    """A module (or object) that serves one framework's models."""

    def load(self, request: Request) -> Score:
        """Load the content.

        Returns:
            The function that answers payloads.

        Raises:
            LoadError: The content is not what this runtime serves.

        """
