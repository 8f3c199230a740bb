"""Assets over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.server.artifacts import models as artifacts
from wml_deployer.server.containers import container_of
from wml_deployer.server.errors import NotFoundError
from wml_deployer.server.routing import Answer

if TYPE_CHECKING:
    from wml_deployer.server.routing import Call

__all__ = ["delete"]


def delete(call: Call) -> Answer:
    """Delete an asset; this is how clients delete models and functions."""
    container = container_of(call)
    artifact = artifacts.find_any(call.transaction, call.path["asset_id"])
    if artifact is None or artifact.container != container.id:
        raise NotFoundError(f"The asset with id '{call.path['asset_id']}' does not exist.", code="asset_does_not_exist")
    artifacts.delete(call.transaction, artifact)
    return Answer(204)
