"""Let the site show the section ``Example:`` of a docstring as what it is: a session with the interpreter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import griffe

if TYPE_CHECKING:
    from typing import Any

ONE_EXAMPLE = re.compile(r"^( *)Example:$", re.MULTILINE)


class Examples(griffe.Extension):
    """Griffe knows the section by its plural; in the singular the prompts would become quotations."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Put the heading into the plural."""
        if obj.docstring:
            obj.docstring.value = ONE_EXAMPLE.sub(r"\1Examples:", obj.docstring.value)
