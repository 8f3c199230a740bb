"""Deployments: names, states, scaling, lists, and what a restart leaves of them."""

from __future__ import annotations

import concurrent.futures
import gzip
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.conftest import Client
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from pathlib import Path

SLOW = "import time\n\ndef score(payload):\n    time.sleep(0.5)\n    return {'predictions': [{'values': [[1]]}]}\n"


def patch(client: Client, deployment_id: str, path: str, value: Any, *, operation: str = "replace") -> Any:
    """Change one thing of a deployment."""
    change = [{"op": operation, "path": path, "value": value}]
    return client("PATCH", f"/ml/v4/deployments/{deployment_id}?{client.scope}", change)


def test_a_serving_name_answers_as_the_id_does(
    client: Client, archives: tuple[bytes, bytes], rows: list[list[float]]
) -> None:
    """And it stands in the deployment's URLs."""
    name = f"name_{time.monotonic_ns()}"
    deployment_id = client.deploy({"id": client.store(archives[0])}, online={"parameters": {"serving_name": name}})

    urls = client.deployment(deployment_id)["entity"]["status"]["serving_urls"]

    assert client.predict(deployment_id, rows).json == client.predict(name, rows).json
    assert [f"/{deployment_id}/predictions", f"/{name}/predictions"] == [url[url.rindex("/", 0, -12) :] for url in urls]


def test_what_a_proxy_says_of_itself_leads_nobody_elsewhere(client: Client, archives: tuple[bytes, bytes]) -> None:
    """Anybody can send X-Forwarded-* and Forwarded: the URLs in answers are where the request itself arrived."""
    deployment_id = client.deploy({"id": client.store(archives[0])})
    headers = {
        "X-Forwarded-Host": "elsewhere.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Port": "80",
        "X-Forwarded-Prefix": "/elsewhere",
        "X-Forwarded-For": "203.0.113.7",
        "Forwarded": "for=203.0.113.7;host=elsewhere.example;proto=http",
    }
    path = f"/ml/v4/deployments/{deployment_id}?{client.scope}"

    plain, forwarded = client("GET", path), client("GET", path, headers=headers)

    urls = forwarded.json["entity"]["status"]["serving_urls"]
    assert plain.json["entity"] == forwarded.json["entity"]
    assert all(url.startswith(f"{client.server.url}/") for url in urls)


def test_names_descriptions_tags_and_custom_are_changed_at_once(client: Client, archives: tuple[bytes, bytes]) -> None:
    """200, and the document says so."""
    deployment_id = client.deploy({"id": client.store(archives[0])})
    for path, value in (("/name", "new"), ("/description", "text"), ("/tags", ["a"]), ("/custom", {"k": {"v": 1}})):
        assert 200 == patch(client, deployment_id, path, value, operation="add").status

    document = client.deployment(deployment_id)

    assert ("new", "new") == (document["metadata"]["name"], document["entity"]["name"])
    assert ("text", ["a"]) == (document["entity"]["description"], document["metadata"]["tags"])
    assert {"k": {"v": 1}} == document["entity"]["custom"]


def test_scaling_is_told_while_it_goes_on(client: Client, archives: tuple[bytes, bytes]) -> None:
    """The answer still says the old number; later the new one stands there."""
    deployment_id = client.deploy({"id": client.store(archives[0])})

    answer = patch(client, deployment_id, "/hardware_spec", {"name": "S", "num_nodes": 2})
    later = client.wait_until_idle(deployment_id)["entity"]

    assert (202, 1, 2) == (
        answer.status,
        answer.json["entity"]["hardware_spec"]["num_nodes"],
        answer.json["entity"]["status"]["scaling"]["requested_replicas"],
    )
    assert (2, False) == (later["hardware_spec"]["num_nodes"], "scaling" in later["status"])


@pytest.mark.parametrize(
    ("path", "value"), [("/hardware_spec/num_nodes", 3), ("/hardware_spec", {"num_nodes": 3}), ("/hardware_spec", 3)]
)
def test_a_number_of_copies_is_made_true(
    path: str, value: Any, client: Client, server: LocalServer, archives: tuple[bytes, bytes]
) -> None:
    """However the patch reaches it; what is no specification is refused."""
    deployment_id = client.deploy({"id": client.store(archives[0])})
    change = [{"op": "replace", "path": path, "value": value}]
    answer = client("PATCH", f"/ml/v4/deployments/{deployment_id}?{client.scope}", change)
    nodes = client.wait_until_idle(deployment_id)["entity"]["hardware_spec"]["num_nodes"]
    limit = server._server._context.serving._served[deployment_id].pool._limit

    assert ((400, 1) if value == 3 and path == "/hardware_spec" else (202, 3)) == (answer.status, nodes)
    assert limit >= nodes


