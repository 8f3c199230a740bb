"""The only door to IBM's packages: nothing of theirs leaves it.

Each of IBM's two clients knows other regions, releases of Cloud Pak for Data, and Pythons. The door chooses the one
that knows the platform, runs on this Python and is installed.
"""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wml_deployer._clients.direct import DirectCalls
from wml_deployer._clients.machine_learning import MachineLearningClient
from wml_deployer._clients.protocol import Scope
from wml_deployer._clients.tokens import TokenSource
from wml_deployer._install import install_command
from wml_deployer._transport.deadline import remaining
from wml_deployer._transport.pool import CONNECTIONS, PAUSES_SECONDS, Transport
from wml_deployer.credentials import CloudCredentials, LocalCredentials, SoftwareCredentials
from wml_deployer.credentials._regions import find_region
from wml_deployer.errors import ClientNotInstalledError, ConfigurationError
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wml_deployer._clients.ibm import IBMClient
    from wml_deployer._clients.protocol import Account, Client, Scoring
    from wml_deployer.server import ServerInfo

__all__ = [
    "CLIENTS",
    "ClientPackage",
    "choose",
    "connect",
    "connect_account",
    "local_service",
    "open_scoring",
    "release_of",
]

START_SECONDS = 30.0


def connect(credentials: CloudCredentials | SoftwareCredentials | LocalCredentials) -> Client:
    """Log in and choose the deployment space; the embedded service is started or joined first.

    Args:
        credentials: Where the service is, how to log in, and which of IBM's clients to use.

    Returns:
        The deployment space, ready to be asked.

    Raises:
        AuthenticationError: The service does not accept the key.
        CertificateError: Its certificate is not trusted.
        ClientNotInstalledError: The client that its platform needs is not there.
        TransportError: It does not answer.

    """
    is_local = isinstance(credentials, LocalCredentials)
    begins = "starting the embedded service" if is_local else "looking for the API key"
    with stage("connecting", unit="looks", detail=begins) as progress:
        reached = _reachable(credentials)
        # IBM's client alone takes seconds to be imported.
        progress.advance(detail="signing in to the embedded service" if is_local else f"signing in to {reached.url}")
        client = _logged_in(reached)
        try:
            client.choose_scope(reached)
        except BaseException:
            client.close()
            raise
        return client


def connect_account(credentials: CloudCredentials | SoftwareCredentials | LocalCredentials) -> Account:
    """Log in without choosing a deployment space; see :func:`connect`.

    Args:
        credentials: Where the service is, and how to log in; a space that they name does not matter.

    """
    return _logged_in(_reachable(credentials))


def _logged_in(credentials: CloudCredentials | SoftwareCredentials) -> IBMClient:
    transport = Transport(credentials.ca_bundle)
    # The key is looked for before anybody is asked anything.
    tokens = TokenSource(credentials, transport)
    return _client_for(credentials, transport)(credentials, transport, tokens)


def _client_for(credentials: CloudCredentials | SoftwareCredentials, transport: Transport) -> type[IBMClient]:
    release = release_of(credentials, transport) if credentials.kind == "software" else None
    chosen = choose(credentials, release)
    if chosen.name == "machine-learning":
        return MachineLearningClient
    from wml_deployer._clients.watsonx import WatsonxClient  # noqa: PLC0415 - deferred: httpx comes with that client

    return WatsonxClient


def open_scoring(
    credentials: CloudCredentials | SoftwareCredentials | LocalCredentials,
    connections: int = CONNECTIONS,
    pauses: Sequence[float] = PAUSES_SECONDS,
    space_id: str = "",
) -> Scoring:
    """Open a client for scoring alone: it is cheap, and connects with its first request.

    Args:
        credentials: Where the service is and how to log in.
        connections: The most requests at the same time.
        pauses: Seconds to wait before each retry.
        space_id: The deployment space. Scoring does without; looking up the deployment does not.

    """
    reached = _reachable(credentials)
    transport = Transport(reached.ca_bundle, connections, pauses)
    return DirectCalls(reached.url, Scope("space", space_id), transport, TokenSource(reached, transport))


