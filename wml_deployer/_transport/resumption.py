"""TLS sessions that new connections go on with: a service proves its certificate once, and not to each of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wml_deployer._transport.deadline import DeadlineSocket

if TYPE_CHECKING:
    import ssl

__all__ = ["ResumingSocket"]

_Host = tuple[str | None, Any]
"""The name that its certificate is checked for, and its address."""

_sessions: dict[_Host, ssl.SSLSession | None] = {}


class ResumingSocket(DeadlineSocket):
    """A TLS socket that goes on with the last session of its host, where the service still knows it."""

    _unread: _Host | None = None
    """The host, until something was read of it."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands, in short where both sides know each other."""
        self._unread = self.server_hostname, self.getpeername()
        if known := _sessions.get(self._unread):
            with suppress(ValueError):  # of another context, which may trust others
                self.session = known
        super().do_handshake(block)

    def recv_into(self, *args: Any, **options: Any) -> int:
        """Read into a buffer."""
        size = super().recv_into(*args, **options)
        if self._unread is not None:  # since TLS 1.3, what a session is gone on with comes after the handshake
            _sessions[self._unread], self._unread = self.session, None
        return size