@pytest.mark.parametrize("path", ["/hardware_spec", "/hardware_spec/num_nodes", "/asset", "/asset/id", "/name"])
def test_what_a_deployment_needs_cannot_be_removed(path: str, client: Client, archives: tuple[bytes, bytes]) -> None:
    """The patch is refused, and the deployment is as it was."""
    deployment_id = client.deploy({"id": client.store(archives[0])})
    before = client.deployment(deployment_id)
    answer = client("PATCH", f"/ml/v4/deployments/{deployment_id}?{client.scope}", [{"op": "remove", "path": path}])

    assert (400, before) == (answer.status, client.deployment(deployment_id))


def test_a_patch_inside_the_asset_goes_back_where_it_fails(client: Client, archives: tuple[bytes, bytes]) -> None:
    """What served before is remembered as it was, not as the patch made it."""
    model_id = client.store(archives[0])
    client("POST", f"/ml/v4/models/{model_id}/revisions", {"space_id": client.space_id})
    client("PUT", f"/ml/v4/models/{model_id}/content?{client.scope}", content=b"no model")
    client("POST", f"/ml/v4/models/{model_id}/revisions", {"space_id": client.space_id})
    deployment_id = client.deploy({"id": model_id, "rev": "1"})
    change = [{"op": "replace", "path": "/asset/rev", "value": "2"}]

    assert 202 == client("PATCH", f"/ml/v4/deployments/{deployment_id}?{client.scope}", change).status
    assert {"id": model_id, "rev": "1"} == client.wait_until_idle(deployment_id)["entity"]["asset"]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("online", "/online"),
        ("online", "/batch"),
        ("batch", "/online"),
        ("batch", "/online/parameters"),
        ("batch", "/batch"),
        ("online", "/status/state"),
        ("online", "/space_id"),
        ("online", "/deployed_asset_type"),
        ("online", "/metadata"),
    ],
)
@pytest.mark.parametrize("operation", ["add", "replace", "remove"])
def test_what_a_deployment_is_cannot_be_patched(
    operation: str, kind: str, path: str, client: Client, archives: tuple[bytes, bytes]
) -> None:
    """It stays online or batch, where it is and in the state that it is in."""
    deployment_id = client.deploy({"id": client.store(archives[0])}, **{kind: {}})
    before = client.deployment(deployment_id)
    change = [{"op": operation, "path": path, **({} if operation == "remove" else {"value": {}})}]
    answer = client("PATCH", f"/ml/v4/deployments/{deployment_id}?{client.scope}", change)

    assert (400, before) == (answer.status, client.deployment(deployment_id))


def test_a_failed_deployment_is_not_scaled(client: Client) -> None:
    """There is nothing of which there could be more."""
    deployment_id = client.deploy({"id": client.store(b"no archive at all")})
    before = client.deployment(deployment_id)
    change = [{"op": "replace", "path": "/hardware_spec", "value": {"num_nodes": 2}}]
    answer = client("PATCH", f"/ml/v4/deployments/{deployment_id}?{client.scope}", change)

    assert (400, True, before) == (answer.status, "has failed" in answer.message, client.deployment(deployment_id))


def test_asset_and_hardware_are_changed_one_after_the_other(client: Client, archives: tuple[bytes, bytes]) -> None:
    """Each is a load of its own."""
    model_id = client.store(archives[0])
    deployment_id = client.deploy({"id": model_id})
    before = client.deployment(deployment_id)
    change = [
        {"op": "replace", "path": "/asset", "value": {"id": model_id}},
        {"op": "replace", "path": "/hardware_spec", "value": {"num_nodes": 2}},
    ]
    answer = client("PATCH", f"/ml/v4/deployments/{deployment_id}?{client.scope}", change)

    assert (400, before) == (answer.status, client.deployment(deployment_id))


