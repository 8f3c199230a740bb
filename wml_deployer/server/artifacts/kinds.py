"""What kinds of artifacts there are, as data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AI_SERVICE", "EXPERIMENT", "FUNCTION", "KINDS", "MODEL", "PIPELINE", "Kind"]


@dataclass(frozen=True)
class Kind:
    """One kind of artifact.

    Attributes:
        name: What it is called; records are stored under it.
        collection: Where it is found under ``/ml/v4``.
        asset_type: Its name among the assets of the platform.
        content: Last part of the path that takes its content; None where it has none.
        download: Last part of the path that gives it back.
        type: The type of all of them; None where each has its own.
        runs: Whether it runs by itself, for which it needs a type and a software specification.

    """

    name: str
    collection: str
    asset_type: str
    content: str | None = None
    download: str | None = None
    type: str | None = None
    runs: bool = True


MODEL = Kind("model", "models", "wml_model", content="content", download="download")
"""Models."""
FUNCTION = Kind("function", "functions", "wml_function", content="code", download="code", type="python")
"""Python functions."""
PIPELINE = Kind("pipeline", "pipelines", "wml_pipeline", runs=False)
"""Pipelines: kept and shown; nothing is trained here."""
EXPERIMENT = Kind("experiment", "experiments", "wml_experiment", runs=False)
"""Experiments: kept and shown; nothing is trained here."""
AI_SERVICE = Kind("ai_service", "ai_services", "ai_service", content="code", download="code", type="python")
"""AI services: kept and shown; the new client asks for them wherever it asks for models."""
KINDS = {kind.name: kind for kind in (MODEL, FUNCTION, PIPELINE, EXPERIMENT, AI_SERVICE)}
"""All kinds, by name."""
