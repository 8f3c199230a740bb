"""Which release of the service this is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.server.routing import Answer

if TYPE_CHECKING:
    from wml_deployer.server.routing import Call

__all__ = ["RELEASE", "show"]

RELEASE = "5.0.0"
"""The one release of Cloud Pak for Data that both clients speak."""


def show(_call: Call) -> Answer:
    """Tell the release of the service."""
    return Answer(200, {"version": RELEASE})