def _reachable(
    credentials: CloudCredentials | SoftwareCredentials | LocalCredentials,
) -> CloudCredentials | SoftwareCredentials:
    if not isinstance(credentials, LocalCredentials):
        return credentials
    service = local_service(credentials.directory or Path(".wml"))
    return SoftwareCredentials(
        url=service.url,
        username=service.username,
        apikey=service.apikey,
        ca_bundle=service.ca_bundle,
        version=service.version,
        client=credentials.client,
        space_id=None if credentials.space else service.space_id,
        space=credentials.space,
    )


def local_service(folder: Path) -> ServerInfo:
    """Start or join the embedded service of a folder.

    Raises:
        ClientNotInstalledError: The packages that it needs are not installed.
        ConfigurationError: It cannot be started there, or not in time.

    """
    from wml_deployer.server import ServerStartError, join_or_start  # noqa: PLC0415 - an extra

    left = remaining()
    try:
        return join_or_start(folder, timeout=START_SECONDS if left is None else min(START_SECONDS, left))
    except ImportError as error:
        raise ClientNotInstalledError(
            f"The embedded service cannot be started: {error}",
            operation="connect",
            next_step=install_command("local"),
        ) from error
    except (OSError, ServerStartError, ValueError) as error:
        remaining()
        raise ConfigurationError(
            f"The embedded service of {folder} cannot be started: {error}",
            operation="connect",
            next_step=f"Make the folder writable for you; or, if it is damaged or of another release, remove {folder}: "
            "what is stored there is lost.",
        ) from error


_log = logging.getLogger(__name__)

Name = Literal["machine-learning", "watsonx"]
Release = tuple[int, ...]
_OLD_REGIONS = frozenset({"us-south", "eu-de", "eu-gb", "jp-tok"})
_LAST_OF_OLD, _FIRST_OF_NEW = (5, 0), (5, 0)
# Older releases know the first of them only under the second name.
_RELEASE_PATHS = ("/ml/wml_services/v2/version", "/ml/wml_services/version")


@dataclass(frozen=True)
class ClientPackage:
    """One of IBM's clients.

    Attributes:
        name: What users call it.
        package: What Python calls it.
        requirement: What pip calls it.
        extra: The extra of this package that brings it.
        first: The first Python that it runs on.
        end: The first Python that it no longer runs on.

    """

    name: Name
    package: str
    requirement: str
    extra: str
    first: tuple[int, int]
    end: tuple[int, int]

    def reaches(self, credentials: CloudCredentials | SoftwareCredentials, release: Release | None) -> bool:
        """Whether it knows the region, or the release of the Cloud Pak as far as that is known."""
        old = self.name == "machine-learning"
        if isinstance(credentials, CloudCredentials):
            region = find_region(credentials.url)
            return not old or (region is not None and region.name in _OLD_REGIONS)
        if release is None:
            return True
        return release[:2] <= _LAST_OF_OLD if old else release[:2] >= _FIRST_OF_NEW

    def runs_on(self, python: tuple[int, int]) -> bool:
        """Whether it exists for this Python."""
        return self.first <= python < self.end

    @property
    def installed(self) -> bool:
        """Whether it can be imported, without importing it."""
        return find_spec(self.package) is not None


CLIENTS = (
    ClientPackage(
        "machine-learning",
        "ibm_watson_machine_learning",
        "ibm-watson-machine-learning>=1.0.370",
        "wml",
        (3, 10),
        (3, 13),
    ),
    ClientPackage("watsonx", "ibm_watsonx_ai", "ibm-watsonx-ai>=1.3", "watsonx", (3, 11), (3, 15)),
)
"""The one to prefer first; from Python 3.13 on it does not exist."""