def test_a_batch_deployment_takes_other_hardware_at_once(client: Client, archives: tuple[bytes, bytes]) -> None:
    """Nothing of it is loaded while no job runs."""
    deployment_id = client.deploy({"id": client.store(archives[0])}, batch={})
    change = [{"op": "replace", "path": "/hardware_spec", "value": {"name": "M", "num_nodes": 2}}]
    client("PATCH", f"/ml/v4/deployments/{deployment_id}?{client.scope}", change)
    hardware = client.deployment(deployment_id)["entity"]["hardware_spec"]

    assert ("M", 2) == (hardware["name"], hardware["num_nodes"])


@pytest.mark.parametrize("number", [0, 11, "2", True, 1.5])
def test_a_number_of_copies_that_cannot_be_is_refused(
    number: Any, client: Client, archives: tuple[bytes, bytes]
) -> None:
    """One to ten copies."""
    deployment_id = client.deploy({"id": client.store(archives[0])})

    assert 400 == patch(client, deployment_id, "/hardware_spec", {"name": "S", "num_nodes": number}).status
    assert 1 == client.deployment(deployment_id)["entity"]["hardware_spec"]["num_nodes"]


def test_one_change_of_the_asset_at_a_time(
    client: Client, archives: tuple[bytes, bytes], server: LocalServer, rows: list[list[float]]
) -> None:
    """While one is being made, another is refused with 409, and the old asset serves."""
    first, second = client.store(archives[0]), client.store(archives[1])
    deployment_id = client.deploy({"id": first})
    before = client.predict(deployment_id, rows).json
    server.pace("deployment", looks=2)
    changed = patch(client, deployment_id, "/asset", {"id": second})
    meanwhile = client.predict(deployment_id, rows).json

    refused = patch(client, deployment_id, "/asset", {"id": first})
    server.pace("deployment")
    client.wait_until_idle(deployment_id)

    assert (202, "updating", 409) == (changed.status, changed.json["entity"]["status"]["state"], refused.status)
    assert before == meanwhile
    assert before != client.predict(deployment_id, rows).json


def test_an_asset_that_may_have_to_come_back_is_not_deleted(
    client: Client, archives: tuple[bytes, bytes], server: LocalServer
) -> None:
    """While a deployment loads another asset it serves the one it had, and goes back to it where the new one fails."""
    first, empty = client.store(archives[0]), client.store(b"no model at all")
    deployment_id = client.deploy({"id": first})
    server.pace("deployment", looks=1)
    patch(client, deployment_id, "/asset", {"id": empty})

    refused = client("DELETE", f"/v2/assets/{first}?{client.scope}")
    server.pace("deployment")
    settled = client.wait_until_idle(deployment_id)["entity"]

    assert (409, "asset_has_deployments") == (refused.status, refused.code)
    assert ({"id": first}, "ready") == (settled["asset"], settled["status"]["state"])


def test_a_deployment_arrives_whatever_happens_to_the_service_s_folder(
    tmp_path: Path, archives: tuple[bytes, bytes]
) -> None:
    """Where models are unpacked may be gone: the deployment has failed then, and says why."""
    with LocalServer(tmp_path) as server:
        client = Client(server)
        shutil.rmtree(tmp_path / "running")
        status = client.deployment(client.deploy({"id": client.store(archives[0])}))["entity"]["status"]
        client.close()

    assert "failed" == status["state"]
    assert "FileNotFoundError" in status["failure"]["errors"][0]["message"]


def test_answers_that_are_under_way_survive_an_update(client: Client, archives: tuple[bytes, bytes]) -> None:
    """The old pool answers what it was asked before it goes."""
    deployment_id = client.deploy({"id": client.store_function(gzip.compress(SLOW.encode()))})
    with concurrent.futures.ThreadPoolExecutor() as threads:
        asked = [threads.submit(client.predict, deployment_id, [[1]]) for _ in range(3)]
        time.sleep(0.1)
        patch(client, deployment_id, "/asset", {"id": client.store(archives[0])})
        client.wait_until_idle(deployment_id)
        statuses = [answer.result().status for answer in asked]

    assert [200, 200, 200] == statuses


def test_a_failed_deployment_can_be_given_another_asset(
    client: Client, archives: tuple[bytes, bytes], rows: list[list[float]]
) -> None:
    """It has nothing to go back to, and starts anew."""
    deployment_id = client.deploy({"id": client.store(b"broken")})

    state = patch(client, deployment_id, "/asset", {"id": client.store(archives[0])}).json["entity"]["status"]["state"]
    client.wait_until_idle(deployment_id)

    assert "initializing" == state
    assert 200 == client.predict(deployment_id, rows).status


