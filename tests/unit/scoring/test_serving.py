"""Which version's columns and classes an answer is read with, whatever happens between a request and its answer."""

from __future__ import annotations

import threading
import time

import orjson
import pandas as pd
import pytest

from tests.unit.scoring.switching_service import BUY_LEAVE, BUY_STAY, DEPLOYMENT, SwitchingService
from wml_deployer._clients.deployments import changing
from wml_deployer._scoring import lookups, serving
from wml_deployer._scoring.lookups import Revision
from wml_deployer._scoring.options import Batching
from wml_deployer._scoring.serving import Endpoint
from wml_deployer._transport.deadline import deadline
from wml_deployer.errors import ConflictError, DeadlineError, InvalidResponseError, TransportError
from wml_deployer.payload._labels import ClassNames, Verdict
from wml_deployer.schema import Field, Schema


@pytest.fixture
def service(request: pytest.FixtureRequest) -> SwitchingService:
    """Serve the first of three revisions."""
    service = SwitchingService.with_revisions(request.node.name)
    service.store("3", ("buy", "leave", "stay"))
    return service


@pytest.fixture
def endpoint(service: SwitchingService) -> Endpoint:
    """Look at it once."""
    endpoint = Endpoint(service, DEPLOYMENT)
    endpoint.look_up()
    return endpoint


def rows(*places: int) -> pd.DataFrame:
    """Rows that are predicted to be of these classes."""
    return pd.DataFrame({"x": [float(place) for place in places]})


def columns(endpoint: Endpoint, *places: int) -> list[str]:
    """Score such rows, and return what the columns are called."""
    service = endpoint.client
    scores = endpoint.score(rows(*places), Batching(), lambda body: service.score(DEPLOYMENT, body))
    return list(scores.columns)


def test_what_was_just_looked_up_is_trusted(service: SwitchingService, endpoint: Endpoint) -> None:
    """A score is one request."""
    columns(endpoint, 0, 1)

    assert (1, 1) == (service.looks, len(service.bodies))


def test_a_foreign_label_is_looked_up(service: SwitchingService, endpoint: Endpoint) -> None:
    """Somebody else's version is read with its own classes."""
    service.switch("2")

    assert ["prediction", "probability_buy", "probability_leave"] == columns(endpoint, 0, 1)


def test_another_number_of_probabilities_is_looked_up(service: SwitchingService, endpoint: Endpoint) -> None:
    """Nothing is numbered that has names."""
    service.switch("3")

    assert ["prediction", "probability_buy", "probability_leave", "probability_stay"] == columns(endpoint, 0)


def test_a_label_in_another_place_is_looked_up(service: SwitchingService, endpoint: Endpoint) -> None:
    """The label is known, and stands where another class is the most probable one."""
    service.store("4", ("leave", "buy"))
    service.switch("4")

    assert ["prediction", "probability_leave", "probability_buy"] == columns(endpoint, 1)


def test_a_switch_before_the_answer_is_noticed(service: SwitchingService, endpoint: Endpoint) -> None:
    """Both versions could have answered so: the look after the answer tells which one did."""
    endpoint.learn_revision(("9d0e", "2"), Revision("v2", Schema((Field("x", "float64"),), BUY_LEAVE)))
    service.before = lambda: service.switch("2") if not service.bodies else None

    assert ["prediction", "probability_buy", "probability_leave"] == columns(endpoint, 0)


def test_a_switch_after_the_answer_names_nothing_wrongly(service: SwitchingService, endpoint: Endpoint) -> None:
    """What was answered before the switch is scored again, and read with what serves now."""
    endpoint.learn_revision(("9d0e", "2"), Revision("v2", Schema((Field("x", "float64"),), BUY_LEAVE)))
    service.after = lambda: service.switch("2") if len(service.bodies) == 1 else None
    found = columns(endpoint, 0)

    assert (found, 2) == (["prediction", "probability_buy", "probability_leave"], len(service.bodies))


def test_there_and_back_between_two_looks_is_noticed(service: SwitchingService, endpoint: Endpoint) -> None:
    """The same revision serves as before, and was changed since: it need not have given the answer."""
    endpoint.learn_revision(("9d0e", "2"), Revision("v2", Schema((Field("x", "float64"),), BUY_LEAVE)))

    def back() -> None:
        if len(service.bodies) == 1:
            service.switch("1")

    service.before = lambda: service.switch("2") if not service.bodies else None
    service.after = back
    found = columns(endpoint, 0)

    assert (found, 2) == (["prediction", "probability_buy", "probability_stay"], len(service.bodies))


