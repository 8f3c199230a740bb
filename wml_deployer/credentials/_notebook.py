"""What the environment of a notebook in Watson Studio or Cloud Pak for Data says of the service around it.

The variables are those that IBM's clients read. They count only where the notebook names its service, too: a token is
never sent to another host, and a ``PROJECT_ID`` that lies around elsewhere is somebody else's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer.credentials._regions import region_of_platform
from wml_deployer.credentials._sources import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["from_notebook"]

_URL = "RUNTIME_ENV_APSX_URL"
# Of the ways to say one thing, the better one first: a file is renewed by the notebook's service while the notebook
# runs, and only in a space can anything be deployed.
_TOKENS = {"RUNTIME_ENV_ACCESS_TOKEN_FILE": "token_file", "USER_ACCESS_TOKEN": "token"}
_PLACES = {"SPACE_ID": "space_id", "PROJECT_ID": "project_id"}


def from_notebook(environment: Mapping[str, str]) -> Source:
    """What a notebook's environment says; nothing outside of one."""
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for alternatives in ({_URL: "url"}, _TOKENS, _PLACES) if environment.get(_URL, "").strip() else ():
        said = next((name for name in alternatives if environment.get(name, "").strip()), None)
        if said is not None:
            key = alternatives[said]
            values[key], places[key] = _read(key, environment[said].strip()), said
    return Source("the notebook", values, places)


def _read(key: str, text: str) -> Any:
    if key == "token_file":
        return Path(text)
    if key == "token":
        return text.removeprefix("Bearer ")
    # Watson Studio names the platform's host, beside which the region's runtime has one of its own.
    region = region_of_platform(text) if key == "url" else None
    return region.url if region else text
