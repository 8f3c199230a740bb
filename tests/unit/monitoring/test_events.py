"""What hooks are told of scoring requests, whatever becomes of these."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import orjson
import pandas as pd
import pytest

from tests.unit.scoring.switching_service import DEPLOYMENT, SwitchingService
from tests.unit.transport.test_transport import drop, reply
from wml_deployer._scoring.options import Batching
from wml_deployer._scoring.serving import Endpoint
from wml_deployer._transport.pool import Transport
from wml_deployer.errors import PayloadTooLargeError, ServerError
from wml_deployer.monitoring import ScoringEvent
from wml_deployer.schema import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.unit.conftest import ScriptedServer
    from wml_deployer.monitoring import Attempt


@pytest.fixture
def service(request: pytest.FixtureRequest) -> SwitchingService:
    """Serve the first of two revisions."""
    return SwitchingService.with_revisions(request.node.name)


def rows(*places: int) -> pd.DataFrame:
    """Rows that are predicted to be of these classes."""
    return pd.DataFrame(
        {"x": [float(place) for place in places]}, index=[f"c{number}" for number in range(len(places))]
    )


def watched(
    service: SwitchingService,
    frame: pd.DataFrame,
    send: Callable[[bytes], bytes] | None = None,
    *,
    batching: Batching | None = None,
) -> list[ScoringEvent]:
    """Score rows, and return what a hook was told, also where that failed."""
    events: list[ScoringEvent] = []
    endpoint = Endpoint(service, DEPLOYMENT)
    endpoint.look_up()

    def ask(body: bytes) -> bytes:
        return send(body) if send else service.score(DEPLOYMENT, body)

    try:
        endpoint.score(frame, batching or Batching(), ask, hooks=[events.append])
    except ServerError:
        assert events
    return events


def outcomes(events: Sequence[ScoringEvent]) -> list[tuple[str, int]]:
    """How each request ended, and how many rows were in it."""
    return [(event.outcome, event.rows) for event in events]


def test_event_has_the_facts_of_its_request(service: SwitchingService) -> None:
    """Deployment, revision, rows and bytes."""
    (event,) = watched(service, rows(0, 1, 1))

    assert (DEPLOYMENT, "d", "9d0e", "1") == (
        event.deployment_id,
        event.deployment_name,
        event.model_id,
        event.revision,
    )
    assert (3, len(service.bodies[0])) == (event.rows, event.request_bytes)
    assert event.response_bytes > 0 < event.seconds


def test_each_request_of_a_call_is_an_event_in_the_order_of_the_rows(service: SwitchingService) -> None:
    """Also where several are in flight."""
    events = watched(service, rows(*[0, 1] * 10), batching=Batching(rows=3, in_flight=4))

    found = [label for event in events for label in event.scores().index]  # type: ignore[union-attr]
    assert [3] * 6 + [2] == [event.rows for event in events]
    assert [f"c{number}" for number in range(20)] == found


def test_chunks_are_told_as_they_are_scored(service: SwitchingService) -> None:
    """What an iterator has not reached yet is not told."""
    events: list[ScoringEvent] = []
    endpoint = Endpoint(service, DEPLOYMENT)
    chunks = iter([rows(0), rows(1, 1), rows(0, 0, 0)])
    scored = endpoint.score_chunks(
        chunks, Batching(in_flight=1), lambda body: service.score(DEPLOYMENT, body), hooks=[events.append]
    )
    next(scored)

    assert [1] == [event.rows for event in events]


def test_scores_and_payload_are_those_of_the_request(service: SwitchingService) -> None:
    """On the caller's index."""
    (event,) = watched(service, rows(0, 1))
    payload, scores = event.payload(), event.scores()

    assert payload is not None
    assert scores is not None
    pd.testing.assert_frame_equal(rows(0, 1), payload)
    assert ["buy", "stay"] == scores["prediction"].tolist()


def test_hook_cannot_change_scores(service: SwitchingService) -> None:
    """It has a copy."""
    endpoint = Endpoint(service, DEPLOYMENT)

    def spoil(event: ScoringEvent) -> None:
        scores = event.scores()
        assert scores is not None
        scores.loc[:, "prediction"] = "spoilt"

    scores = endpoint.score(rows(0), Batching(), lambda body: service.score(DEPLOYMENT, body), hooks=[spoil])

    assert ["buy"] == scores["prediction"].tolist()


