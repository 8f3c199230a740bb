"""Versions that served before are verified with what they answered then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from wml_deployer.server.deployments.verification import Answer, Answers, verify
from wml_deployer.server.runtimes import PredictionError
from wml_deployer.server.storage.records import Record

if TYPE_CHECKING:
    from wml_deployer.server.runtimes import WorkerPool


class Pool:
    """A pool whose model answers each request in one way."""

    def __init__(self, response: bytes | None) -> None:
        self.response = response

    async def predict(self, _body: bytes) -> bytes:
        """Answer, or fail."""
        if self.response is None:
            raise PredictionError(400, "no_column", "a column is missing")
        return self.response


def fault(response: bytes | None, kept: bytes) -> str | None:
    return asyncio.run(verify(cast("WorkerPool", Pool(response)), [Answer(b"{}", kept)]))


@pytest.mark.parametrize(
    ("response", "kept"),
    [(b'{"a": [1, null]}', b'{"a":[1,null]}'), (b"[0.30000000000000004]", b"[0.3]")],
    ids=["written otherwise", "rounded otherwise"],
)
def test_the_same_answer_passes(response: bytes, kept: bytes) -> None:
    """Equal values are equal, whatever their bytes."""
    assert None is fault(response, kept)


@pytest.mark.parametrize("response", [b"[0.31]", b"[0.3, 1]", b'["0.3"]', b"[null]", b"{}"])
def test_another_answer_fails(response: bytes) -> None:
    """The fault says which request it is."""
    assert "It answers request 1 of the 1 that it answered before differently now." == fault(response, b"[0.3]")


def test_an_error_fails() -> None:
    """In the words of the model."""
    assert str(fault(None, b"[0.3]")).endswith("answered before: a column is missing")


def deployment(revision: str = "1", state: str = "ready") -> Record:
    entity: dict[str, Any] = {"asset": {"id": "m", "rev": revision}, "status": {"state": state}}
    return Record("deployment", "d", "space", "name", {"metadata": {}, "entity": entity})


def test_the_first_small_requests_are_kept() -> None:
    """Those of the rollout are the first; nothing grows with the traffic."""
    answers = Answers()
    answers.keep(deployment(), Answer(bytes(600_000), b""))
    for number in range(100):
        if answers.wants(deployment()):
            answers.keep(deployment(), Answer(b"%d" % number, b""))

    assert [b"0", b"1", b"2", b"3"] == [each.request for each in answers.of("d", {"id": "m", "rev": "1"})]


def test_versions_that_served_long_ago_are_forgotten() -> None:
    """And so is what a deployment answered that is deleted."""
    answers = Answers()
    for number in range(100):
        answers.keep(deployment(str(number)), Answer(b"", b""))
    kept = [len(answers.of("d", {"id": "m", "rev": str(number)})) for number in (0, 99)]
    answers.forget("d")

    assert ([0, 1], ()) == (kept, answers.of("d", {"id": "m", "rev": "99"}))


def test_nothing_is_kept_during_a_change() -> None:
    """Which version answers is not known then; nor of a model without a revision, which may change."""
    unfrozen = deployment()
    del unfrozen.entity["asset"]["rev"]

    assert [False, False] == [Answers().wants(each) for each in (deployment(state="updating"), unfrozen)]
