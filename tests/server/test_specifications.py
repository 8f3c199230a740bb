"""Software and hardware specifications: constant ids, life cycles, derived ones, package extensions."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.conftest import RUNTIME
from tests.server.shapes import differences
from wml_deployer.server.specifications.catalogue import HARDWARE, PACKAGES, SOFTWARE

if TYPE_CHECKING:
    from tests.server.conftest import Client
    from wml_deployer.testing import LocalServer

WIRE = Path(__file__).parents[1] / "data" / "wire" / "software_specs"
IDS = json.loads((WIRE / "ids.json").read_text("utf-8"))


def test_ids_are_the_recorded_ones() -> None:
    """Software by software, hardware by hardware."""
    hardware = {name: identifier for name, identifier in IDS["hardware"].items() if identifier != "Not_Applicable"}

    assert IDS["specs"] == {name: SOFTWARE[name] for name in IDS["specs"]}
    assert hardware == {name: HARDWARE[name][0] for name in hardware}


@pytest.mark.parametrize("kind", ["software", "hardware"])
def test_each_is_found_by_its_name_and_its_id(kind: str, client: Client) -> None:
    """One by one; two names of one runtime share an id."""
    listed = client("GET", f"/v2/{kind}_specifications").json

    assert listed["total_results"] == len(listed["resources"])
    for resource in listed["resources"]:
        name, identifier = resource["metadata"]["name"], resource["metadata"]["asset_id"]
        by_name = client("GET", f"/v2/{kind}_specifications?name={name.replace(' ', '%20')}").json
        assert [identifier] == [each["metadata"]["asset_id"] for each in by_name["resources"]]
        assert identifier == client("GET", f"/v2/{kind}_specifications/{identifier}").json["metadata"]["asset_id"]


def test_an_unknown_name_finds_nothing(client: Client) -> None:
    """An empty list, not an error: both clients tell the rest."""
    assert {"total_results": 0, "resources": []} == client("GET", "/v2/software_specifications?name=none").json


def test_life_cycles_are_told_in_two_ways(client: Client) -> None:
    """In each specification's metadata, and in the list of states with the replacements."""
    old = SOFTWARE["runtime-24.1-py3.11"]
    metadata = client("GET", f"/v2/software_specifications/{old}").json["metadata"]
    states = client("GET", f"/ml/v4/list/software_specifications?{client.scope}&state=deprecated").json["results"]

    assert {"supported": {}, "deprecated": {}, "replacement_name": "runtime-25.1-py3.12"} == metadata["life_cycle"]
    assert {
        "id": old,
        "name": "runtime-24.1-py3.11",
        "state": "deprecated",
        "replacement": "runtime-25.1-py3.12",
    } in states
    assert {"deprecated"} == {state["state"] for state in states}


def test_a_test_moves_one_along_its_life(server: LocalServer, client: Client) -> None:
    """What was supported is retired, and refused from then on."""
    server.set_specification("runtime-25.1-py3.12", "retired")
    document = {"name": "m", "type": "scikit-learn_1.6", "software_spec": {"id": RUNTIME}, "space_id": client.space_id}

    refused = client("POST", "/ml/v4/models", document)
    server.set_specification("runtime-25.1-py3.12", "supported")

    assert (400, True) == (refused.status, "Unsupported software specification" in refused.message)
    assert 201 == client("POST", "/ml/v4/models", document).status


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_packages_are_shown(name: str, client: Client) -> None:
    """Those that matter to a stored model, and the Python."""
    document = client("GET", f"/v2/software_specifications/{SOFTWARE[name]}").json
    configuration = document["entity"]["software_specification"]["software_configuration"]

    shown = {package["name"]: package["version"] for package in configuration["included_packages"]}

    assert PACKAGES[name] == {"python": configuration["platform"]["version"], **shown}


def extension(client: Client, kind: str = "pip_zip", content: bytes = b"") -> str:
    """Store a package extension; return its id."""
    document = {"name": "extension", "type": kind, "description": "text"}
    created = client("POST", f"/v2/package_extensions?{client.scope}", document).json
    href = created["entity"]["package_extension"]["href"]
    assert client("PUT", href, content=content or library(), token="").status == 201
    path = f"/v2/package_extensions/{created['metadata']['asset_id']}"
    assert client("POST", f"{path}/upload_complete?{client.scope}").status == 204
    return str(created["metadata"]["asset_id"])


def library() -> bytes:
    """A package that answers a question."""
    setup = "from setuptools import setup\nsetup(name='wmlanswer', version='1.0', py_modules=['wmlanswer'])\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("setup.py", setup)
        archive.writestr("wmlanswer.py", "ANSWER = 42\n")
    return packed.getvalue()


def derive(client: Client, *extensions: str, name: str = "derived") -> Any:
    """Derive a specification; return the answer."""
    document = {
        "name": name,
        "base_software_specification": {"guid": RUNTIME},
        "package_extensions": [{"guid": identifier} for identifier in extensions],
    }
    return client("POST", f"/v2/software_specifications?{client.scope}", document)


def test_an_extension_comes_back_as_it_went(client: Client) -> None:
    """By the signed URL, whose last but one part is what the clients look for."""
    content = b"dependencies: []\n"
    identifier = extension(client, "conda_yml", content)

    href = client("GET", f"/v2/package_extensions/{identifier}?{client.scope}").json["entity"]["package_extension"][
        "href"
    ]

    assert "package_extension" == href.split("/")[-2]
    assert content == client("GET", href, token="").content


