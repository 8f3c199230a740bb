"""Batch deployments and their jobs."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.conftest import Client
from wml_deployer.server.jobs import running
from wml_deployer.server.jobs.tables import read_table
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from pathlib import Path

SLOW = """
import time
def score(payload):
    time.sleep(0.3)
    return {"predictions": [{"values": [[time.time()]]}]}
"""


@pytest.fixture
def batch(client: Client, archives: tuple[bytes, bytes]) -> str:
    """The id of a batch deployment."""
    return client.deploy({"id": client.store(archives[0])}, batch={})


def submit(client: Client, deployment_id: str, **scoring: Any) -> Any:
    """Queue a job."""
    document = {"deployment": {"id": deployment_id}, "space_id": client.space_id, "name": "job", "scoring": scoring}
    answer = client("POST", "/ml/v4/deployment_jobs", document)
    assert answer.status == 202, answer.content
    return answer.json


def test_inline_input_is_answered_inside_the_job(
    client: Client, batch: str, classifiers: tuple[Any, Any], rows: list[list[float]]
) -> None:
    """The predictions are the model's own."""
    job = submit(client, batch, input_data=[{"values": rows}])

    scoring = client.finished(job["metadata"]["id"])["entity"]["scoring"]

    assert "completed" == scoring["status"]["state"]
    assert classifiers[0].predict_proba(rows).tolist() == [row[1] for row in scoring["predictions"][0]["values"]]


def test_files_are_read_from_and_written_to_data_assets(client: Client, batch: str) -> None:
    """The output is a new data asset with a table of the predictions."""
    href = client.data_asset("in.csv", b"a,b,c,d\n5.1,3.5,1.4,0.2\n6.0,2.2,4.0,1.0\n")
    job = submit(
        client,
        batch,
        input_data_references=[{"type": "data_asset", "connection": {}, "location": {"href": href}}],
        output_data_reference={"type": "data_asset", "connection": {}, "location": {"name": "out.csv"}},
    )

    scoring = client.finished(job["metadata"]["id"])["entity"]["scoring"]
    written = scoring["output_data_reference"]["location"]["href"]
    attachment = client("GET", written).json["attachments"][0]["id"]
    path, _, scope = written.partition("?")
    url = client("GET", f"{path}/attachments/{attachment}?{scope}").json["url"]
    lines = client("GET", url, token="").content.decode().splitlines()

    assert ["prediction,probability", "0,", "1,"] == [lines[0], lines[1][:2], lines[2][:2]]


@pytest.mark.parametrize(
    ("scoring", "said"),
    [
        ({"input_data": [{"values": [[1.0]]}]}, "X has 1 features"),
        ({"input_data_references": [{"type": "connection_asset", "location": {}}]}, "no connections"),
        ({"input_data_references": [{"type": "data_asset", "location": {"href": "/v2/assets/x"}}]}, "not a data asset"),
    ],
)
def test_a_job_that_cannot_be_done_fails(scoring: Any, said: str, client: Client, batch: str) -> None:
    """It says why in its status."""
    job = submit(client, batch, **scoring)

    status = client.finished(job["metadata"]["id"])["entity"]["scoring"]["status"]

    assert "failed" == status["state"]
    assert said in status["failure"]["errors"][0]["message"]


ODD_ANSWERS = {
    "no blocks": '{"predictions": [5]}',
    "no rows": '{"predictions": [{"values": 5}]}',
    "nothing": '{"predictions": [None]}',
    "no text": '{"predictions": [{"values": [["\\ud800"]]}]}',
    "no JSON": '{"predictions": [{"values": [[object()]]}]}',
}
DEEP = "deep = []\nfor _ in range(245): deep = [deep]\n"


@pytest.mark.parametrize("answer", ODD_ANSWERS)
def test_a_job_whose_function_answers_oddly_fails(answer: str, client: Client) -> None:
    """With a reason; it does not run for good."""
    code = f"def score(payload):\n    return {ODD_ANSWERS[answer]}\n"
    function = client.deploy({"id": client.store_function(gzip.compress(code.encode()))}, batch={})
    job = submit(
        client,
        function,
        input_data=[{"values": [[1]]}],
        output_data_reference={"type": "data_asset", "location": {"name": "out.csv"}},
    )

    status = client.finished(job["metadata"]["id"])["entity"]["scoring"]["status"]

    assert "failed" == status["state"]
    assert status["failure"]["errors"][0]["message"]


