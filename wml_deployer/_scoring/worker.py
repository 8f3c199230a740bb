"""A worker's way to the service: opened once a process, with so many requests at a time, patient where it is busy."""

from __future__ import annotations

import os
import threading
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from wml_deployer._clients.door import open_scoring
from wml_deployer._scoring.pace import Pace
from wml_deployer._scoring.serving import Endpoint
from wml_deployer._transport.deadline import hold
from wml_deployer.credentials import LocalCredentials, load_credentials

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Scoring
    from wml_deployer._scoring.batches import Send
    from wml_deployer._scoring.options import Batching
    from wml_deployer.credentials._location import Source
    from wml_deployer.credentials import Credentials

__all__ = ["ask_from_worker", "endpoint_of_worker", "pace_of_worker"]

PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""Pauses before a batch is sent again. A service that restarts takes seconds, and an engine whose partition fails
scores all of it again."""


def ask_from_worker(source: Source, deployment_id: str, batching: Batching) -> Send:
    """Return the function by which a worker asks for scores.

    Args:
        source: Where it finds its credentials.
        deployment_id: What to score on.
        batching: How many requests all threads of this process together have at the same time.

    Returns:
        A function that sends a body and returns the response. What a busy or absent service did not answer is sent
        again, up to five times in about a quarter of a minute: scoring changes nothing, so that does no harm.

    Raises:
        CredentialsError: There are none at the source.

    """
    with hold(_opening):
        client = _scoring_client(source, batching.in_flight)
    return partial(client.score, deployment_id)


@lru_cache(maxsize=8)
def pace_of_worker(deployment_id: str, batching: Batching) -> Pace:  # noqa: ARG001 - each has its own
    """What this process learned of the size of requests: a partition is not to begin with cautious ones again.

    Args:
        deployment_id: Whose answers it learns from.
        batching: What bounds the requests.

    """
    return Pace(batching.rows, batching.body_bytes)


@lru_cache(maxsize=8)
def endpoint_of_worker(source: Source, deployment_id: str) -> Endpoint:
    """Return what this process knows of a deployment, which it looks up on a connection beside those that score.

    Args:
        source: Where it finds its credentials.
        deployment_id: What to score on.

    Raises:
        CredentialsError: There are none at the source.

    """
    return Endpoint(open_scoring(_credentials(source), 1, space_id=source.space_id), deployment_id)


_opening = threading.Lock()


@lru_cache(maxsize=8)
def _scoring_client(source: Source, in_flight: int) -> Scoring:
    return open_scoring(_credentials(source), in_flight, PAUSES_SECONDS)


def _credentials(source: Source) -> Credentials:
    return (
        LocalCredentials(directory=source.directory) if source.directory is not None else load_credentials(source.file)
    )


def _start_anew() -> None:
    """Leave to the parent, after a fork, the locks that one of its threads may hold."""
    global _opening  # noqa: PLW0603 - the process's own
    _opening = threading.Lock()
    _scoring_client.cache_clear()
    endpoint_of_worker.cache_clear()
    pace_of_worker.cache_clear()


os.register_at_fork(after_in_child=_start_anew)
