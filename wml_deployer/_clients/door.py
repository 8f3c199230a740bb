"""The only door to IBM's packages: nothing of theirs leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wml_deployer._clients.choice import choose, release_of
from wml_deployer._clients.direct import DirectCalls
from wml_deployer._clients.machine_learning import MachineLearningClient
from wml_deployer._clients.protocol import Scope
from wml_deployer._clients.tokens import TokenSource
from wml_deployer._install import install_command
from wml_deployer._transport.deadline import remaining
from wml_deployer._transport.pool import CONNECTIONS, PAUSES_SECONDS, Transport
from wml_deployer.credentials import LocalCredentials, SoftwareCredentials
from wml_deployer.errors import ClientNotInstalledError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer._clients.ibm import IBMClient
    from wml_deployer._clients.protocol import Client, Scoring
    from wml_deployer.credentials import CloudCredentials
    from wml_deployer.server import ServerInfo

__all__ = ["connect", "local_service", "open_scoring"]

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
    reached = _reachable(credentials)
    transport = Transport(reached.ca_bundle)
    # The key is looked for before anybody is asked anything.
    tokens = TokenSource(reached, transport)
    return _client_for(reached, transport)(reached, transport, tokens)


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