def test_failure_is_told_with_its_error(service: SwitchingService) -> None:
    """Before it is raised."""

    def fail(_: bytes) -> bytes:
        raise ServerError("500", status=500)

    (event,) = watched(service, rows(0), fail)

    assert ("failed", 500, None) == (event.outcome, event.error and event.error.status, event.scores())


def test_request_that_is_too_large_and_its_halves_are_events(service: SwitchingService) -> None:
    """Three requests were sent, and one of them failed."""

    def limited(body: bytes) -> bytes:
        if len(orjson.loads(body)["input_data"][0]["values"]) > 2:
            raise PayloadTooLargeError("413", status=413)
        return service.score(DEPLOYMENT, body)

    assert [("failed", 4), ("scored", 2), ("scored", 2)] == outcomes(watched(service, rows(0, 1, 0, 1), limited))


def test_answer_of_another_version_is_outdated_and_scored_again(service: SwitchingService) -> None:
    """Scores that were read with other classes reach no hook."""
    service.before = lambda: None if service.bodies else service.switch("2")
    before, after = watched(service, rows(1))

    assert (("outdated", None), ("scored", "2")) == ((before.outcome, before.scores()), (after.outcome, after.revision))
    assert ["leave"] == after.scores()["prediction"].tolist()  # type: ignore[index]


def test_hook_that_raises_costs_no_scores(service: SwitchingService, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the next hook is told."""
    events: list[ScoringEvent] = []

    def broken(_: ScoringEvent) -> None:
        raise ValueError("broken")

    with caplog.at_level(logging.ERROR, "wml_deployer"):
        scores = Endpoint(service, DEPLOYMENT).score(
            rows(1), Batching(), lambda body: service.score(DEPLOYMENT, body), hooks=[broken, events.append]
        )

    assert (1, 1) == (len(scores), len(events))
    assert ["A scoring hook failed: function"] == [record.getMessage() for record in caplog.records]


def test_repr_shows_neither_rows_nor_scores(service: SwitchingService) -> None:
    """Events end up in logs."""
    (event,) = watched(service, pd.DataFrame({"x": [1.0]}, index=["Ada Lovelace"]))

    assert not [word for word in ("Ada", "stay", "input_data") if word in repr(event)]


def test_every_attempt_is_recorded(scripted: ScriptedServer) -> None:
    """What was refused, what was dropped and what was answered."""
    scripted.behaviours = [reply("503 Busy"), drop, reply()]
    attempts: list[Attempt] = []

    Transport(scripted.ca, pauses=(0.0, 0.0)).request(
        "POST", f"{scripted.url}/score", body=b"{}", repeatable=True, attempts=attempts
    )

    assert [(503, None), (None, "TransportError"), (200, None)] == [(each.status, each.error) for each in attempts]


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("int64", [1, None], "Int64"),
        ("int64", [1, 2], "int64"),
        ("float32", [None, None], "float64"),
        ("bool", [True, None], "boolean"),
        ("datetime64[ns]", ["2026-01-31T00:00:00", None], "datetime64[ns]"),
        ("datetime64[ns, Europe/Berlin]", ["2026-01-31T00:00:00+01:00"], "datetime64[ns, UTC]"),
        ("int64", ["a text"], "object"),
        ("object", ["a text", None], "object"),
    ],
)
def test_payload_has_the_dtypes_of_the_model(dtype: str, values: list[object], expected: str) -> None:
    """As far as the values allow."""
    body = orjson.dumps({"input_data": [{"fields": ["x"], "values": [[value] for value in values]}]})
    event = ScoringEvent("3f2c", "d", "", "v1", "9d0e", "1", rows=len(values), _body=body, _fields=(Field("x", dtype),))

    payload = event.payload()

    assert payload is not None
    assert expected == str(payload["x"].dtype).replace("str", "object")


def test_document_that_is_not_a_table_has_no_payload() -> None:
    """Functions take what their authors like."""
    body = orjson.dumps({"input_data": [{"values": ["a text"]}]})

    assert ScoringEvent("3f2c", "d", "", "v1", "9d0e", "1", rows=1, _body=body).payload() is None
