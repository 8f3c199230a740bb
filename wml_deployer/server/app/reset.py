"""Delete the data of a service that is not running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.server.storage.blobs import Blobs
from wml_deployer.server.storage.folder import FolderInUseError
from wml_deployer.server.storage.store import Store

if TYPE_CHECKING:
    from wml_deployer.server.storage.folder import Folder

__all__ = ["reset"]


def reset(folder: Folder) -> int:
    """Remove all data; the key, the certificates, the port and the id of the default space stay.

    Returns:
        How many resources are gone.

    Raises:
        FolderInUseError: A server has the folder.
        StoreFormatError: Another version of the service wrote the folder.

    """
    folder.prepare()
    lock = folder.server_lock()
    try:
        if not lock.take():
            raise FolderInUseError(f"A server has the folder {folder.path}; stop it first.")
        store = Store(folder.database)
        with store.transaction() as transaction:
            removed = transaction.size()
            transaction.clear()
            Blobs(folder.blobs).collect(transaction.digests())
        store.close()
    finally:
        lock.release()
    return removed
