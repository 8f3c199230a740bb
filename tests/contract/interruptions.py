"""Interrupt a call at any request or file write, in this process: as Ctrl-C does, or as the end of the process does."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from wml_deployer._transport.pool import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WRITES = frozenset({"open", "os.rename", "os.remove", "os.mkdir"})


class Killed(BaseException):
    """What a dying process would not live to see."""


@dataclass
class Interruption:
    """Count what a call does, and end it at one of it.

    Attributes:
        folder: Where file writes count.
        at: The event that ends the call; none does when None.
        dies: Whether nothing can be done after that, as in a process that was killed; otherwise it is Ctrl-C, and the
            call may clean up.
        events: What was done so far.

    """

    folder: Path
    at: int | None
    dies: bool = True
    events: list[str] = field(default_factory=list)

    @property
    def happened(self) -> bool:
        """Whether the call was ended."""
        return self.at is not None and len(self.events) > self.at

    def event(self, what: str) -> None:
        """Note an event; end the call where it is its turn."""
        if self.happened and self.dies:
            raise Killed(what)
        if what in self.events[-2:]:
            return  # one more look at a deployment that is at work: how many there are depends on the time
        self.events.append(what)
        if len(self.events) - 1 == self.at:
            raise Killed(what) if self.dies else KeyboardInterrupt


_active: list[Interruption] = []
_installed: list[bool] = []


@contextmanager
def interruption(folder: Path, at: int | None, *, dies: bool = True) -> Iterator[Interruption]:
    """End the block at one of its requests or of its file writes in a folder."""
    found = Interruption(folder, at, dies)
    if not _installed:
        _installed.append(True)  # an audit hook stays for good
        sys.addaudithook(_audit)
    with requests_watched(found.event, answers=True):
        _active.append(found)
        try:
            yield found
        finally:
            _active.pop()


@contextmanager
def requests_watched(note: Callable[[str], None], *, answers: bool = False) -> Iterator[None]:
    """Call a function before each request of the block, and if asked after each answer; not for its own requests."""
    send, noting = Transport._send, [False]

    def call(what: str) -> None:
        if not noting[0]:
            noting[0] = True
            try:
                note(what)
            finally:
                noting[0] = False

    def watched(transport: Transport, exchange: Any) -> Any:
        request = f"{exchange.method} /{exchange.url.split('?', maxsplit=1)[0].split('/', 3)[3]}"
        call(f"before {request}" if answers else request)
        answer = send(transport, exchange)
        if answers:
            call(f"after {request}")
        return answer

    with patch.object(Transport, "_send", watched):
        yield


def _audit(name: str, arguments: tuple[Any, ...]) -> None:
    if not _active or name not in _WRITES or not isinstance(arguments[0], str | Path):
        return
    path, folder = os.fspath(arguments[0]), str(_active[-1].folder)
    reading = name == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if path.startswith(folder) and not reading and not path.endswith(".lock"):
        _active[-1].event(f"{name} {path.removeprefix(folder)}")
