"""Spaces, their members and states, projects, and what moves from these to those."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.conftest import RUNTIME, Client
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from pathlib import Path

MEMBER = {"id": "1000331010", "role": "editor", "type": "user", "state": "active"}


def name() -> str:
    return f"name {time.monotonic_ns()}"


def test_a_space_is_prepared_at_the_pace_that_is_set(client: Client, server: LocalServer) -> None:
    """Preparing until it was looked at so often, then active."""
    server.pace("space", looks=2)
    created = client("POST", "/v2/spaces", {"name": name()})
    path = f"/v2/spaces/{created.json['metadata']['id']}"
    states = [
        created.json["entity"]["status"]["state"],
        *(client("GET", path).json["entity"]["status"]["state"] for _ in "12"),
    ]
    deadline = time.monotonic() + 10
    while states[-1] == "preparing" and time.monotonic() < deadline:
        states.append(client("GET", path).json["entity"]["status"]["state"])
    server.pace("space")

    assert (202, ["preparing", "preparing"], "active") == (created.status, states[:2], states[-1])


def test_members_come_change_and_go(client: Client) -> None:
    """200 for all but the last, which is 204."""
    path = f"/v2/spaces/{client.space_id}/members"
    added = client("POST", path, {"members": [MEMBER]})
    changed = client("PATCH", f"{path}/{MEMBER['id']}", [{"op": "replace", "path": "/role", "value": "viewer"}])
    listed = client("GET", path).json["resources"]
    removed = client("DELETE", f"{path}/{MEMBER['id']}")

    assert (200, 200, 204) == (added.status, changed.status, removed.status)
    assert ["1000330999", MEMBER["id"]] == [member["id"] for member in listed]
    assert 404 == client("GET", f"{path}/{MEMBER['id']}").status


@pytest.mark.parametrize(
    "members", [None, [], [{}], [{"id": "x"}], [{**MEMBER, "role": "king"}], [{**MEMBER, "type": "robot"}], ["x"]]
)
def test_wrong_members_are_refused(members: Any, client: Client) -> None:
    """400, and nobody comes in."""
    path = f"/v2/spaces/{client.space_id}/members"

    assert 400 == client("POST", path, {"members": members}).status
    assert 1 == len(client("GET", path).json["resources"])


def test_a_space_goes_with_all_that_is_in_it(
    client: Client, archives: tuple[bytes, bytes], rows: list[list[float]]
) -> None:
    """Models, deployments and assets; and what was served is served no more."""
    space_id = client.space_id
    model_id = client.store(archives[0])
    deployment_id = client.deploy({"id": model_id})
    client.data_asset("x.csv", b"a\n1\n")

    assert 202 == client("DELETE", f"/v2/spaces/{space_id}").status
    assert 404 == client.predict(deployment_id, rows).status
    assert 404 == client("GET", f"/ml/v4/models/{model_id}?{client.scope}").status


def test_pages_of_spaces_have_absolute_links(client: Client) -> None:
    """And each space stands on one of them."""
    made = {client.make_space(name()) for _ in range(5)}
    found, link = set(), "/v2/spaces?limit=2"
    while link:
        page = client("GET", link).json
        assert page["first"]["href"].startswith(client.server.url)
        found |= {space["metadata"]["id"] for space in page["resources"]}
        link = page.get("next", {}).get("href", "").removeprefix(client.server.url)
    for space_id in made:
        client("DELETE", f"/v2/spaces/{space_id}")

    assert made <= found


@pytest.fixture
def project(client: Client) -> str:
    """The id of a project."""
    return make_project(client)


def make_project(client: Client) -> str:
    answer = client("POST", "/transactional/v2/projects", {"name": name(), "storage": {"type": "assetfiles"}})
    assert answer.status == 201
    return str(answer.json["location"]).rpartition("/")[2]


def test_a_project_holds_what_is_stored_in_it(client: Client, project: str) -> None:
    """It is shown with its storage, and a model in it is found there and nowhere else."""
    shown = client("GET", f"/v2/projects/{project}").json
    document = {
        "name": "model",
        "type": "scikit-learn_1.6",
        "software_spec": {"name": "runtime-25.1-py3.12"},
        "project_id": project,
    }
    model_id = client("POST", "/ml/v4/models", document).json["metadata"]["id"]

    assert "assetfiles" == shown["entity"]["storage"]["type"]
    assert 200 == client("GET", f"/ml/v4/models/{model_id}?project_id={project}").status
    assert 404 == client("GET", f"/ml/v4/models/{model_id}?{client.scope}").status
    assert 204 == client("DELETE", f"/transactional/v2/projects/{project}").status


def test_an_asset_is_promoted_with_its_content(client: Client, project: str, archives: tuple[bytes, bytes]) -> None:
    """The copy in the space has an id of its own and the same bytes, and can be deployed."""
    document = {
        "name": "model",
        "type": "scikit-learn_1.6",
        "software_spec": {"name": "runtime-25.1-py3.12"},
        "project_id": project,
    }
    model_id = client("POST", "/ml/v4/models", document).json["metadata"]["id"]
    client("PUT", f"/ml/v4/models/{model_id}/content?project_id={project}", content=archives[0])
    request = {"spaceId": client.space_id, "projectId": project}

    promoted = client("POST", f"/projects/api/rest/catalogs/assets/{model_id}/promote", request)
    copy = promoted.json["promotedAsset"]["asset_id"]

    assert (200, True) == (promoted.status, copy != model_id)
    assert archives[0] == client("GET", f"/ml/v4/models/{copy}/download?{client.scope}").content
    assert "ready" == client.deployment(client.deploy({"id": copy}))["entity"]["status"]["state"]


@pytest.mark.parametrize("kind", ["space", "project"])
def test_what_runs_in_a_container_ends_with_it(kind: str, tmp_path: Path, archives: tuple[bytes, bytes]) -> None:
    """The workers of its deployments are gone when a space or project is."""
    with LocalServer(tmp_path) as server:
        client = Client(server)
        made = client.make_space("s") if kind == "space" else make_project(client)
        query, place = f"{kind}_id={made}", {f"{kind}_id": made}
        document = {"name": "m", "type": "scikit-learn_1.6", "software_spec": {"id": RUNTIME}, **place}
        model_id = client("POST", "/ml/v4/models", document).json["metadata"]["id"]
        client("PUT", f"/ml/v4/models/{model_id}/content?{query}", content=archives[0])
        client("POST", "/ml/v4/deployments", {"name": "d", "online": {}, "asset": {"id": model_id}, **place})
        served = wait_for_pools(tmp_path, 1)

        client("DELETE", f"/v2/spaces/{made}" if kind == "space" else f"/transactional/v2/projects/{made}")
        left = wait_for_pools(tmp_path, 0)
        client.close()

    assert (1, 0) == (served, left)


def wait_for_pools(folder: Path, number: int) -> int:
    """Wait until so many pools have unpacked a model; return how many have."""
    deadline = time.monotonic() + 20
    while (found := len(list((folder / "running").glob("pool-*")))) != number and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def test_every_member_is_on_one_page(client: Client) -> None:
    """The links lead through all members of a space, in the order in which they came."""
    path = f"/v2/spaces/{client.space_id}/members"
    client("POST", path, {"members": [{**MEMBER, "id": f"user-{number}"} for number in range(4)]})
    found, link = [], f"{path}?limit=2"
    while link:
        page = client("GET", link).json
        found += [member["id"] for member in page["resources"]]
        link = page.get("next", {}).get("href", "").removeprefix(client.server.url)

    assert [f"user-{number}" for number in range(4)] == found[1:]


@pytest.mark.parametrize("path", ["/v2/spaces?include=members", "/v2/spaces/{}?include=members"])
def test_members_are_included_if_asked_for(path: str, client: Client) -> None:
    """In the list and in the document of a space; otherwise they are left out."""
    found = client("GET", path.format(client.space_id)).json
    included = next(one for one in found.get("resources", [found]) if one["metadata"]["id"] == client.space_id)

    assert ["admin"] == [member["role"] for member in included["entity"]["members"]]
    assert "members" not in client("GET", f"/v2/spaces/{client.space_id}").json["entity"]


def test_the_account_has_instances_of_two_services(client: Client) -> None:
    """A runtime in each region and one object storage, as the resource controller lists them."""
    path = "/v2/resource_instances?resource_id="
    runtimes = client("GET", f"{path}51c53b72-918f-4869-b834-2d99eb28422a").json["resources"]
    storages = client("GET", f"{path}dff97f5c-bc5e-4455-b470-411c3edbe49c").json["resources"]

    assert {"us-south", "eu-de"} <= {one["region_id"] for one in runtimes}
    assert [("global", "active")] == [(one["region_id"], one["state"]) for one in storages]
