"""Let the site show docstrings as they are meant: they are written for a terminal, and the site speaks Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import griffe

if TYPE_CHECKING:
    from typing import Any

REPLACEMENTS = (
    # Griffe knows the section by its plural; in the singular the prompts would become quotations.
    (re.compile(r"^( *)Example:$", re.MULTILINE), r"\1Examples:"),
    (re.compile(r"(?<=\w)::$", re.MULTILINE), ":"),
    (re.compile(r":(?:class|func|meth|mod):`([^`]+)`"), r"`\1`"),
    # Examples run in a folder of their own; a reader has a project.
    (re.compile(r"^ *>>> (import tempfile|from pathlib import Path|.*mkdtemp.*)\n", re.MULTILINE), ""),
    (re.compile(r"^ *>>> (_ = )?(path|\(folder / [^)]*\))\.(write_text|touch)\(.*\)\n", re.MULTILINE), ""),
    (re.compile(r"Deployer\.local\(path\)"), 'Deployer.local("metadata.yaml")'),
    (re.compile(r"\bfolder / (?=\")"), ""),
)


class Docstrings(griffe.Extension):
    """Turns what Markdown would misread."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring:
            for pattern, replacement in REPLACEMENTS:
                obj.docstring.value = pattern.sub(replacement, obj.docstring.value)
