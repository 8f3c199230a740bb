"""Messages in the status of deployments, as recorded."""

from __future__ import annotations

__all__ = ["message", "scaling_text"]


def message(text: str) -> dict[str, str]:
    """Return a message for the status; the service gives all of them the level warning."""
    return {"level": "warning", "text": text}


def scaling_text(state: str, requested: int, deployed: int) -> str:
    """Return the message about scaling.

    Example:
        >>> scaling_text("inprogress", 2, 1)[:62]
        'scaling_status: inprogress; requested_copies: 2; deployed_copi'

    """
    return (
        f"scaling_status: {state}; requested_copies: {requested}; deployed_copies: {deployed};"
        " more_info: Successfully patched the asset."
    )
