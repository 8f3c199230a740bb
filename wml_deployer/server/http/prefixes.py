"""Below which paths the parts for tests and for people are: neither is logged, limited or has faults."""

from __future__ import annotations

__all__ = ["CONSOLE", "CONTROL"]

CONTROL = "/control/v1"
"""Where the control API is."""
CONSOLE = "/console/"
"""Where the console is, beside ``/``."""