@pytest.mark.parametrize(
    "name", ["2021-04-21_software_specification_autoai_1", "2023-11-28_software_specification_other_1"]
)
def test_a_derived_one_has_the_recorded_shape(name: str, client: Client) -> None:
    """With the whole documents of its extensions inside."""
    recorded = json.loads((WIRE / f"{name}.json").read_text("utf-8"))["body"]
    created = derive(client, extension(client)).json

    ours = client("GET", f"/v2/software_specifications/{created['metadata']['asset_id']}?{client.scope}").json

    assert set() == set(differences(recorded, ours)) - EXPECTED.keys()


LATER, FINER = "recorded before the platform showed it", "one format of times here"
_EXTENSION = "/entity/software_specification/package_extensions/*/metadata"
EXPECTED = {
    "/metadata/created_at: time instead of coarser or finer time": FINER,
    "/metadata/space_id: added": "the clients take it out of what a notebook shows",
    f"{_EXTENSION}/created_at: time instead of coarser or finer time": FINER,
    f"{_EXTENSION}/usage/last_accessed_at: time instead of coarser or finer time": FINER,
    f"{_EXTENSION}/usage/last_updated_at: time instead of coarser or finer time": FINER,
    f"{_EXTENSION}/creator_id: added": LATER,
    f"{_EXTENSION}/is_primary_attachment_downloadable: added": LATER,
    f"{_EXTENSION}/rov/member_roles: added": LATER,
    f"{_EXTENSION}/rov/member_roles/1000330999: added": "another user",
    f"{_EXTENSION}/rov/member_roles/IBMid-000000OWNER: missing": "another user",
    f"{_EXTENSION}/creator_id: number instead of text": "another user",
    f"{_EXTENSION}/owner_id: number instead of text": "another user",
    f"{_EXTENSION}/usage/last_accessor_id: number instead of text": "another user",
    f"{_EXTENSION}/usage/last_updater_id: number instead of text": "another user",
}


def test_a_custom_base_one_is_found_in_the_recorded_shape(client: Client) -> None:
    """As a base specification of ours is found by its name, which has a life cycle besides."""
    name = "2025-01-07_list_of_software_specification_function_custom_image_2"
    recorded = json.loads((WIRE / f"{name}.json").read_text("utf-8"))["body"]
    recorded["resources"][0]["entity"]["software_specification"]["package_extensions"] = []

    ours = client("GET", "/v2/software_specifications?name=runtime-25.1-py3.12").json

    assert ["/resources/*/metadata/life_cycle: added"] == list(differences(recorded, ours))


def test_a_name_is_derived_once(client: Client) -> None:
    """409 for a second one of the name, and for a base one's name."""
    assert [201, 409, 409] == [
        derive(client).status,
        derive(client).status,
        derive(client, name="runtime-25.1-py3.12").status,
    ]


def test_extensions_are_added_and_taken_away(client: Client) -> None:
    """204 for both, 404 for one that is not there."""
    identifier = extension(client)
    path = f"/v2/software_specifications/{derive(client).json['metadata']['asset_id']}"

    statuses = [
        client("PUT", f"{path}/package_extensions/{identifier}?{client.scope}").status,
        client("DELETE", f"{path}/package_extensions/{identifier}?{client.scope}").status,
        client("DELETE", f"{path}/package_extensions/{identifier}?{client.scope}").status,
        client("DELETE", f"{path}?{client.scope}").status,
    ]

    assert [204, 204, 404, 204] == statuses


@pytest.mark.timeout(300)
def test_a_function_uses_what_an_extension_brings(client: Client) -> None:
    """The package is installed for the deployment that asks for it, and for no other."""
    import gzip  # noqa: PLC0415 - this test alone

    source = (
        b"def score(payload):\n    import wmlanswer\n    return {'predictions': [{'values': [[wmlanswer.ANSWER]]}]}\n"
    )
    derived = derive(client, extension(client)).json["metadata"]["asset_id"]
    answers = []
    for specification in (derived, RUNTIME):
        document = {"name": "function", "software_spec": {"id": specification}, "space_id": client.space_id}
        function_id = client("POST", "/ml/v4/functions", document).json["metadata"]["id"]
        client("PUT", f"/ml/v4/functions/{function_id}/code?{client.scope}", content=gzip.compress(source))
        answers.append(client.predict(client.deploy({"id": function_id}), [[1]]))

    assert [200, 400] == [answer.status for answer in answers]
    assert [{"values": [[42]]}] == answers[0].json["predictions"]


def test_hardware_is_made_and_deleted(client: Client) -> None:
    """A user's own one is listed, deployed with, and gone."""
    document = {"name": "huge", "description": "text", "nodes": {"cpu": {"units": "64"}, "mem": {"size": "1Ti"}}}
    created = client("POST", f"/v2/hardware_specifications?{client.scope}", document)
    path = f"/v2/hardware_specifications/{created.json['metadata']['asset_id']}?{client.scope}"
    listed = client("GET", f"/v2/hardware_specifications?{client.scope}&name=huge").json["total_results"]

    assert (201, 1, 204, 404) == (created.status, listed, client("DELETE", path).status, client("GET", path).status)


@pytest.mark.parametrize(("identifier", "status"), [(RUNTIME, 403), ("00000000-0000-0000-0000-000000000000", 404)])
def test_only_derived_specifications_are_deleted(identifier: str, status: int, client: Client) -> None:
    """A base specification is everybody's."""
    path = f"/v2/software_specifications/{identifier}?{client.scope}"

    assert status == client("DELETE", path).status