@pytest.mark.parametrize(("places", "looks"), [((0,), 2), ((0, 1), 1)], ids=["one label", "every label"])
def test_labels_of_two_known_versions_are_looked_up(
    service: SwitchingService, endpoint: Endpoint, places: tuple[int, ...], looks: int
) -> None:
    """Where a label is there that only one of them has, nothing has to be looked up."""
    endpoint.learn_revision(("9d0e", "2"), Revision("v2", Schema((Field("x", "float64"),), BUY_LEAVE)))
    columns(endpoint, *places)

    assert (looks, 1) == (service.looks, len(service.bodies))


def test_an_update_that_is_not_through_is_waited_for(service: SwitchingService, endpoint: Endpoint) -> None:
    """Until then the version before answers, or the new one: the label that tells them apart is not there."""
    endpoint.learn_revision(("9d0e", "2"), Revision("v2", Schema((Field("x", "float64"),), BUY_LEAVE)))
    service.switch("2", through=False)
    service.after = lambda: service.arrive() if len(service.bodies) == 1 else None

    assert ["prediction", "probability_buy", "probability_leave"] == columns(endpoint, 0)


def test_an_update_that_is_not_through_holds_nothing_up_that_is_plain(
    service: SwitchingService, endpoint: Endpoint
) -> None:
    """The labels say that the version before answered."""
    endpoint.learn_revision(("9d0e", "2"), Revision("v2", Schema((Field("x", "float64"),), BUY_LEAVE)))
    service.switch("2", through=False)

    assert ["prediction", "probability_buy", "probability_stay"] == columns(endpoint, 0, 1)


def test_an_update_that_was_seen_before_holds_nothing_up_that_is_plain(
    service: SwitchingService, endpoint: Endpoint
) -> None:
    """The rows are encoded for the version before, which is known to answer until then."""
    service.switch("2", through=False)
    endpoint.look_up()

    with deadline(2):
        assert ["prediction", "probability_buy", "probability_stay"] == columns(endpoint, 0, 1)
    assert 1 == len(service.bodies)


