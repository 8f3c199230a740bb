"""A worker's way to the service: opened once a process, with so many requests at a time, patient where it is busy."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from wml_deployer._clients.door import open_scoring
from wml_deployer._scoring.pace import Pace
from wml_deployer.credentials import LocalCredentials, load_credentials
from wml_deployer.errors import CertificateError, RateLimitError, ServerError, TransportError

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Scoring
    from wml_deployer._scoring.options import Batching
    from wml_deployer._scoring.parts import Ask
    from wml_deployer._scoring.source import Source

__all__ = ["ask_from_worker", "pace_of_worker"]

_log = logging.getLogger(__name__)

PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""How long a batch waits to be sent again after the transport gave it up: a service that starts anew takes seconds,
and an engine that fails the partition instead would score all of it again."""


class _Line(NamedTuple):
    client: Scoring
    turns: threading.Semaphore


def ask_from_worker(source: Source, deployment_id: str, batching: Batching) -> Ask:
    """Say how a worker asks for scores.

    Args:
        source: Where it finds its credentials.
        deployment_id: What to score on.
        batching: How many requests all threads of this process together have in flight.

    Returns:
        A function that sends a body and returns the answer. What a busy or absent service did not answer is sent
        again for about a quarter of a minute: scoring changes nothing, so that does no harm.

    Raises:
        CredentialsError: There are none at the source.

    """
    line = _line(source, batching.in_flight)

    def once(body: bytes) -> bytes:
        with line.turns:
            return line.client.score(deployment_id, body)

    def ask(body: bytes) -> bytes:
        for pause in PAUSES_SECONDS:
            try:
                return once(body)
            except (TransportError, ServerError, RateLimitError) as error:
                if isinstance(error, CertificateError):
                    raise
                _log.info("A batch was not answered; once more in about %g s: %s", pause, error)
            # Workers that failed together are not to come back together.
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        return once(body)

    return ask


@lru_cache(maxsize=8)
def pace_of_worker(deployment_id: str, batching: Batching) -> Pace:  # noqa: ARG001 - each has its own
    """What this process learned of the size of requests: a partition is not to begin with cautious ones again.

    Args:
        deployment_id: Whose answers it learns from.
        batching: What bounds the requests.

    """
    return Pace(batching.rows, batching.body_bytes)


_opening = threading.Lock()


def _line(source: Source, in_flight: int) -> _Line:
    with _opening:
        return _opened(source, in_flight)


@lru_cache(maxsize=8)
def _opened(source: Source, in_flight: int) -> _Line:
    local = source.directory is not None
    client = open_scoring(LocalCredentials(directory=source.directory) if local else load_credentials(source.file))
    return _Line(client, threading.Semaphore(in_flight))


def _start_anew() -> None:
    """Leave to the parent, after a fork, the locks that one of its threads may hold."""
    global _opening  # noqa: PLW0603 - the process's own
    _opening = threading.Lock()
    _opened.cache_clear()
    pace_of_worker.cache_clear()


os.register_at_fork(after_in_child=_start_anew)
