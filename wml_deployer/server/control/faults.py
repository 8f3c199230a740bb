"""Faults that tests inject into matching requests."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Any

from wml_deployer.server.errors import InvalidRequestError, wrong_field

__all__ = ["Fault"]


@dataclass
class Fault:
    """A fault, and the requests that it affects.

    Attributes:
        path: Regular expression, searched for in the path.
        method: HTTP method; any if None.
        status: Respond with this status instead of processing the request.
        code: Error code of that response.
        message: Error message of that response.
        headers: Headers of that response.
        drop: Close the connection ``before`` processing the request, ``after`` it, or ``within`` the response body.
        stall: Wait this many seconds first.
        slow: Spread the response body over this many seconds.
        times: Number of requests to affect; all if None.
        skip: Number of matching requests to skip first.

    """

    path: str = ""
    method: str | None = None
    status: int | None = None
    code: str = "injected_fault"
    message: str = "A test asked for this response."
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
            InvalidRequestError: A field is unknown or invalid.

        """
        unknown = sorted(document.keys() - {each.name for each in fields(cls)})
        if unknown:
            raise InvalidRequestError(f"A fault has no field {', '.join(unknown)}.")
        for name, accepted in _ACCEPTED.items():
            if not isinstance(document.get(name, getattr(cls, name, {})), accepted):
                raise wrong_field(name, f"The {name} of a fault has the wrong type.")
        fault = cls(**document)
        fault.headers = {name: str(value) for name, value in fault.headers.items()}
        for name, value in fault.headers.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise wrong_field("headers", f"The header {name!r} of a fault cannot be sent.")
        if fault.status is not None and not 100 <= fault.status <= 599:  # noqa: PLR2004
            raise wrong_field("status", "The status of a fault must be a number from 100 to 599.")
        if fault.drop not in (None, "before", "within", "after"):
            raise wrong_field("drop", "The drop of a fault must be 'before', 'within' or 'after'.")
        try:
            re.compile(fault.path)
        except re.error as error:
            raise wrong_field("path", f"The path of a fault must be a regular expression: {error}.") from error
        return fault

    def matches(self, method: str, path: str) -> bool:
        """Return whether the fault affects this request, and count the request."""
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
