"""The regions of IBM Cloud in which Watson Machine Learning (watsonx.ai Runtime) can be reached.

The hosts are those of the tables in IBM's own clients (``PLATFORM_URLS_MAP``), less its internal test systems.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from urllib.parse import urlsplit

__all__ = [
    "REGIONS",
    "Region",
    "find_region",
    "is_cloud_host",
    "nearest_region",
    "region_of_platform",
    "resembles_cloud_host",
]


@dataclass(frozen=True)
class Region:
    """One region of IBM Cloud.

    Attributes:
        name: The region's code (``"eu-de"``).
        place: Where it is (``"Frankfurt"``).
        host: Host of its public endpoint.
        private_host: Host of its private endpoint, reachable from inside IBM Cloud alone.
        platform_host: Host that keeps its spaces and projects.
        platform: Whose accounts it takes: keys hold in all regions of one platform, and in no other.

    Example:
        >>> REGIONS[0].url
        'https://us-south.ml.cloud.ibm.com'

    """

    name: str
    place: str
    host: str
    private_host: str
    platform_host: str
    platform: str

    @property
    def url(self) -> str:
        """URL of the public endpoint."""
        return f"https://{self.host}"


def _region(name: str, place: str, domain: str, platform_host: str) -> Region:
    return Region(name, place, f"{name}.{domain}", f"private.{name}.{domain}", platform_host, domain)


REGIONS = (
    _region("us-south", "Dallas", "ml.cloud.ibm.com", "api.dataplatform.cloud.ibm.com"),
    _region("eu-de", "Frankfurt", "ml.cloud.ibm.com", "api.eu-de.dataplatform.cloud.ibm.com"),
    _region("eu-gb", "London", "ml.cloud.ibm.com", "api.eu-gb.dataplatform.cloud.ibm.com"),
    _region("jp-tok", "Tokyo", "ml.cloud.ibm.com", "api.jp-tok.dataplatform.cloud.ibm.com"),
    _region("au-syd", "Sydney", "ml.cloud.ibm.com", "api.au-syd.dai.cloud.ibm.com"),
    _region("ca-tor", "Toronto", "ml.cloud.ibm.com", "api.ca-tor.dai.cloud.ibm.com"),
    _region("ap-south-1", "Mumbai", "aws.wxai.ibm.com", "api.ap-south-1.aws.data.ibm.com"),
    _region("us-east-1", "US East", "aws.wxai.ibm.com", "api.us-east-1.aws.data.ibm.com"),
    Region(
        "us-gov",
        "AWS GovCloud",
        "wxai.ibmforusgov.com",
        "private.internal.wxai.ibmforusgov.com",
        "api.dai.ibmforusgov.com",
        "ibmforusgov.com",
    ),
)
"""Every region that one of IBM's clients knows, the oldest first."""

# Hosts below these belong to IBM Cloud, whatever stands before them; a Cloud Pak is never there.
_DOMAINS = (
    ".ml.cloud.ibm.com",
    ".dataplatform.cloud.ibm.com",
    ".dai.cloud.ibm.com",
    ".wxai.ibm.com",
    ".aws.data.ibm.com",
    ".ibmforusgov.com",
)
# A host this similar to a region's is a region's with a slip of the pen: us-south.ml.clod.ibm.com scores 0.98, and
# us-south.ml.cloud.example.com, which may well be somebody's own, 0.85.
_SLIP = 0.88


def _host(text: str) -> str:
    """Host of a URL, or the text itself where it is none."""
    try:
        return urlsplit(text).hostname or text.casefold()
    except ValueError:
        return text.casefold()


def find_region(text: str) -> Region | None:
    """Find the region of a code, a place, a host or a URL.

    Args:
        text: ``"eu-de"``, ``"Frankfurt"``, ``"eu-de.ml.cloud.ibm.com"`` or ``"https://private.eu-de.ml.cloud.ibm.com"``.

    Returns:
        The region, or None where no region is called that.

    Example:
        >>> find_region("frankfurt").name
        'eu-de'
        >>> find_region("https://private.eu-de.ml.cloud.ibm.com").name
        'eu-de'

    """
    wanted = _host(text.strip())
    names = ({region.name, region.place.casefold(), region.host, region.private_host} for region in REGIONS)
    return next((region for region, known in zip(REGIONS, names, strict=True) if wanted in known), None)


def is_cloud_host(url: str) -> bool:
    """Whether a URL, host, region code or place belongs to IBM Cloud, known or not.

    Example:
        >>> is_cloud_host("https://eu-xx.ml.cloud.ibm.com"), is_cloud_host("https://cpd.example.com")
        (True, False)

    """
    return find_region(url) is not None or f".{_host(url)}".endswith(_DOMAINS)


def region_of_platform(url: str) -> Region | None:
    """Find the region whose spaces and projects a host of IBM's platform keeps; ``None`` for other hosts.

    Example:
        >>> region_of_platform("https://api.dataplatform.cloud.ibm.com").name
        'us-south'

    """
    host = _host(url).removeprefix("private.")
    return next((region for region in REGIONS if region.platform_host == host), None)


def _likeness(text: str, region: Region) -> float:
    """Return how similar a text is to the nearest of a region's names, from 0 to 1."""
    names = (region.name, region.place.casefold(), region.host, region.private_host)
    return max(SequenceMatcher(None, _host(text), name).ratio() for name in names)


def nearest_region(text: str) -> Region:
    """Find the region that a mistyped code, place, host or URL most likely means.

    Example:
        >>> nearest_region("eu-dee").name, nearest_region("https://us-soth.ml.cloud.ibm.com").name
        ('eu-de', 'us-south')

    """
    return max(REGIONS, key=lambda region: _likeness(text, region))


def resembles_cloud_host(url: str) -> bool:
    """Whether a URL or host is one of IBM Cloud with a slip of the pen.

    Example:
        >>> resembles_cloud_host("https://eu-de.ml.cloud.imb.com"), resembles_cloud_host("https://cpd.example.com")
        (True, False)

    """
    return _likeness(url, nearest_region(url)) >= _SLIP
