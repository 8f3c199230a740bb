"""Messages in the status of deployments, as recorded."""

from __future__ import annotations

__all__ = ["message", "scaling_text"]


def message(text: str) -> dict[str, str]:
    """Return a text as the status holds it: all of them are warnings, good news too."""
    return {"level": "warning", "text": text}


def scaling_text(state: str, requested: int, deployed: int) -> str:
    """Return what is said about scaling.

    Example:
        >>> scaling_text("inprogress", 2, 1)[:62]
        'scaling_status: inprogress; requested_copies: 2; deployed_copi'

    """
    return (
        f"scaling_status: {state}; requested_copies: {requested}; deployed_copies: {deployed};"
        " more_info: Successfully patched the asset."
    )
