"""Which proxy is asked, and what it is told."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from tests.connect_proxy import ConnectProxy
from tests.unit.clients.test_tokens import login
from wml_deployer._transport.pool import Transport
from wml_deployer._transport.proxies import Proxy, proxy_for
from wml_deployer.errors import TransportError

if TYPE_CHECKING:
    from tests.unit.conftest import ScriptedServer

HOST = "https://10.1.2.3:8443"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Forget the proxies of this machine."""
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def test_without_a_proxy_hosts_are_reached_directly() -> None:
    """Nothing is said."""
    assert proxy_for(HOST) is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_any_of_the_names_counts(name: str, environment: pytest.MonkeyPatch) -> None:
    """Companies use them all."""
    environment.setenv(name, "http://proxy:3128")

    assert Proxy("proxy", 3128) == proxy_for(HOST)


@pytest.mark.parametrize("host", ["127.0.0.1:8443", "127.8.9.1", "localhost:1", "[::1]:8443"])
def test_this_machine_is_reached_directly(host: str, environment: pytest.MonkeyPatch) -> None:
    """No proxy leads to it, whatever NO_PROXY says."""
    environment.setenv("HTTPS_PROXY", "http://proxy:3128")

    assert proxy_for(f"https://{host}/x") is None


def test_user_and_password_are_decoded(environment: pytest.MonkeyPatch) -> None:
    """They stand in the URL in percent-encoding."""
    environment.setenv("HTTPS_PROXY", "http://ana:p%40ss@proxy:3128")

    assert Proxy("proxy", 3128, "ana:p@ss") == proxy_for(HOST)


@pytest.mark.parametrize(
    "named", ["socks5://proxy:1", "https://proxy:1", "http://", "http://proxy:port", "http://[::1"]
)
def test_a_proxy_of_another_kind_is_refused(named: str, environment: pytest.MonkeyPatch) -> None:
    """The error says how to name one."""
    environment.setenv("HTTPS_PROXY", named)

    with pytest.raises(TransportError, match="is not an HTTP proxy") as caught:
        proxy_for(HOST)

    assert "HTTPS_PROXY=http://host:port" in str(caught.value.next_step)


def test_a_host_and_a_port_are_a_proxy(environment: pytest.MonkeyPatch) -> None:
    """Many leave out the scheme."""
    environment.setenv("HTTPS_PROXY", "proxy:3128")

    assert Proxy("proxy", 3128) == proxy_for(HOST)


@pytest.mark.parametrize(
    ("exceptions", "direct"),
    [
        ("10.1.2.3", True),
        ("10.1.2.3:8443", True),
        ("10.0.0.0/8", True),
        ("localhost, 10.1.0.0/16", True),
        ("10.2.0.0/16", False),
        ("fd00::/8", False),
        ("not/anetwork", False),
        ("*", True),
        ("", False),
    ],
)
def test_exceptions_are_hosts_and_networks(exceptions: str, direct: bool, environment: pytest.MonkeyPatch) -> None:
    """A network is as good as each address in it."""
    environment.setenv("HTTPS_PROXY", "http://proxy:3128")
    environment.setenv("NO_PROXY", exceptions)

    assert direct == (proxy_for(HOST) is None)


def test_a_name_lies_in_no_network(environment: pytest.MonkeyPatch) -> None:
    """It is not looked up for that."""
    environment.setenv("HTTPS_PROXY", "http://proxy:3128")
    environment.setenv("NO_PROXY", "0.0.0.0/0")

    assert proxy_for("https://cpd.example.com") is not None


def test_a_proxy_is_told_its_own_password(scripted: ScriptedServer, environment: pytest.MonkeyPatch) -> None:
    """User and password of the proxy's URL go to the proxy, decoded, and not on to the service."""
    scripted.behaviours = [login(dict)]
    with ConnectProxy(scripted.port) as proxy:
        environment.setenv("HTTPS_PROXY", proxy.url.replace("//", "//ana:p%40ss@"))
        Transport(scripted.ca).request("GET", "https://cpd.example.com")

        told = base64.b64encode(b"ana:p@ss")
        assert any(told in header for header in proxy.headers)
        assert told not in scripted.requests[0]


def test_an_unusable_proxy_is_no_secret_spilled(environment: pytest.MonkeyPatch) -> None:
    """The error says what is wrong with it, and not its password."""
    environment.setenv("HTTPS_PROXY", "socks9://ana:hidden@proxy:1")

    with pytest.raises(TransportError, match="HTTPS_PROXY") as caught:
        Transport().request("GET", HOST)

    assert "hidden" not in json.dumps([str(caught.value), repr(caught.value.__cause__)])