def test_an_update_to_another_order_of_columns_is_waited_for(
    service: SwitchingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The labels do not tell which order the values were taken in."""
    monkeypatch.setattr(lookups, "TRUST_SECONDS", 0.0)
    monkeypatch.setattr(lookups, "LOOK_AGAIN_SECONDS", 0.0)
    service.store("1", BUY_STAY, ("x", "y"))
    service.store("4", BUY_STAY, ("y", "x"))
    endpoint = Endpoint(service, DEPLOYMENT)
    endpoint.look_up()
    service.switch("4", through=False)
    service.after = lambda: service.arrive() if len(service.bodies) == 1 else None
    two = pd.DataFrame({"x": [0.0], "y": [1.0]})
    endpoint.score(two, Batching(), lambda body: service.score(DEPLOYMENT, body))
    sent = [orjson.loads(body)["input_data"][0]["fields"] for body in service.bodies]

    assert [["x", "y"], ["y", "x"]] == sent


def test_what_others_looked_up_is_enough_to_send_rows(service: SwitchingService) -> None:
    """A new handle does not ask again before its first request."""
    endpoint = Endpoint(service, DEPLOYMENT)
    endpoint.learn_revision(("9d0e", "1"), Revision("v1", Schema((Field("x", "float64"),), BUY_STAY)))
    endpoint.add_record(service.deployment(DEPLOYMENT))
    looks = service.looks

    assert ("1", looks) == (endpoint.current(settled=False).record.revision, service.looks)


def test_an_older_look_that_comes_late_changes_nothing(
    service: SwitchingService, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers may overtake each other."""
    asked, late, look = threading.Event(), threading.Event(), service.deployment

    def slow(deployment_id: str) -> object:
        record = look(deployment_id)
        asked.set()
        late.wait(10)
        return record

    monkeypatch.setattr(service, "deployment", slow)
    older = threading.Thread(target=endpoint.look_up)
    older.start()
    asked.wait(10)
    monkeypatch.setattr(service, "deployment", look)
    service.switch("2")
    endpoint.look_up()
    late.set()
    older.join()
    known = endpoint.latest()

    assert known is not None
    assert "2" == known.record.revision


def test_one_look_at_a_time_goes_out_beside_requests(
    service: SwitchingService, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many threads score."""
    monkeypatch.setattr(lookups, "LOOK_AGAIN_SECONDS", 0.0)
    over, asked = threading.Event(), list[str]()

    def stalled(deployment_id: str) -> bool:
        asked.append(deployment_id)
        return over.wait(10)

    monkeypatch.setattr(service, "deployment", stalled)
    for _ in range(3):
        endpoint.look_up_in_background()
    time.sleep(0.1)
    over.set()

    assert [DEPLOYMENT] == asked


def test_the_wait_for_an_update_ends_with_the_call(service: SwitchingService, endpoint: Endpoint) -> None:
    """The message says what is waited for."""
    endpoint.learn_revision(("9d0e", "2"), Revision("v2", Schema((Field("x", "float64"),), BUY_LEAVE)))
    service.switch("2", through=False)
    with changing(DEPLOYMENT):
        pass

    with deadline(0.2), pytest.raises(DeadlineError, match="still updating"):
        columns(endpoint, 0)


def test_an_old_look_is_looked_up_beside_the_request(
    service: SwitchingService, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change by others is seen although no label speaks of it."""
    monkeypatch.setattr(lookups, "TRUST_SECONDS", 0.0)
    monkeypatch.setattr(lookups, "LOOK_AGAIN_SECONDS", 0.0)
    service.switch("2")

    assert ["prediction", "probability_buy", "probability_leave"] == columns(endpoint, 0)


def test_an_own_change_counts_at_once(service: SwitchingService, endpoint: Endpoint) -> None:
    """No row is sent before it is known what serves."""
    with changing(DEPLOYMENT):
        service.switch("2")
    found = columns(endpoint, 0)

    assert (found, 1) == (["prediction", "probability_buy", "probability_leave"], len(service.bodies))


def test_a_model_whose_label_is_not_the_most_probable_is_believed(
    service: SwitchingService, endpoint: Endpoint
) -> None:
    """With a threshold of its own, say: the look says that nothing else served."""

    def thresholded(body: bytes) -> bytes:
        return service.score(DEPLOYMENT, body).replace(b'"stay"', b'"buy"')

    scores = [endpoint.score(rows(1), Batching(), thresholded) for _ in range(2)]

    assert (["prediction", "probability_buy", "probability_stay"], 2) == (list(scores[1].columns), service.looks)


def test_labels_that_nothing_explains_are_an_error(service: SwitchingService, endpoint: Endpoint) -> None:
    """Its columns could be anybody's."""

    def strange(body: bytes) -> bytes:
        return service.score(DEPLOYMENT, body).replace(b'"stay"', b'"away"')

    with pytest.raises(InvalidResponseError, match="'buy', 'stay'"):
        endpoint.score(rows(1), Batching(), strange)


def test_a_revision_whose_classes_nobody_tells_is_an_error(service: SwitchingService, endpoint: Endpoint) -> None:
    """What to do is said."""
    service.store("4", BUY_LEAVE, tells=False)
    service.switch("4")

    with pytest.raises(ConflictError, match=r"recover\(\)"):
        columns(endpoint, 1)


def test_where_no_classes_were_ever_known_probabilities_are_numbered(request: pytest.FixtureRequest) -> None:
    """A deployment that another program made is scored on as it is."""
    service = SwitchingService()
    service.url = f"https://{request.node.name}"
    service.store("1", BUY_STAY, tells=False)
    service.switch("1")

    assert ["prediction", "probability_0", "probability_1"] == columns(Endpoint(service, DEPLOYMENT), 0)


@pytest.mark.parametrize("revision", ["1", "5"], ids=["classifier", "regressor"])
def test_a_look_that_fails_fails_what_has_names(
    service: SwitchingService, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    """Numbers of a regressor cannot be named wrongly."""
    service.store("5", ())
    service.switch(revision)
    endpoint.look_up()
    monkeypatch.setattr(lookups, "TRUST_SECONDS", 0.0)
    service.failure = TransportError("no answer")

    if revision == "1":
        with pytest.raises(TransportError):
            columns(endpoint, 0)
    else:
        assert ["prediction"] == columns(endpoint, 0)


def test_numbers_do_not_wait_long_for_a_look_that_stalls(
    service: SwitchingService, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there for the next call, or fails."""
    service.store("5", ())
    service.switch("5")
    endpoint.look_up()
    monkeypatch.setattr(lookups, "TRUST_SECONDS", 0.0)
    monkeypatch.setattr(lookups, "LOOK_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(serving, "PATIENCE_SECONDS", 0.05)
    over = threading.Event()
    monkeypatch.setattr(service, "deployment", lambda _: over.wait(20))
    begin = time.monotonic()
    try:
        found = columns(endpoint, 0)
    finally:
        over.set()

    assert (["prediction"], True) == (found, time.monotonic() - begin < 10)


def test_rows_are_sent_in_the_order_of_what_serves(service: SwitchingService, endpoint: Endpoint) -> None:
    """What the service refuses is encoded anew for the version that serves now."""
    service.store("4", BUY_STAY, ("y", "x"))
    two = pd.DataFrame({"x": [0.0], "y": [1.0]})

    def ask(body: bytes) -> bytes:
        return service.score(DEPLOYMENT, body)

    endpoint.learn_revision(("9d0e", "1"), Revision("v1", Schema((Field("x", "float64"), Field("y", "float64")))))
    service.switch("1")
    endpoint.look_up()
    service.switch("4")
    scores = endpoint.score(two, Batching(), ask)

    assert ("stay", ["y", "x"]) == (
        scores["prediction"][0],
        orjson.loads(service.bodies[-1])["input_data"][0]["fields"],
    )


def test_chunks_are_read_with_what_scored_them(service: SwitchingService, endpoint: Endpoint) -> None:
    """None is lost that was read ahead when the switch was noticed, and none is there twice."""
    service.before = lambda: service.switch("2") if len(service.bodies) == 2 else None
    chunks = iter([rows(0, 1) for _ in range(5)])
    found = [
        [*scores.columns][-1]
        for scores in endpoint.score_chunks(chunks, Batching(in_flight=1), lambda body: service.score(DEPLOYMENT, body))
    ]

    assert ["probability_stay"] * 2 + ["probability_leave"] * 3 == found


def test_a_deployment_that_never_rests_is_an_error(
    service: SwitchingService, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are not scored for ever."""
    monkeypatch.setattr(serving, "UNSTEADY_SECONDS", 0.1)
    service.before = lambda: service.switch("2" if len(service.bodies) % 2 else "3")

    with pytest.raises(ConflictError, match="again and again"):
        columns(endpoint, 0)


@pytest.mark.parametrize(
    ("label", "classes", "expected"),
    [
        ("a", ("a", "b"), Verdict.AGREES),
        ("b", ("a", "b"), Verdict.LESS_PROBABLE),
        ("c", ("a", "b"), Verdict.FOREIGN),
        (1, (1.0, 2.0), Verdict.AGREES),
        (True, (True, False), Verdict.AGREES),
        ([1, 0], ("a", "b"), Verdict.AGREES),
        ("a", ("a", "b", "c"), Verdict.OTHER_COUNT),
        ("a", (), Verdict.UNNAMED),
    ],
)
@pytest.mark.parametrize("count", [1, 8, 9, 100])
def test_scores_and_classes_are_compared(
    label: object, classes: tuple[str, ...], expected: Verdict, count: int
) -> None:
    """Numbers are compared as numbers; lists are no labels."""
    names = [f"probability_{name}" for name in (classes if len(classes) == 2 else range(2))]
    scores = pd.DataFrame([[label, 0.75, 0.25]] * count, columns=["prediction", *names])

    assert expected == ClassNames(classes).judge(scores)


@pytest.mark.parametrize("count", [1, 100])
@pytest.mark.parametrize(("label", "expected"), [("b", Verdict.AGREES), ("c", Verdict.FOREIGN)])
def test_rows_without_scores_agree_with_everything(count: int, label: str, expected: Verdict) -> None:
    """They are what is left of a batch that failed."""
    scores = pd.DataFrame({"prediction": [label, None], "probability_a": [0.1, None], "probability_b": [0.9, None]})

    assert expected == ClassNames(("a", "b")).judge(pd.concat([scores] * count))


def test_more_probabilities_than_classes_are_noticed_although_the_names_are_there() -> None:
    """Classes that are called 0 and 1 are called like places."""
    scores = pd.DataFrame({"prediction": [0], **{f"probability_{place}": [1 / 3] for place in range(3)}})

    assert Verdict.OTHER_COUNT == ClassNames((0, 1)).judge(scores)


def test_names_that_a_runtime_gives_itself_are_left_alone() -> None:
    """ONNX answers a mapping for each row: it says whose each probability is."""
    scores = pd.DataFrame({"prediction": ["a"], "probability_a": [0.75], "probability_z": [0.25]})

    assert Verdict.UNNAMED == ClassNames(("a", "b")).judge(scores)


@pytest.mark.parametrize("scores", [{"prediction_0": [1]}, {"prediction": [[1, 0]]}], ids=["columns", "lists"])
def test_predictions_of_several_outputs_could_be_of_any_classes(scores: dict[str, object]) -> None:
    """Nothing in them tells one version from another."""
    assert ClassNames(("a", "b")).could_have_given(pd.DataFrame(scores))


def test_a_look_from_before_the_answer_does_not_tell_who_gave_it(
    service: SwitchingService, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look beside the request was answered before the switch."""
    monkeypatch.setattr(lookups, "LOOK_AGAIN_SECONDS", 0.0)
    endpoint.learn_revision(("9d0e", "2"), Revision("v2", Schema((Field("x", "float64"),), BUY_LEAVE)))

    def switch_after_the_look() -> None:
        while service.looks < 2:
            time.sleep(0.001)
        if not service.bodies:
            service.switch("2")

    service.before = switch_after_the_look

    assert ["prediction", "probability_buy", "probability_leave"] == columns(endpoint, 0)


def test_an_update_between_versions_that_read_alike_is_not_waited_for(service: SwitchingService) -> None:
    """Whichever of them answers, the columns are called the same."""
    service.store("4", BUY_STAY)
    service.switch("4", through=False)

    with deadline(2):
        assert ["prediction", "probability_buy", "probability_stay"] == columns(Endpoint(service, DEPLOYMENT), 0)
