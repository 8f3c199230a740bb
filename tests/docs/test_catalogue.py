"""The catalogue of errors names each; ``contract/test_catalogue.py`` provokes each."""

from __future__ import annotations

import re
from pathlib import Path

from wml_deployer import errors

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "reference" / "errors.md"


def test_the_catalogue_has_every_error() -> None:
    """Each once."""
    rows = re.findall(r"^\| \[`(\w+)`\]", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert sorted(set(errors.__all__) - {"Fault", "WMLDeployerError"}) == sorted(rows)
