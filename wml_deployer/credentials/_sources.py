"""Read credentials from a mapping, the environment, a file or a notebook, and merge those that are for one service."""

from __future__ import annotations

import inspect
import os
import re
import stat
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yaml.nodes import Node, ScalarNode, SequenceNode

from wml_deployer._yaml import plain, read
from wml_deployer.credentials._regions import is_cloud_host, nearest_region, region_of_platform, resembles_cloud_host
from wml_deployer.errors import CredentialsError, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "LOCAL",
    "SECRETS",
    "SOFTWARE_ONLY",
    "TITLES",
    "VARIABLES",
    "CredentialsLocation",
    "Source",
    "classify",
    "from_environment",
    "from_file",
    "from_mapping",
    "from_notebook",
    "merge",
    "service_of",
]

LOCAL = "local"
"""The ``url`` and the ``kind`` of the embedded service."""

TITLES = {"cloud": "IBM Cloud", "software": "Cloud Pak for Data", LOCAL: "the embedded service"}
"""Each kind, and what errors call it."""

SOFTWARE_ONLY = frozenset({"username", "password", "version", "instance_id"})
"""Keys that only a Cloud Pak has."""


def service_of(values: Mapping[str, Any]) -> str | None:
    """Return the service that a source is for, despite typing errors; ``None`` if it does not say."""
    url = values.get("url") or values.get("region") or ""
    if LOCAL in (values.get("kind"), url):
        return LOCAL
    if not url or not isinstance(url, str):
        return None
    return nearest_region(url).platform if _means_cloud(url) else url.partition("://")[2].rstrip("/").casefold() or url


def _means_cloud(url: str) -> bool:
    """Whether a ``url`` means IBM Cloud: one of its hosts, a region's name, or either with a typing error."""
    return is_cloud_host(url) or resembles_cloud_host(url) or not re.search(r"[.:/]", url)


def classify(said: Mapping[str, Any]) -> tuple[str, dict[str, Any], list[Fault]]:
    """Find the kind, the values as its model takes them, and what is wrong with either."""
    values, faults = dict(said), []
    kind, region = values.pop("kind", None), values.pop("region", None)
    if kind is not None and kind not in list(TITLES):
        faults.append(Fault("kind", "unknown kind", f"one of {', '.join(TITLES)}"))
        kind = None
    if region is not None and "url" in values:
        faults.append(Fault("region", "cannot be combined with url", "give only one of them"))
    elif region is not None:
        values["url"] = region
    kind = kind or ("cloud" if region else _kind_of(values))
    if kind == LOCAL and values.get("url") == LOCAL:
        del values["url"]
    if kind == "software":
        # The key by which older clients told a Cloud Pak from the cloud.
        values.pop("instance_id", None)
    return kind, values, faults


def _kind_of(values: Mapping[str, Any]) -> str:
    """Return the kind of service that values without a ``kind`` are for."""
    url = values.get("url", "")
    if url == LOCAL:
        return LOCAL
    if not isinstance(url, str) or is_cloud_host(url):
        return "cloud"
    return "software" if SOFTWARE_ONLY & values.keys() or not _means_cloud(url) else "cloud"


VARIABLES = {
    "WML_URL": "url",
    "WML_APIKEY": "apikey",
    "WML_KEYRING": "keyring",
    "WML_TOKEN": "token",
    "WML_USERNAME": "username",
    "WML_PASSWORD": "password",
    "WML_VERSION": "version",
    "WML_CA_BUNDLE": "ca_bundle",
    "WML_SPACE_ID": "space_id",
    "WML_SPACE": "space",
    "WML_PROJECT_ID": "project_id",
    "WML_CLIENT": "client",
}
"""Environment variable -> key of credentials."""

SECRETS = frozenset({"apikey", "token", "password"})
"""Keys whose values are never shown."""

# Ways of saying one thing: whoever says it in one way replaces what others say in another.
_ALTERNATIVES = (
    frozenset({"url", "region"}),
    SECRETS | {"keyring", "token_file"},
    frozenset({"space_id", "space", "project_id"}),
)
_PATHS = frozenset({"ca_bundle", "directory", "token_file"})


@dataclass(frozen=True)
class Source:
    """The values of one source.

    Attributes:
        name: What errors call it.
        values: Key -> value.
        places: Key -> what errors call it: the line of a file, a variable.
        empty: Keys whose environment variable is set, but empty, which counts as not set.
        left_out: Names of sources that were not heard, because they speak of another service.

    """

    name: str
    values: dict[str, Any] = field(repr=False)
    places: dict[str, str]
    empty: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()

    def locate(self, fault: Fault) -> Fault:
        """Say where a fault of a model stands, or where the missing value could."""
        key = fault.where
        if fault.problem != "missing":
            region = self.places.get("region", key) if key == "url" else key
            return replace(fault, where=self.places.get(key, region))
        variable = next((name for name, named in VARIABLES.items() if named == key), "")
        expected = fault.expected or "a region of IBM Cloud such as eu-de, or the https:// URL of your Cloud Pak"
        problem = f"missing; {variable} is set, but empty" if key in self.empty else "missing"
        return Fault(key, problem, f"{expected}; here or as {variable}")


