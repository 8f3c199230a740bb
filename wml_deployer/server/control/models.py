"""Faults that tests inject, and the log of what was asked."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from wml_deployer.server.errors import InvalidRequestError

__all__ = ["PREFIX", "Control", "Entry", "Fault"]

PREFIX = "/control/v1"
"""Where the control API is; nothing under it is logged or has faults."""

_KEPT = 10_000


@dataclass(frozen=True)
class Entry:
    """One request that was made.

    Attributes:
        method: HTTP method.
        path: Path, without the query.
        query: The query.
        status: Status of the answer; 0 where the connection was dropped instead.
        seconds: How long it took.
        connection: Number of the connection that it came by.

    """

    method: str
    path: str
    query: str
    status: int
    seconds: float
    connection: int

    def document(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


@dataclass
class Fault:
    """What is to happen to requests.

    Attributes:
        path: Regular expression that is searched for in the path.
        method: HTTP method; any when None.
        status: Answer with this status instead of doing the work.
        code: Code of that answer's error.
        message: Text of that answer's error.
        headers: Headers of that answer.
        drop: ``before``: close the connection instead of doing the work; ``after``: do it, then close.
        stall: Wait so many seconds first.
        slow: Spread the answer's body over so many seconds.
        times: How often; always when None.
        skip: Let so many matching requests pass first.

    """

    path: str = ""
    method: str | None = None
    status: int | None = None
    code: str = "injected_fault"
    message: str = "This answer was asked for by a test."
    headers: dict[str, str] = field(default_factory=dict)
    drop: str | None = None
    stall: float = 0.0
    slow: float = 0.0
    times: int | None = 1
    skip: int = 0

    @classmethod
    def parse(cls, document: dict[str, Any]) -> Fault:
        """Read a fault from JSON data.

        Raises:
            InvalidRequestError: It is none.

        """
        unknown = sorted(document.keys() - {each.name for each in fields(cls)})
        if unknown:
            raise InvalidRequestError(f"A fault has no {', '.join(unknown)}.")
        fault = cls(**document)
        if fault.drop not in (None, "before", "after"):
            raise InvalidRequestError("A fault drops the connection 'before' or 'after' the work.")
        try:
            re.compile(fault.path)
        except re.error as error:
            raise InvalidRequestError(f"The fault's path is not a regular expression: {error}.") from error
        return fault

    def meets(self, method: str, path: str) -> bool:
        """Tell whether this request is to have the fault, and count it if so."""
        if self.times == 0 or self.method not in (None, method) or not re.search(self.path, path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Control:
    """What tests asked for, and what they can look at."""

    def __init__(self) -> None:
        """Keep what it works with."""
        self.faults: list[Fault] = []
        self.log: deque[Entry] = deque(maxlen=_KEPT)

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Return the first fault that meets the request."""
        return next((fault for fault in self.faults if fault.meets(method, path)), None)

    def reset(self) -> None:
        """Forget faults and log."""
        self.faults.clear()
        self.log.clear()
