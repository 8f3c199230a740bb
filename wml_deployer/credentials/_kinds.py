"""Tell which service credentials are for: IBM Cloud, a Cloud Pak at some host, or the embedded one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wml_deployer.credentials._regions import is_cloud_host, nearest_region, resembles_cloud_host
from wml_deployer.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LOCAL", "SOFTWARE_ONLY", "TITLES", "classify", "service_of"]

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
