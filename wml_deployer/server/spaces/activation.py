"""Activate spaces in the background, where a test sets a pace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.server.containers import SPACE
from wml_deployer.server.spaces import models

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wml_deployer.server.context import Context
    from wml_deployer.server.storage.records import Record

__all__ = ["activate", "resume"]


async def activate(context: Context, space_id: str) -> None:
    """Activate a space once its pace allows that."""
    await context.control.pacing.hold(SPACE, space_id)
    with context.store.transaction() as transaction:
        record = transaction.get(SPACE, space_id)
        if record is not None:
            models.activate(context, transaction, record)


def resume(context: Context, records: Iterable[Record]) -> None:
    """Resume the activations that the end of the last process interrupted."""
    for record in records:
        if record.entity["status"]["state"] == "preparing":
            context.spawn(activate(context, record.id))
