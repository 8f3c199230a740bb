"""Watch scoring requests: hooks, OpenTelemetry spans and metrics, and a log of rows and scores."""

from __future__ import annotations

from wml_deployer.monitoring._events import Attempt, ScoringEvent, ScoringHook
from wml_deployer.monitoring._opentelemetry import OpenTelemetryHook
from wml_deployer.monitoring._payload_log import PayloadLog

__all__ = ["Attempt", "OpenTelemetryHook", "PayloadLog", "ScoringEvent", "ScoringHook"]