def test_a_job_whose_answer_cannot_be_kept_fails(client: Client) -> None:
    """Nested so that it can be sent, and not be part of the job's document."""
    code = f'{DEEP}def score(payload):\n    return {{"predictions": [{{"values": [deep]}}]}}\n'
    function = client.deploy({"id": client.store_function(gzip.compress(code.encode()))}, batch={})
    job = submit(client, function, input_data=[{"values": [[1]]}])

    assert "failed" == client.finished(job["metadata"]["id"])["entity"]["scoring"]["status"]["state"]


ODD_TABLES = {
    "NUL": b"a,b\n1,\0\n",
    "giant cell": b"a,b\n1," + b"x" * 200_000 + b"\n",
    "no UTF-8": b"a,b\n1,\xff\n",
    "empty": b"",
}


@pytest.mark.parametrize("content", ODD_TABLES)
def test_a_job_whose_input_cannot_be_read_fails(content: str, client: Client, batch: str) -> None:
    """With a reason; it does not run for good."""
    reference = {"type": "data_asset", "location": {"href": client.data_asset("in.csv", ODD_TABLES[content])}}
    job = submit(client, batch, input_data_references=[reference])

    assert "failed" == client.finished(job["metadata"]["id"])["entity"]["scoring"]["status"]["state"]


@pytest.mark.parametrize("reference", [5, None, "x", {}, {"type": "data_asset"}, {"type": "data_asset", "location": 5}])
def test_a_job_with_an_odd_input_reference_fails(reference: Any, client: Client, batch: str) -> None:
    """With a reason; it does not run for good."""
    job = submit(client, batch, input_data_references=[reference])

    assert "failed" == client.finished(job["metadata"]["id"])["entity"]["scoring"]["status"]["state"]


@pytest.mark.parametrize("location", [{"name": "   "}, {"name": ""}, {"name": 5}, {}, {"name": "x" * 5000}], ids=str)
def test_an_odd_name_of_an_output_does_not_stop_a_job(
    location: Any, client: Client, batch: str, rows: list[list[float]]
) -> None:
    """What has no name of its own is named after the job."""
    output = {"type": "data_asset", "location": location}
    job = submit(client, batch, input_data=[{"values": rows}], output_data_reference=output)

    assert "completed" == client.finished(job["metadata"]["id"])["entity"]["scoring"]["status"]["state"]


def test_a_job_that_the_service_fails_to_run_ends_for_good(
    tmp_path: Path, archives: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever went wrong: a restart does not run it again."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with LocalServer(tmp_path) as server:
        client = Client(server)
        monkeypatch.setattr(running, "serving_spec_of", fail)
        deployment = client.deploy({"id": client.store(archives[0])}, batch={})
        job_id = submit(client, deployment, input_data=[{"values": [[1]]}])["metadata"]["id"]
        before = client.finished(job_id)
    with LocalServer(tmp_path) as server:
        client.server = server
        after = client.finished(job_id)
        client.close()

    assert before == after
    assert "ZeroDivisionError" in before["entity"]["scoring"]["status"]["failure"]["errors"][0]["message"]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2"], [1, 2]),
        (["1", "2.5"], [1.0, 2.5]),
        (["1", ""], [1, None]),
        (["18446744073709551615", "-9223372036854775808"], [2**64 - 1, -(2**63)]),
        (["18446744073709551616", "1"], ["18446744073709551616", "1"]),
        (["123456789012345678901234567890", "1.5"], ["123456789012345678901234567890", "1.5"]),
        (["1_000", "2"], ["1_000", "2"]),
        (["٣", "2"], ["٣", "2"]),
        (["9" * 20_000], ["9" * 20_000]),
        (["true", "FALSE"], [True, False]),
    ],
)
def test_cells_of_a_table_keep_their_values(cells: list[str], values: list[Any], tmp_path: Path) -> None:
    """A number that would lose digits stays text."""
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["a,b", *(f"{cell},x" for cell in cells), ""]), encoding="utf-8")

    assert values == [row[0] for row in read_table(table)["values"]]


