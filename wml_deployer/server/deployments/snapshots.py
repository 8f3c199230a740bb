"""Snapshots of what a deployment serves, and during a change of what it is to serve.

Both are taken when they are asked for, so that neither a later upload to the model nor a restart changes what a
deployment serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.artifacts import models as artifacts
from wml_deployer.server.storage.records import Content

if TYPE_CHECKING:
    from wml_deployer.server.storage.records import Record
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["PENDING", "SERVING", "activate", "discard", "set_pending"]

SERVING = "serving"
"""The content that answers predictions."""
PENDING = "pending"
"""The content that is to answer them."""


def set_pending(transaction: Transaction, record: Record, asset: dict[str, str]) -> None:
    """Take a snapshot of what the deployment is to serve: an artifact's current state, or a revision."""
    artifact = artifacts.find_any(transaction, asset["id"])
    if artifact is None:
        return
    record.private[PENDING] = artifacts.at_revision(transaction, artifact, asset.get("rev"))["entity"]
    content = transaction.content(artifact, number=int(asset.get("rev", 0)))
    transaction.detach(record, PENDING)
    if content is not None:
        transaction.attach(record, Content(content.blob, PENDING, content.media_type))


def activate(transaction: Transaction, record: Record) -> None:
    """Make the pending snapshot the one that is served, if there is one."""
    pending: Any = record.private.pop(PENDING, None)
    if pending is None:
        return
    record.private[SERVING] = pending
    content = transaction.content(record, slot=PENDING)
    transaction.detach(record, SERVING)
    if content is not None:
        transaction.attach(record, Content(content.blob, SERVING, content.media_type))
    transaction.detach(record, PENDING)


def discard(transaction: Transaction, record: Record) -> None:
    """Discard the pending snapshot."""
    record.private.pop(PENDING, None)
    transaction.detach(record, PENDING)
