"""Run the contract suite against any service, known by its URL and credentials alone.

The embedded service is controlled by its tests: they inject faults and read its log. No other service offers that, so
tests that ask for the fixture ``server`` are skipped here, and all others log in with what the ``WML_*`` variables say.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.insides import connect
from wml_deployer import load_credentials
from wml_deployer._transport.pool import Transport

if TYPE_CHECKING:
    from wml_deployer import CloudCredentials, SoftwareCredentials

__all__ = ["ENABLED", "PREFIX", "clean_up", "limit_requests", "named_credentials", "refuse_foreign_space"]

ENABLED = bool(os.environ.get("WML_DEPLOYER_ANY_SERVICE"))
"""Whether the service is the one that the ``WML_*`` variables name."""

REQUESTS_PER_SECOND = float(os.environ.get("WML_DEPLOYER_REQUESTS_PER_SECOND", "0"))
"""The most requests per second that all tests of a process send together; 0 for no limit."""

PREFIX = "cancer-"
"""How the names of all test projects begin, and with them those of everything that they make in the space."""

SPACE_NAME = "wml-deployer-tests"
"""A space whose name contains this may hold other things already."""


def named_credentials() -> SoftwareCredentials | CloudCredentials:
    """Return the credentials of the service that the ``WML_*`` variables name."""
    credentials = load_credentials()
    assert credentials.kind != "local", "WML_URL names the embedded service by its folder; give its URL"
    return credentials


def refuse_foreign_space() -> None:
    """End the run unless the space is empty or named for these tests."""
    client = connect(named_credentials())
    name = client.space().name
    deployments = [*client.deployments(), *client.batch_deployments()]
    names = [*(one.name for one in deployments), *(one.name for one in client.models())]
    client.close()
    foreign = [one for one in names if not one.startswith(PREFIX)]
    if foreign and SPACE_NAME not in name:
        pytest.exit(
            f"The space {name} is not empty: it holds {foreign[0]} and {len(foreign) - 1} more. "
            f"Name an empty space, or one whose name contains {SPACE_NAME}.",
            returncode=3,
        )


def clean_up(project: str) -> None:
    """Delete everything in the space whose name begins with that of a project."""
    client = connect(named_credentials())
    for job in client.jobs():
        if job.name.startswith(project):
            client.cancel_job(job.id)
    for deployment in (*client.deployments(), *client.batch_deployments()):
        if deployment.name.startswith(project):
            client.delete_deployment(deployment.id)
    for model in client.models():
        if model.name.startswith(project):
            client.delete_model(model.id)
    client.close()


def limit_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this process below :data:`REQUESTS_PER_SECOND`, as the smallest plan of IBM Cloud demands."""
    if not REQUESTS_PER_SECOND:
        return
    send, turn, next_at = Transport.request, threading.Lock(), [0.0]

    @functools.wraps(send)
    def paced(*arguments: Any, **options: Any) -> Any:
        with turn:
            time.sleep(max(next_at[0] - time.monotonic(), 0.0))
            next_at[0] = time.monotonic() + 1 / REQUESTS_PER_SECOND
        return send(*arguments, **options)

    monkeypatch.setattr(Transport, "request", paced)
