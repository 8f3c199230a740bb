"""A clock that runs only while the library waits, and a network that fails when a simulation says so.

What is simulated is what would take time: pauses, deadlines, silent servers. The service, its workers and the
connections are real, so a simulated hour of outages takes a second.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from unittest.mock import patch

from wml_deployer._scoring import lookups, serving
from wml_deployer._transport import deadline
from wml_deployer._transport.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.testing import LocalServer

    Kind = Literal["closed before the work", "closed after the work", "silent", "slow"]

KINDS: tuple[Kind, ...] = ("closed before the work", "closed after the work", "silent", "slow")
SLOW_SECONDS = 20.0
MOST_SECONDS = 10.0
"""How long the service's workers may really take until they are done."""


@dataclass
class Clock:
    """Stands in for the module ``time``.

    Attributes:
        server: The service, whose work is done whenever the library wakes up.
        now: Seconds since the beginning.

    """

    server: LocalServer
    now: float = 0.0

    def monotonic(self) -> float:
        """Return the simulated time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let the time pass, and the service do its work."""
        self.now += seconds
        end = time.monotonic() + MOST_SECONDS
        while self.server._server._context._tasks and time.monotonic() < end:
            time.sleep(0.001)


@dataclass
class Network:
    """Fails at one request, or from one request on.

    Attributes:
        clock: The simulated time.
        at: Number of the request that fails; none does when None.
        kind: How it fails.
        lasts: How many requests fail, beginning with that one.
        failed: What failed so far.

    """

    clock: Clock
    at: int | None = None
    kind: Kind = "silent"
    lasts: int = 1
    count: int = 0
    failed: list[str] = field(default_factory=list)

    def plan(self, at: int | None, kind: Kind = "silent", lasts: int = 1) -> None:
        """Say what fails from here on; nothing does when ``at`` is None."""
        self.at, self.kind, self.lasts, self.count, self.failed = at, kind, lasts, 0, []

    def fails(self, target: str) -> bool:
        """Count a request, and say whether it fails."""
        if self.at is None or target.startswith("/control/"):
            return False
        self.count += 1
        if not self.at <= self.count - 1 < self.at + self.lasts:
            return False
        self.failed.append(f"{self.kind}: {target.partition('?')[0]}")
        return True

    def request(self, connection: Connection, method: str, target: str, *rest: Any) -> Any:
        """Send a request, or fail."""
        fails = self.fails(target)
        if fails and self.kind == "closed before the work":
            raise ConnectionResetError("Connection reset by peer")
        if fails and self.kind == "silent":
            silence, left = rest[-1], deadline.remaining()
            self.clock.now += min(limit for limit in (silence, left, 3600.0) if limit is not None)
            raise TimeoutError("The read operation timed out")
        head = _request(connection, method, target, *rest)
        if fails and self.kind == "closed after the work":
            b"".join(connection.body(1 << 30))
            raise ConnectionResetError("Connection reset by peer")
        if fails:
            self.clock.now += SLOW_SECONDS
        return head


_request = Connection.request


@contextmanager
def simulated(server: LocalServer) -> Iterator[Network]:
    """Let the library live in simulated time, on a network that fails as planned."""
    clock = Clock(server)
    network = Network(clock)

    def request(connection: Connection, method: str, target: str, *rest: Any) -> Any:
        return network.request(connection, method, target, *rest)

    with (
        patch.object(deadline, "time", clock),
        patch.object(lookups, "time", clock),
        patch.object(serving, "time", clock),
        patch.object(Connection, "request", request),
    ):
        yield network
