"""Where tests look behind the public face of the library: each way once, with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer._clients.door import connect
from wml_deployer._clients.protocol import Client
from wml_deployer._clients.records import DeploymentRecord

if TYPE_CHECKING:
    from wml_deployer import Deployer

__all__ = ["Client", "DeploymentRecord", "client_of", "connect", "rewrite_metadata"]


def client_of(deployer: Deployer) -> Client:
    """Return the client that a deployer itself works with: tests interrupt it in the middle of a call."""
    return deployer._project.client


def rewrite_metadata(deployer: Deployer, **changes: Any) -> None:
    """Write into metadata.lock what no call would: what somebody wrote by hand, or checked out from an earlier day."""
    deployer._file.write(deployer.metadata.model_copy(update=changes))
