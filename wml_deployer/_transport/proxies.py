"""Find the proxy of a host in the environment: ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, in either case."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from wml_deployer.errors import TransportError

__all__ = ["Proxy", "proxy_for"]

_PORT = 80


class Proxy(NamedTuple):
    """A proxy, with the user and password that are sent to it alone."""

    host: str
    port: int
    user_and_password: str | None = None


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for a URL, or ``None`` to reach its host directly. This machine is always reached directly.

    Args:
        url: What is asked for.

    Raises:
        TransportError: The environment names a proxy of a kind that is not supported.

    """
    host = urlsplit(url).hostname or ""
    proxies = getproxies()
    named = proxies.get("https") or proxies.get("all")
    if not named or _is_loopback(host) or _is_excepted(url, host, proxies.get("no", "")):
        return None
    # As most tools do, a host and a port alone are taken for a proxy that speaks HTTP.
    try:
        parts = urlsplit(named if "://" in named else f"http://{named}")
        port = parts.port or _PORT
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "http" or not parts.hostname:
        raise TransportError(
            f"{host} cannot be reached: the proxy that HTTPS_PROXY or ALL_PROXY names is not an HTTP proxy.",
            next_step="Name it as HTTPS_PROXY=http://host:port, or except the host with NO_PROXY.",
        )
    user = None if parts.username is None else f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(parts.hostname, port, user)


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine, which no proxy leads to; NO_PROXY is often forgotten."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_excepted(url: str, host: str, exceptions: str) -> bool:
    return bool(host) and (bool(proxy_bypass(urlsplit(url).netloc)) or _is_in_network(host, exceptions))


def _is_in_network(host: str, exceptions: str) -> bool:
    """Whether an address lies in a network of ``NO_PROXY``, which Python's own look-up does not know."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    for text in exceptions.split(","):
        try:
            if "/" in text and address in ip_network(text.strip(), strict=False):
                return True
        except ValueError:  # noqa: PERF203 - a few at most
            continue
    return False
