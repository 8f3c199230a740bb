"""What a deployment holds: the content that it serves, and during a change the one that it wants to.

Both are frozen when they are asked for, so that neither a later upload to the model nor a restart changes what a
deployment serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.artifacts import models as artifacts
from wml_deployer.server.records import Content

if TYPE_CHECKING:
    from wml_deployer.server.records import Record
    from wml_deployer.server.transaction import Transaction

__all__ = ["SERVING", "WANTED", "drop", "promote", "want"]

SERVING = "serving"
"""The content that answers predictions."""
WANTED = "wanted"
"""The content that is to answer them."""


def want(transaction: Transaction, record: Record, asset: dict[str, str]) -> None:
    """Freeze what the deployment is to serve: an artifact as it is now, or one of its revisions."""
    artifact = artifacts.find_any(transaction, asset["id"])
    if artifact is None:
        return
    record.private[WANTED] = artifacts.at_revision(transaction, artifact, asset.get("rev"))["entity"]
    content = transaction.content(artifact, number=int(asset.get("rev", 0)))
    transaction.detach(record, WANTED)
    if content is not None:
        transaction.attach(record, Content(content.blob, WANTED, content.media_type))


def promote(transaction: Transaction, record: Record) -> None:
    """Let the deployment serve what it wanted to, if there was something."""
    wanted: Any = record.private.pop(WANTED, None)
    if wanted is None:
        return
    record.private[SERVING] = wanted
    content = transaction.content(record, slot=WANTED)
    transaction.detach(record, SERVING)
    if content is not None:
        transaction.attach(record, Content(content.blob, SERVING, content.media_type))
    transaction.detach(record, WANTED)


def drop(transaction: Transaction, record: Record) -> None:
    """Let the deployment go on with what it serves."""
    record.private.pop(WANTED, None)
    transaction.detach(record, WANTED)
