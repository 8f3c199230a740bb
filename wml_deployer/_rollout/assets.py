"""Identify revisions of models: that of a version, that which a deployment serves, and whether it still exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer._rollout.removals import find

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer.metadata import Version

__all__ = ["asset_of", "is_gone", "is_there", "version_served"]


def asset_of(thing: Version | DeploymentRecord) -> tuple[str, str | None]:
    """Return the model and the revision that a version is, or that a deployment serves."""
    return thing.model_id, thing.revision


def version_served(versions: Iterable[Version], record: DeploymentRecord) -> Version | None:
    """Find the version that a deployment serves, the last one where two have the same revision."""
    return next((version for version in reversed([*versions]) if asset_of(version) == asset_of(record)), None)


def is_there(client: Client, version: Version) -> bool:
    """Say whether a version's revision is still on the service."""
    return not is_gone(client, version.model_id, version.revision)


def is_gone(client: Client, model_id: str, revision: str | None) -> bool:
    """Say whether a revision of a model is no longer on the service."""
    return find(lambda: client.model(model_id, revision)) is None
