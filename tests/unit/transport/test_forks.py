"""A real fork, while other threads are at work: the child is not born with their locks, nor into what they changed."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.unit.clients.test_tokens import login, source, token_of
from wml_deployer._clients.exchange import isolated

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from tests.unit.conftest import ScriptedServer

# Python warns of what is tested here.
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]
SECONDS = 10.0


def comes_true_in_a_child(call: Callable[[], bool]) -> bool:
    """Fork, and tell whether the child finds it true in time; a child that hangs is ended."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if call() else 1)
        except BaseException:  # noqa: BLE001 - nothing of the suite may run on in the child
            os._exit(2)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status == 0
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


def test_a_child_logs_in_while_a_thread_of_its_parent_does(scripted: ScriptedServer) -> None:
    """The lock of the token is free in the child, though the thread that held it is not there."""
    asked, answer = threading.Event(), threading.Event()

    def slowly(connection: ssl.SSLSocket, request: bytes) -> None:
        asked.set()
        answer.wait(SECONDS)
        login(lambda: {"token": token_of(3600)})(connection, request)

    scripted.behaviours = [slowly, login(lambda: {"token": token_of(3600)})]
    tokens = source(scripted)
    thread = threading.Thread(target=tokens.token)
    thread.start()
    asked.wait(SECONDS)
    try:
        assert comes_true_in_a_child(lambda: bool(tokens.token()))
    finally:
        answer.set()
        thread.join()


def test_a_parent_keeps_its_token_across_a_fork(scripted: ScriptedServer) -> None:
    """Forking costs nobody a login."""
    scripted.behaviours = [login(lambda: {"token": token_of(3600)})]
    tokens = source(scripted)
    token = tokens.token()

    assert comes_true_in_a_child(lambda: tokens.token() == token)
    assert (1, token) == (len(scripted.requests), tokens.token())


def test_a_child_is_born_into_the_process_as_it_was() -> None:
    """A thread in IBM's client has changed stdout, log and environment: the fork waits until they are put back."""
    before = sys.stdout, dict(os.environ), logging.getLogger("ibm_watsonx_ai").propagate
    inside = threading.Event()

    def call_a_client() -> None:
        with isolated("ibm_watsonx_ai", {}):
            os.environ["DEPLOYMENT_PLATFORM"] = "private"
            inside.set()
            time.sleep(0.3)

    thread = threading.Thread(target=call_a_client)
    thread.start()
    inside.wait(SECONDS)

    assert comes_true_in_a_child(
        lambda: before == (sys.stdout, dict(os.environ), logging.getLogger("ibm_watsonx_ai").propagate)
    )
    thread.join()


def test_a_child_may_call_a_client_itself() -> None:
    """The lock of the isolation is free in it."""

    def call_a_client() -> bool:
        with isolated("ibm_watsonx_ai", {}):
            return True

    assert comes_true_in_a_child(call_a_client)
