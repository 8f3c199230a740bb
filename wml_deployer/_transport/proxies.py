"""Which proxy the environment names for a host: ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, in either case."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3.util import make_headers, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Network, IPv6Network

__all__ = ["Proxy", "proxy_for"]


class Proxy(NamedTuple):
    """A proxy, and what it is told of whoever asks; nobody else is told."""

    url: str
    headers: dict[str, str]


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for a URL, or ``None`` to reach its host directly.

    Args:
        url: What is asked for.

    """
    if _is_loopback(urlsplit(url).hostname or ""):
        return None
    proxies = getproxies()
    named = proxies.get("https") or proxies.get("all")
    if not named or _is_excepted(url, proxies.get("no", "")):
        return None
    # As most tools do, a host and a port alone are taken for a proxy that speaks HTTP.
    parts = parse_url(named if "://" in named else f"http://{named}")
    headers = make_headers(proxy_basic_auth=unquote(parts.auth)) if parts.auth else {}
    return Proxy(parts._replace(auth=None).url, headers)


def _is_loopback(host: str) -> bool:
    """Say whether a host is this machine, which no proxy leads to: NO_PROXY is often forgotten."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_excepted(url: str, exceptions: str) -> bool:
    parts = urlsplit(url)
    if not parts.hostname:
        return False
    return bool(proxy_bypass(parts.netloc)) or _is_in_network(parts.hostname, exceptions)


def _is_in_network(host: str, exceptions: str) -> bool:
    """Say whether an address lies in a network of ``NO_PROXY``, which Python's own look-up does not know."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _networks(exceptions))


def _networks(exceptions: str) -> Iterator[IPv4Network | IPv6Network]:
    for text in exceptions.split(","):
        if "/" in text:
            try:
                yield ip_network(text.strip(), strict=False)
            except ValueError:
                continue