def test_lists_are_narrowed(client: Client, archives: tuple[bytes, bytes]) -> None:
    """By asset, name, serving name, state, tag and kind."""
    name = f"narrow_{time.monotonic_ns()}"
    one, two = client.store(archives[0]), client.store(archives[1])
    first = client.deploy({"id": one}, name="first", tags=["x"], online={"parameters": {"serving_name": name}})
    second = client.deploy({"id": two}, name="second", batch={})

    def found(query: str) -> list[str]:
        answer = client("GET", f"/ml/v4/deployments?{client.scope}&{query}").json
        return [resource["metadata"]["id"] for resource in answer["resources"]]

    assert [[first], [second]] == [found(f"asset_id={one}"), found(f"asset_id={two}")]
    assert [[first], [second]] == [found("name=first"), found("name=second")]
    assert [[first], [first, second], []] == [
        found(f"serving_name={name}"),
        found("state=ready"),
        found("state=failed"),
    ]
    assert [[first], []] == [found("tag.value=x"), found("tag.value=y")]
    assert [[first], [second]] == [found("type=online"), found("type=batch")]


def test_pages_hold_everything_once(client: Client, archives: tuple[bytes, bytes]) -> None:
    """The link of each page leads to the next, also with a second slash and a repeated query, as clients send it."""
    model_id = client.store(archives[0])
    made = [client.deploy({"id": model_id}, name=f"d{number}", batch={}) for number in range(7)]
    found, link = [], f"/ml/v4/deployments?{client.scope}&limit=3"
    query = link.partition("?")[2]
    while link:
        page = client("GET", link).json
        found += [resource["metadata"]["id"] for resource in page["resources"]]
        link = f"/{page['next']['href']}&{query}" if "next" in page else ""

    assert made == found


def test_a_restart_serves_again(tmp_path: Path, archives: tuple[bytes, bytes], rows: list[list[float]]) -> None:
    """Tokens, models, revisions, deployments and predictions are as before, on the same port."""
    with LocalServer(tmp_path) as server:
        client = Client(server)
        model_id = client.store(archives[0])
        client("POST", f"/ml/v4/models/{model_id}/revisions", {"space_id": client.space_id})
        deployment_id = client.deploy({"id": model_id, "rev": "1"})
        before = (server.url, client.deployment(deployment_id), client.predict(deployment_id, rows).content)
    with LocalServer(tmp_path) as server:
        client.server = server
        after = (server.url, client.deployment(deployment_id), client.predict(deployment_id, rows).content)
        client.close()

    assert before == after


def test_what_a_restart_interrupts_goes_on(tmp_path: Path, archives: tuple[bytes, bytes]) -> None:
    """A deployment that was initializing becomes ready after it."""
    with LocalServer(tmp_path) as server:
        client = Client(server)
        server.pace("deployment", seconds=60)
        asset = {"id": client.store(archives[0])}
        document = {"name": "d", "online": {}, "asset": asset, "space_id": client.space_id}
        deployment_id = client("POST", "/ml/v4/deployments", document).json["metadata"]["id"]
    with LocalServer(tmp_path) as server:
        client.server = server
        state = client.wait_until_idle(deployment_id)["entity"]["status"]["state"]
        client.close()

    assert "ready" == state


def test_a_quota_is_kept_where_one_is_set(client: Client, server: LocalServer, archives: tuple[bytes, bytes]) -> None:
    """One deployment more than allowed is refused."""
    model_id = client.store(archives[0])
    client.deploy({"id": model_id}, batch={})
    server.limit(deployments=1)
    document = {"name": "d", "batch": {}, "asset": {"id": model_id}, "space_id": client.space_id}

    refused = client("POST", "/ml/v4/deployments", document)
    server.limit()

    assert (403, "instance_quota_exceeded") == (refused.status, refused.code)


def test_a_rate_is_kept_where_one_is_set(client: Client, server: LocalServer) -> None:
    """Requests over it are refused with 429, and the headers say when to come again."""
    server.limit(requests_per_second=2)
    answers = [client("GET", "/v2/spaces?limit=1") for _ in range(4)]
    server.limit()

    refused = [answer for answer in answers if answer.status == 429]

    assert refused
    assert ("1", "0") == (refused[0].headers["retry-after"], refused[0].headers["x-requests-limit-remaining"])
