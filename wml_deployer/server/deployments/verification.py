"""Verify a version that served before: it has to answer as it did then.

The service is not given the sample as such, but the first requests that a version gets come from its rollout and carry
the caller's sample, so the service keeps a few of them with their answers. They stay in memory and end with the
service: rows are the user's, and are written to no file. For example::

    deploy A          A is sent the sample; request and answer are kept
    update B          B is sent the sample, too
    serve A again     A is loaded beside B, answers the kept requests, and serves if it answers as it did
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer.server.runtimes import LoadError, PredictionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer.server.runtimes import WorkerPool
    from wml_deployer.server.storage.records import Record

__all__ = ["Answer", "Answers", "served_asset", "verify"]

_REQUESTS, _BYTES, _VERSIONS = 4, 512 * 1024, 32
#: Sums of many threads differ in their last digits.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Answer:
    """A request, and what a version answered.

    Attributes:
        request: JSON body of the request.
        response: JSON body of the response.

    """

    request: bytes
    response: bytes


class Answers:
    """The first requests that each version of each deployment answered, as far as they are small."""

    def __init__(self) -> None:
        """Start without requests."""
        self._kept: OrderedDict[tuple[str, str, str], list[Answer]] = OrderedDict()

    def wants(self, record: Record) -> bool:
        """Return whether further requests of the version that a deployment serves are kept."""
        key = _key(record)
        return key is not None and len(self._kept.get(key, ())) < _REQUESTS

    def keep(self, record: Record, answer: Answer) -> None:
        """Keep a request that the version of a deployment answered."""
        key = _key(record)
        if key is None or len(answer.request) + len(answer.response) > _BYTES:
            return
        self._kept.setdefault(key, []).append(answer)
        while len(self._kept) > _VERSIONS:
            self._kept.popitem(last=False)

    def of(self, deployment_id: str, asset: dict[str, Any]) -> Sequence[Answer]:
        """Return what is kept of a version of a deployment, the oldest first."""
        return tuple(self._kept.get((deployment_id, asset["id"], str(asset.get("rev"))), ()))

    def forget(self, deployment_id: str) -> None:
        """Forget a deployment."""
        for key in [key for key in self._kept if key[0] == deployment_id]:
            del self._kept[key]


def served_asset(record: Record) -> dict[str, Any] | None:
    """Return the asset that a deployment serves, if it is a revision and no change is in progress."""
    asset: dict[str, Any] = record.entity["asset"]
    return asset if record.entity["status"]["state"] == "ready" and "rev" in asset else None


async def verify(pool: WorkerPool, answers: Sequence[Answer]) -> str | None:
    """Let a pool answer kept requests again; return what is wrong with its answers, or ``None``."""
    for number, answer in enumerate(answers, start=1):
        place = f"request {number} of the {len(answers)} that it answered before"
        try:
            response = await pool.predict(answer.request)
        except (PredictionError, LoadError) as error:
            return f"It fails at {place}: {error.message}"
        if not _agree(orjson.loads(response), orjson.loads(answer.response)):
            return f"It answers {place} differently now."
    return None


def _agree(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal, numbers but for rounding.

    Example:
        >>> _agree({"values": [["yes", 0.1 + 0.2]]}, {"values": [["yes", 0.3]]}), _agree([1, None], [1, 0])
        (True, False)

    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_agree(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_agree, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return bool(one == other)


def _key(record: Record) -> tuple[str, str, str] | None:
    asset = served_asset(record)
    return None if asset is None else (record.id, asset["id"], str(asset["rev"]))
