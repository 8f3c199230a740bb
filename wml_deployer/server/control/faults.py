"""Faults that tests inject."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Any

from wml_deployer.server.errors import InvalidRequestError, wrong_field

__all__ = ["Fault"]


@dataclass
class Fault:
    """A fault: what happens to matching requests.

    Attributes:
        path: Regular expression that is searched for in the path.
        method: HTTP method; any when None.
        status: Answer with this status instead of doing the work.
        code: Code of that answer's error.
        message: Text of that answer's error.
        headers: Headers of that answer.
        drop: ``before``: close the connection instead of doing the work; ``after``: do it, then close; ``within``: do
            it, and close in the middle of the answer's body.
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
        for name, accepted in _ACCEPTED.items():
            if not isinstance(document.get(name, getattr(cls, name, {})), accepted):
                raise wrong_field(name, f"The {name} of a fault is of another type.")
        fault = cls(**document)
        fault.headers = {name: str(value) for name, value in fault.headers.items()}
        for name, value in fault.headers.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise wrong_field("headers", f"The header {name!r} of a fault cannot be sent.")
        if fault.status is not None and not 100 <= fault.status <= 599:  # noqa: PLR2004
            raise wrong_field("status", "The status of a fault is a number from 100 to 599.")
        if fault.drop not in (None, "before", "within", "after"):
            raise wrong_field(
                "drop", "A fault drops the connection 'before' or 'after' the work, or 'within' the answer."
            )
        try:
            re.compile(fault.path)
        except re.error as error:
            raise wrong_field("path", f"The fault's path is not a regular expression: {error}.") from error
        return fault

    def meets(self, method: str, path: str) -> bool:
        """Tell whether the fault applies to this request, and count it if so."""
        if self.times == 0 or self.method not in (None, method) or not re.search(self.path, path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_ACCEPTED: dict[str, Any] = {
    "path": str,
    "method": (str, type(None)),
    "status": (int, type(None)),
    "code": str,
    "message": str,
    "headers": dict,
    "stall": (int, float),
    "slow": (int, float),
    "times": (int, type(None)),
    "skip": int,
}
