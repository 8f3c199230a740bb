"""Pages: templates, rendered with autoescaping and sent with strict security headers."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    import jinja2

__all__ = ["STATIC", "harden", "render"]

STATIC = Path(__file__).parent / "static"
"""The stylesheet, the script and the icon."""

# Under a stricter referrer policy, the Origin of a form would be null and could not be checked.
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def render(template: str, status: int = 200, **shown: Any) -> Response:
    """Render a page.

    Args:
        template: Name of the template, without suffix.
        status: HTTP status.
        **shown: Variables of the template.

    """
    content = _environment().get_template(f"{template}.html").render(shown)
    return Response(content, status, media_type="text/html")


def harden(response: Response) -> Response:
    """Add the security headers to a response; headers that it already has are kept."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@cache
def _environment() -> jinja2.Environment:
    # Deferred: only the console needs it.
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(time=_time, bytes=_bytes, plural=_plural)
    return environment


def _time(stamp: str) -> str:
    """Format a time for people.

    Example:
        >>> _time("2025-02-21T10:31:50.012Z")
        '2025-02-21 10:31:50'

    """
    time = datetime.fromisoformat(stamp.replace("Z", "+00:00")).astimezone(timezone.utc)
    return f"{time:%Y-%m-%d %H:%M:%S}"


def _bytes(size: int) -> str:
    """Format a size for people.

    Example:
        >>> _bytes(512), _bytes(1_536), _bytes(3_500_000)
        ('512 bytes', '1.5 KiB', '3.3 MiB')

    """
    if size < 1024:  # noqa: PLR2004
        return f"{size} bytes"
    return f"{size / 1024:.1f} KiB" if size < 1024**2 else f"{size / 1024**2:.1f} MiB"


def _plural(number: int, noun: str) -> str:
    """Format a count with its noun.

    Example:
        >>> _plural(1, "model"), _plural(2, "model")
        ('1 model', '2 models')

    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