def test_an_input_that_is_no_table_fails_the_job(client: Client, batch: str) -> None:
    """Rows of another length than the header are told."""
    href = client.data_asset("in.csv", b"a,b\n1\n")
    reference = {"type": "data_asset", "location": {"href": href}}
    job = submit(client, batch, input_data_references=[reference])

    status = client.finished(job["metadata"]["id"])["entity"]["scoring"]["status"]

    assert "CSV file" in status["failure"]["errors"][0]["message"]


def test_two_jobs_of_a_deployment_run_at_once(client: Client) -> None:
    """Of four that take as long, the third waits for one of the first two."""
    function = client.deploy({"id": client.store_function(gzip.compress(SLOW.encode()))}, batch={})
    jobs = [submit(client, function, input_data=[{"values": [[1]]}]) for _ in range(4)]
    statuses = [client.finished(job["metadata"]["id"])["entity"]["scoring"]["status"] for job in jobs]

    starts = sorted(status["running_at"] for status in statuses)
    ends = sorted(status["completed_at"] for status in statuses)

    assert starts[2] >= ends[0]
    assert starts[1] < ends[0]


def test_a_job_goes_through_its_states(
    client: Client, batch: str, server: LocalServer, rows: list[list[float]]
) -> None:
    """Queued, running, completed; at the pace that is set."""
    server.pace("job", looks=2)
    job = submit(client, batch, input_data=[{"values": rows}])
    states = [job["entity"]["scoring"]["status"]["state"]]
    while states[-1] not in ("completed", "failed"):
        document = client("GET", f"/ml/v4/deployment_jobs/{job['metadata']['id']}?{client.scope}").json
        states.append(document["entity"]["scoring"]["status"]["state"])
    server.pace("job")

    assert ["queued", "running", "completed"] == sorted(set(states), key=states.index)


def test_a_canceled_job_stays_canceled(
    client: Client, batch: str, server: LocalServer, rows: list[list[float]]
) -> None:
    """It is listed until it is deleted for good."""
    server.pace("job", seconds=0.2)
    job_id = submit(client, batch, input_data=[{"values": rows}])["metadata"]["id"]
    path = f"/ml/v4/deployment_jobs/{job_id}?{client.scope}"
    canceled = client("DELETE", path).status
    server.pace("job")
    state = client("GET", path).json["entity"]["scoring"]["status"]["state"]
    deleted = client("DELETE", f"{path}&hard_delete=true").status

    assert (204, "canceled", 204, 404) == (canceled, state, deleted, client("GET", path).status)


def test_include_narrows_what_is_shown(client: Client, batch: str, rows: list[list[float]]) -> None:
    """Only the named parts of the scoring section."""
    job = client.finished(submit(client, batch, input_data=[{"values": rows}])["metadata"]["id"])

    shown = client("GET", f"/ml/v4/deployment_jobs/{job['metadata']['id']}?{client.scope}&include=status").json

    assert ["status"] == list(shown["entity"]["scoring"])


@pytest.mark.parametrize(
    "change",
    [
        {"deployment": None},
        {"deployment": {"id": "11111111-2222-4333-8444-555555555555"}},
        {"scoring": None},
        {"scoring": {}},
        {"scoring": {"input_data": 5}},
        {"scoring": {"input_data_references": {"type": "data_asset"}}},
        {"scoring": {"input_data": [{"values": [[1]]}], "output_data_reference": [1]}},
        {"decision_optimization": {}},
    ],
)
def test_a_wrong_job_is_refused(change: Any, client: Client, batch: str) -> None:
    """400 or 404, and nothing is queued."""
    good = {"deployment": {"id": batch}, "space_id": client.space_id, "scoring": {"input_data": [{"values": [[1]]}]}}

    assert client("POST", "/ml/v4/deployment_jobs", {**good, **change}).status in (400, 404)
    assert [] == client("GET", f"/ml/v4/deployment_jobs?{client.scope}").json["resources"]


def test_an_online_deployment_has_no_jobs_and_a_batch_one_no_predictions(
    client: Client, batch: str, archives: tuple[bytes, bytes], rows: list[list[float]]
) -> None:
    """Each is scored in its own way."""
    online = client.deploy({"id": client.store(archives[0])})
    document = {
        "deployment": {"id": online},
        "space_id": client.space_id,
        "scoring": {"input_data": [{"values": rows}]},
    }

    assert 400 == client("POST", "/ml/v4/deployment_jobs", document).status
    assert 400 == client.predict(batch, rows).status
