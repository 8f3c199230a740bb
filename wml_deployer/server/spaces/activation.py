"""How a space becomes active where a test wants that to take a while."""

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
    """Let a space that is being prepared become active."""
    await context.control.pacing.hold(SPACE, space_id)
    with context.store.transaction() as transaction:
        record = transaction.get(SPACE, space_id)
        if record is not None:
            models.activate(context, transaction, record)


def resume(context: Context, records: Iterable[Record]) -> None:
    """Go on with spaces whose preparation the end of the process interrupted."""
    for record in records:
        if record.entity["status"]["state"] == "preparing":
            context.spawn(activate(context, record.id))
