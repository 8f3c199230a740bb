"""Prefixes of the control API and the console, which are not logged, limited or given faults."""

from __future__ import annotations

__all__ = ["CONSOLE", "CONTROL"]

CONTROL = "/control/v1"
"""Where the control API is."""
CONSOLE = "/console/"
"""Where the console is, beside ``/``."""
