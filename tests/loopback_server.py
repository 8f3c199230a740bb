"""A server on loopback for tests: it listens within a ``with`` block, each connection in a thread of its own."""

from __future__ import annotations

import threading
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING

from typing_extensions import Self, override

if TYPE_CHECKING:
    from socketserver import BaseRequestHandler

__all__ = ["LoopbackServer"]


class LoopbackServer(ThreadingTCPServer):
    """Listens at once, and serves within a ``with`` block.

    Args:
        handler: What each connection is handed to.

    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, handler: type[BaseRequestHandler]) -> None:
        """Take any free port."""
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_address[1]}"

    @override
    def __enter__(self) -> Self:
        """Start."""
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()
        return self

    @override
    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.shutdown()
        self.server_close()