def choose(
    credentials: CloudCredentials | SoftwareCredentials,
    release: Release | None,
    python: tuple[int, int] = sys.version_info[:2],
    installed: Callable[[ClientPackage], bool] = lambda candidate: candidate.installed,
) -> ClientPackage:
    """Choose the client that knows the platform, runs on this Python and is installed.

    Args:
        credentials: Where the service is, and which client is wanted.
        release: Release of the Cloud Pak; ``None`` in the cloud or where it does not tell.
        python: The running Python.
        installed: Tells whether a client is installed.

    Returns:
        The client.

    Raises:
        ClientNotInstalledError: None does; the message says which one to install, or that there is none.

    """
    platform = _platform(credentials, release)
    able = [
        one
        for one in CLIENTS
        if credentials.client in {"auto", one.name} and one.reaches(credentials, release) and one.runs_on(python)
    ]
    chosen = next(filter(installed, able), None)
    if chosen is None:
        raise _none_fits(able, platform, python, credentials.client)
    reason = _reason(chosen, credentials, release, python)
    _log.info("%s is used for %s on Python %d.%d: %s", chosen.requirement, platform, *python, reason)
    return chosen


def release_of(credentials: SoftwareCredentials, transport: Transport) -> Release | None:
    """Return the release of a Cloud Pak, as the credentials say or else the Cloud Pak itself; no key is sent."""
    if credentials.version:
        return _parsed(credentials.version)
    for path in _RELEASE_PATHS:
        answer = transport.request("GET", f"{credentials.url.rstrip('/')}{path}")
        if answer.status == HTTPStatus.OK:
            return _parsed(str(answer.document().get("version", "")))
    return None


def _parsed(version: str) -> Release | None:
    # What follows the numbers, a build or a patch, does not count.
    numbers = re.match(r"\d+(\.\d+)+", version)
    return tuple(map(int, numbers[0].split("."))) if numbers else None


def _reason(
    chosen: ClientPackage,
    credentials: CloudCredentials | SoftwareCredentials,
    release: Release | None,
    python: tuple[int, int],
) -> str:
    """Say why this one: the caller's wish, or what keeps those that would come before it."""
    if credentials.client != "auto":
        return "it was asked for"
    passed = [
        f"{one.requirement.partition('>')[0]} {_obstacle(one, credentials, release, python)}"
        for one in CLIENTS[: CLIENTS.index(chosen)]
    ]
    return "; ".join(passed) or "it is the first choice where it can be used"


def _obstacle(
    one: ClientPackage,
    credentials: CloudCredentials | SoftwareCredentials,
    release: Release | None,
    python: tuple[int, int],
) -> str:
    if not one.runs_on(python):
        return "does not exist for this Python"
    return "is not installed" if one.reaches(credentials, release) else "does not reach it"


def _platform(credentials: CloudCredentials | SoftwareCredentials, release: Release | None) -> str:
    if isinstance(credentials, CloudCredentials):
        return credentials.url.removeprefix("https://")
    return f"Cloud Pak for Data {'.'.join(map(str, release))}" if release else "a Cloud Pak for Data"


def _none_fits(
    able: Sequence[ClientPackage], platform: str, python: tuple[int, int], asked: str
) -> ClientNotInstalledError:
    here = f"{platform} from Python {python[0]}.{python[1]}"
    if able:
        return ClientNotInstalledError(
            f"{able[0].requirement} is needed for {here}, and it is not installed.",
            operation="connect",
            next_step=install_command(able[0].extra),
        )
    which = "None of IBM's clients" if asked == "auto" else f"The client {asked!r}, which was asked for, does not"
    knows = " reaches " if asked == "auto" else " reach "
    return ClientNotInstalledError(
        f"{which}{knows}{here}.",
        operation="connect",
        next_step=(
            "Take another Python, or leave the choice of the client to auto: "
            "ibm-watson-machine-learning needs Python 3.10 to 3.12 and reaches Dallas, Frankfurt, London, Tokyo and "
            "Cloud Pak for Data up to 5.0; ibm-watsonx-ai needs Python 3.11 to 3.14 and reaches every region and "
            "Cloud Pak for Data from 5.0."
        ),
    )
