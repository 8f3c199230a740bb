"""Requests whose responses can get lost."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from wml_deployer._transport import idempotency
from wml_deployer._transport.deadline import deadline
from wml_deployer._transport.idempotency import MAX_ATTEMPTS, add_note, send_once, sleep_with_jitter
from wml_deployer.errors import (
    BadRequestError,
    CertificateError,
    DeadlineError,
    InvalidResponseError,
    ServerError,
    TransportError,
    WMLDeployerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LOST = [TransportError, ServerError, InvalidResponseError]
FINAL = [DeadlineError, CertificateError]


class Creation:
    """A request that creates something, and its lost responses.

    Args:
        *errors: The errors that the attempts end with; further attempts succeed.
        works: Whether an attempt creates something although its response is lost.

    """

    def __init__(self, *errors: WMLDeployerError, works: bool = False) -> None:
        self.errors = list(errors)
        self.works = works
        self.created: list[str] = []
        self.attempts = 0

    def send(self) -> str:
        """Create something and return its id, or raise the next error."""
        self.attempts += 1
        if not self.errors:
            return "made by the last attempt"
        if self.works:
            self.created.append("made before")
        raise self.errors.pop(0)

    def find(self) -> str | None:
        """Return the id of what was created, if anything was."""
        return self.created[0] if self.created else None


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record pauses instead of waiting, and take the chance out of them."""
    slept: list[float] = []
    monkeypatch.setattr(idempotency, "pause", slept.append)
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
    return slept


def test_a_response_that_arrives_is_returned(pauses: list[float]) -> None:
    """Nothing is looked up."""
    creation = Creation()

    assert ("made by the last attempt", 1, []) == (send_once(creation.send, pytest.fail), creation.attempts, pauses)


@pytest.mark.parametrize("kind", [*LOST, *FINAL])
def test_a_lost_response_is_looked_up(kind: type[WMLDeployerError], pauses: list[float]) -> None:
    """What was created counts; it is not created again."""
    creation = Creation(kind("lost"), works=True)

    assert ("made before", 1, []) == (send_once(creation.send, creation.find), creation.attempts, pauses)


@pytest.mark.parametrize("kind", LOST)
def test_a_request_that_did_nothing_is_sent_again(kind: type[WMLDeployerError], pauses: list[float]) -> None:
    """The look-up found nothing."""
    creation = Creation(kind("lost"))

    assert ("made by the last attempt", 2, 1) == (
        send_once(creation.send, creation.find),
        creation.attempts,
        len(pauses),
    )


@pytest.mark.parametrize("kind", FINAL)
def test_a_request_that_may_still_be_at_work_is_not_sent_again(
    kind: type[WMLDeployerError], pauses: list[float]
) -> None:
    """After a timeout a second request might create a second thing; an untrusted server stays untrusted."""
    creation = Creation(kind("lost"))

    with pytest.raises(kind):
        send_once(creation.send, creation.find)

    assert (1, []) == (creation.attempts, pauses)


def test_attempts_are_limited(pauses: list[float]) -> None:
    """The last error is raised after as many attempts as stated, with growing pauses between them."""
    creation = Creation(*(TransportError(f"attempt {number}") for number in range(1, 9)))

    with pytest.raises(TransportError, match=f"attempt {MAX_ATTEMPTS}"):
        send_once(creation.send, creation.find)

    assert (MAX_ATTEMPTS, [0.2, 0.4]) == (creation.attempts, pauses)


def test_a_refusal_is_final(pauses: list[float]) -> None:
    """The service said no: nothing is looked up or sent again."""
    creation = Creation(BadRequestError("no"))

    with pytest.raises(BadRequestError):
        send_once(creation.send, pytest.fail)

    assert (1, []) == (creation.attempts, pauses)


def test_an_outcome_that_cannot_be_determined_is_the_first_error() -> None:
    """The failed look-up is its cause."""
    lost, unknown = TransportError("lost"), ServerError("no look-up either")

    def find() -> None:
        raise unknown

    with pytest.raises(TransportError, match="lost") as caught:
        send_once(Creation(lost).send, find)

    assert unknown is caught.value.__cause__


def test_a_pause_grows_and_varies() -> None:
    """Half to one and a half times its length."""
    measured = []
    for attempt in (1, 2):
        start = time.monotonic()
        sleep_with_jitter(attempt)
        measured.append(time.monotonic() - start)

    assert [True, True] == [0.1 <= measured[0] < 0.5, 0.2 <= measured[1] < 0.9]


def test_a_pause_never_goes_beyond_the_deadline() -> None:
    """A tenth of a second is left of a pause of seconds."""
    start = time.monotonic()
    with deadline(0.1), pytest.raises(DeadlineError):
        sleep_with_jitter(50)

    assert time.monotonic() - start < 0.5


def test_no_pause_begins_after_the_deadline() -> None:
    """The call ends there."""
    with deadline(0), pytest.raises(DeadlineError):
        sleep_with_jitter(1)


@pytest.mark.parametrize(
    ("error", "read"),
    [
        (TransportError("lost"), lambda error: error.message),
        (KeyboardInterrupt(), lambda error: f"lost{error}"),
    ],
    ids=["error", "Ctrl-C"],
)
def test_a_note_is_part_of_the_message(error: BaseException, read: Callable[[BaseException], str]) -> None:
    """Also of Ctrl-C, whose message is empty."""
    add_note(error, "A model may be left.")

    assert "lostA model may be left." == read(error).replace("\n", "")