def from_mapping(mapping: Mapping[str, Any]) -> Source:
    """Read a mapping; ``None`` counts as not given."""
    values = {str(key): value for key, value in mapping.items() if value is not None}
    return Source("the mapping", values, {key: key for key in values})


def from_environment(environment: Mapping[str, str]) -> Source:
    """Read the ``WML_*`` variables; an empty one counts as not set."""
    found = {name: environment[name] for name in VARIABLES if name in environment}
    values = {VARIABLES[name]: text for name, text in found.items() if text.strip()}
    places = {VARIABLES[name]: name for name in found}
    return Source("the environment", values, places, empty=frozenset(places) - frozenset(values))


def from_file(path: str | os.PathLike[str]) -> Source:
    """Read a YAML file, each value as the text that is written; its paths are relative to its folder."""
    place, name = Path(path).expanduser(), os.fspath(path)
    advice = "Create it with the keys url, apikey and space_id, or set WML_URL, WML_APIKEY and WML_SPACE_ID instead."
    document = read(place, name=name, error=CredentialsError, next_step=advice)
    values = {key.value: _written(node) for key, node in document.root.value}
    places = {key.value: f"{name}, line {key.start_mark.line + 1}, {key.value}" for key, _ in document.root.value}
    for key in _PATHS & values.keys():
        if values[key] and isinstance(values[key], str):
            values[key] = place.parent / Path(values[key]).expanduser()
    if values.keys() & SECRETS:
        _warn_if_readable_by_all(place)
    return Source(name, values, places)


def _written(node: Node) -> Any:
    """Return the text of a scalar, ``None`` for null, an empty list or mapping for any other value."""
    if isinstance(node, ScalarNode):
        return plain(node) or ""
    return [] if isinstance(node, SequenceNode) else {}


def _warn_if_readable_by_all(path: Path) -> None:
    """Warn the user's line about a file of secrets that every user of the machine can read."""
    if os.name == "posix" and path.stat().st_mode & stat.S_IROTH:
        warnings.warn(
            f"{path} holds a secret and every user of this machine can read it. Next: chmod 600 {path}",
            UserWarning,
            stacklevel=_distance_to_user(),
        )


def _distance_to_user() -> int:
    """Count the calls between the caller of this and the user's own line."""
    frame, distance = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "wml_deployer":
        frame, distance = frame.f_back, distance + 1
    return distance


def merge(sources: Sequence[Source]) -> Source:
    """Put sources together, the one that wins first.

    Whoever names the ``url`` names the service. Sources that name another one are left out, so that no key is ever sent
    to a host that it was not given for. Regions of IBM Cloud whose keys hold in each other are one service.
    """
    service = next((named for source in sources if (named := service_of(source.values))), None)
    heard = [source for source in sources if service_of(source.values) in {None, service}]
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for source in heard:
        new = [key for key in source.values if _applies(key, source, service) and not _is_given(key, places)]
        values.update((key, source.values[key]) for key in new)
        places.update((key, source.places[key]) for key in new)
    return Source(
        name=" and ".join(source.name for source in heard if source.values) or "the environment",
        values=values,
        places=places,
        empty=frozenset[str]().union(*(source.empty for source in heard)),
        left_out=tuple(source.name for source in sources if source not in heard),
    )


def _applies(key: str, source: Source, service: str | None) -> bool:
    """Whether a key is meant: the embedded service signs in by itself, and keys that lie around are for others."""
    return service != LOCAL or key in {"space", "client"} or service_of(source.values) == LOCAL


def _is_given(key: str, by_others: Mapping[str, str]) -> bool:
    """Whether sources of higher priority have given a key, or another way to say the same."""
    return key in by_others or any(key in group and group & by_others.keys() for group in _ALTERNATIVES)


_URL = "RUNTIME_ENV_APSX_URL"
# Of the ways to say one thing, the better one first: a file is renewed by the notebook's service while the notebook
# runs, and only in a space can anything be deployed.
_TOKENS = {"RUNTIME_ENV_ACCESS_TOKEN_FILE": "token_file", "USER_ACCESS_TOKEN": "token"}
_PLACES = {"SPACE_ID": "space_id", "PROJECT_ID": "project_id"}


def from_notebook(environment: Mapping[str, str]) -> Source:
    """Read the environment of a notebook in Watson Studio or Cloud Pak for Data; nothing outside of one.

    The variables are those that IBM's clients read. They count only where the notebook names its service, too: a token
    is never sent to another host, and a ``PROJECT_ID`` that is set elsewhere is somebody else's.
    """
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


@dataclass(frozen=True)
class CredentialsLocation:
    """The place where a worker finds its credentials.

    Attributes:
        file: A credentials file; ``None`` for the environment.
        directory: The embedded service's folder, where that is the service.
        space_id: The deployment space, which a look at the deployment has to name.

    Example:
        >>> CredentialsLocation() == CredentialsLocation(None, None)
        True

    """

    file: Path | None = None
    directory: Path | None = None
    space_id: str = ""
