"""Other people's programs, written for the real service, find here what they look for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.server.conftest import RUNTIME, Answer, Client
from wml_deployer.server.specifications.catalogue import CURRENT, LIFE, SOFTWARE
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SURFACE = Path(__file__).with_name("surface.py")
#: What the client refuses by itself on a platform, before it asks for anything.
CLIENTS_OWN = (
    "only available for",
    "is unsupported for this release",
    "is no longer supported",
    "This method is not supported for IBM Cloud Pak",
    # Of what there is none, or a mistake of the client's own.
    "99999999-9999-4999-8999-999999999999' does not exist",
    "cannot reuse already awaited coroutine",
    "Attempted to call a sync iterator on an async stream",
    # It says no more of what it was answered.
    "Failed to Get the volume details",
    "Cannot retrieve status of the volume",
    "Failed to start the file to  volume",
    # What the credentials have not.
    "instance_id for this plan is picked up from the space",
    "`password` missing in credentials",
    "Not applicable for Cloud",
    "Not supported on this environment",
    "is not supported on IBM watsonx.ai for IBM Cloud",
    "Artifact with artifact_name: 'no such model' does not exist",
    "`no such specification` failed as the resource was not found",
)


def shell(pipe: str, answer: Answer) -> str:
    """What a pipe of the shell makes of a body, as a curl that prints it would."""
    run = subprocess.run(["sh", "-c", pipe], input=answer.content, capture_output=True, timeout=20, check=True)
    return run.stdout.decode().strip()


@pytest.fixture
def cloud(server: LocalServer) -> Iterator[Client]:
    """A client of the cloud's."""
    one = Client(server, flavour="cloud")
    one.space_id = one.make_space(f"cloud space of {time.monotonic_ns()}")
    yield one
    one("DELETE", f"/v2/spaces/{one.space_id}")
    one.close()


def store(client: Client, **fields: Any) -> Answer:
    """Store a model's document."""
    good = {"name": "model", "type": "scikit-learn_1.6", "software_spec": {"id": RUNTIME}, "space_id": client.space_id}
    return client("POST", "/ml/v4/models?version=2026-08-17", {**good, **fields})


def test_a_shell_script_finds_ids_by_their_lines(client: Client, archives: tuple[bytes, bytes]) -> None:
    """The samples for curl take the second id of a model, and the third one of a deployment, with grep and awk."""
    ids = """grep '"id": ' | awk -F '"' '{ print $4 }'"""
    created = store(client)
    model_id = shell(f"{ids} | sed -n 2p", created)
    client("PUT", f"/ml/v4/models/{model_id}/content?{client.scope}", content=archives[0])
    hardware = {"name": "S", "num_nodes": 1}
    document = {
        "hardware_spec": hardware,
        "online": {},
        "name": "d",
        "asset": {"id": model_id},
        "space_id": client.space_id,
    }
    deployed = client("POST", "/ml/v4/deployments", document)
    deployment_id = shell(f"{ids} | sed -n 3p", deployed)
    state = shell(
        """grep '"state": ' | awk -F '"' '{ print $4 }'""",
        client("GET", f"/ml/v4/deployments/{deployment_id}?{client.scope}"),
    )

    assert (created.json["metadata"]["id"], deployed.json["metadata"]["id"]) == (model_id, deployment_id)
    assert state in ("initializing", "ready")


def test_a_shell_script_cuts_the_token_out_of_one_line(client: Client) -> None:
    """The samples for curl do so; documents are on many lines, tokens and predictions on one."""
    cloud = client.exchange()

    assert cloud.json["access_token"] == shell("cut -d'\"' -f4", cloud)
    assert [1, 1] == [len(answer.content.splitlines()) for answer in (cloud, client.log_in())]


@pytest.mark.parametrize("path", ["/oidc/token", "/identity/token"])
def test_the_key_may_be_in_the_query(path: str, client: Client, server: LocalServer) -> None:
    """IBM's sample for REST puts it there; the log does not keep it."""
    key = server.info.apikey
    grant = {"apikey": key, "grant_type": "urn:ibm:params:oauth:grant-type:apikey", "response_type": "cloud_iam"}
    server.clear_requests()
    answer = client("POST", f"{path}?{urlencode(grant)}", token="")
    wrong = client("POST", f"{path}?{urlencode({**grant, 'apikey': 'wrong'})}", token="")

    assert (200, 400) == (answer.status, wrong.status)
    assert 200 == client("GET", "/v2/spaces", token=answer.json["access_token"]).status
    assert not any(key in f"{entry.path}?{entry.query}" for entry in server.requests)


@pytest.mark.parametrize(("size", "cores", "memory"), [("XS", "1", "4Gi"), ("ML", "4", "32Gi"), ("XL", "16", "64Gi")])
def test_every_size_can_be_asked_for(
    size: str, cores: str, memory: str, client: Client, archives: tuple[bytes, bytes]
) -> None:
    """By its name, for an online and for a batch deployment."""
    (found,) = client("GET", f"/v2/hardware_specifications?name={size}").json["resources"]
    nodes = found["entity"]["hardware_specification"]["nodes"]
    model_id = client.store(archives[0])
    named = {"name": size, "num_nodes": 1}
    kept = [
        client.deployment(client.deploy({"id": model_id}, hardware_spec=named, **{kind: {}}))["entity"]["hardware_spec"]
        for kind in ("online", "batch")
    ]

    assert (cores, memory) == (nodes["cpu"]["units"], nodes["mem"]["size"])
    assert [{**named, "id": found["metadata"]["asset_id"]}] * 2 == kept


@pytest.mark.parametrize("compute", [{}, {"compute": []}, {"compute": None}], ids=str)
def test_a_space_without_an_instance_does_not_speak_of_one(compute: Any, cloud: Client) -> None:
    """IBM's client takes the first of what is there; a project is shown likewise."""
    made = cloud("POST", "/v2/spaces", {"name": f"bare {time.monotonic_ns()}", **compute}).json
    shown = cloud("GET", f"/v2/spaces/{made['metadata']['id']}").json
    project = cloud("POST", "/transactional/v2/projects", {"name": f"bare {time.monotonic_ns()}", **compute})
    path = project.json["location"]
    kept = cloud("GET", path).json
    cloud("DELETE", f"/v2/spaces/{made['metadata']['id']}")
    cloud("DELETE", f"/transactional{path}")

    assert not any("compute" in document["entity"] for document in (made, shown, kept))


@pytest.mark.parametrize(
    ("asset_type", "method", "name"),
    [
        ("script", "batch", "scripts"),
        ("shiny_asset", "r_shiny", "R Shiny applications"),
        ("shiny_asset", "online", "R Shiny applications"),
        ("data_asset", "online", "data assets"),
        ("wml_model_definition", "online", "model definitions"),
        ("something", "online", "assets of the type something"),
    ],
)
def test_what_is_not_deployed_here_is_refused_by_its_name(
    asset_type: str, method: str, name: str, client: Client
) -> None:
    """The asset does exist: it is the deployment that is not served."""
    document = {"metadata": {"name": "asset", "asset_type": asset_type}, "entity": {asset_type: {}}}
    asset = client("POST", f"/v2/assets?{client.scope}", document).json["metadata"]["asset_id"]
    wanted = {"name": "d", method: {}, "asset": {"id": asset}, "space_id": client.space_id}

    answer = client("POST", "/ml/v4/deployments", wanted)

    assert (404, "operation_not_served") == (answer.status, answer.code)
    assert name in answer.message


@pytest.mark.parametrize("kind", ["ai_services", "pipelines", "experiments"])
def test_artifacts_that_are_only_kept_are_refused_by_their_name(kind: str, cloud: Client) -> None:
    """They can be stored and shown; what runs here are models and functions."""
    document = {"name": "kept", "software_spec": {"id": RUNTIME}, "space_id": cloud.space_id}
    kept = cloud("POST", f"/ml/v4/{kind}", document).json["metadata"]["id"]
    wanted = {"name": "d", "online": {}, "asset": {"id": kept}, "space_id": cloud.space_id}
    answer = cloud("POST", "/ml/v4/deployments", wanted)

    assert (404, "operation_not_served") == (answer.status, answer.code)
    assert kind.replace("ai_services", "AI services") in answer.message


def test_decision_optimization_is_refused_by_its_name(client: Client, archives: tuple[bytes, bytes]) -> None:
    """A job of a solver is no job of the deployment."""
    batch = client.deploy({"id": client.store(archives[0])}, batch={})
    document = {"deployment": {"id": batch}, "space_id": client.space_id, "decision_optimization": {"input_data": []}}
    answer = client("POST", "/ml/v4/deployment_jobs", document)

    assert (404, "operation_not_served") == (answer.status, answer.code)
    assert "decision optimization" in answer.message


@pytest.mark.parametrize("kind", ["model", "data asset"])
def test_an_asset_is_promoted_by_its_own_address(kind: str, client: Client, archives: tuple[bytes, bytes]) -> None:
    """As the platform's interface has it: from the project in the query into the space in the body."""
    made = client("POST", "/transactional/v2/projects", {"name": f"project {time.monotonic_ns()}"})
    project = made.json["location"].rpartition("/")[2]
    if kind == "model":
        document = {"name": "model", "type": "scikit-learn_1.6", "software_spec": {"id": RUNTIME}}
        stored = client("POST", "/ml/v4/models", {**document, "project_id": project}).json["metadata"]["id"]
    else:
        document = {"metadata": {"name": "table", "asset_type": "data_asset"}}
        stored = client("POST", f"/v2/assets?project_id={project}", document).json["metadata"]["asset_id"]
    path = f"/v2/assets/{stored}/promote?project_id={project}"
    promoted = client("POST", path, {"space_id": client.space_id})
    client("DELETE", f"/transactional/v2/projects/{project}")
    copy = promoted.json["metadata"]["asset_id"]

    assert 201 == promoted.status
    assert 200 == client("GET", f"/v2/assets/{copy}?{client.scope}").status


def test_an_ai_service_has_a_type_of_code(cloud: Client) -> None:
    """The client's list shows it, whether it was said or not."""
    common = {"software_spec": {"id": RUNTIME}, "space_id": cloud.space_id}
    cloud("POST", "/ml/v4/ai_services", {"name": "one", **common})
    cloud("POST", "/ml/v4/ai_services", {"name": "two", "code_type": "kserve", **common})
    listed = cloud("GET", f"/ml/v4/ai_services?{cloud.scope}").json["resources"]

    assert ["python", "kserve"] == [each["entity"]["code_type"] for each in listed]


def test_models_are_found_by_their_specification(client: Client) -> None:
    """By its id or its name, a derived one as well."""
    base = {"name": "derived", "base_software_specification": {"guid": RUNTIME}}
    derived = client("POST", f"/v2/software_specifications?{client.scope}", base).json["metadata"]["asset_id"]
    first = store(client).json["metadata"]["id"]
    second = store(client, software_spec={"id": derived}).json["metadata"]["id"]
    asked = (RUNTIME, "runtime-25.1-py3.12", derived, "derived", "none")
    found = {
        each: [
            model["metadata"]["id"]
            for model in client("GET", f"/ml/v4/models?{client.scope}&software_spec={each}").json["resources"]
        ]
        for each in asked
    }

    assert dict(zip(asked, ([first], [first], [second], [second], []), strict=True)) == found


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/ml/v4/model_definitions", "Model definitions"),
        ("GET", "/ml/v4/trainings", "Training"),
        ("POST", "/v2/connections/files/driver.jar", "Connections"),
        ("PUT", "/v2/asset_files/dbdrivers/driver.jar", "database drivers"),
        ("GET", "/v2/datasource_types", "Connections"),
    ],
)
def test_what_the_platform_has_and_this_service_does_not_is_named(
    method: str, path: str, name: str, client: Client
) -> None:
    """404 with a code of its own: nobody searches for a mistake of theirs."""
    answer = client(method, f"{path}?{client.scope}")

    assert (404, "operation_not_served") == (answer.status, answer.code)
    assert name in answer.message


def test_a_project_is_changed_as_a_whole(client: Client) -> None:
    """The newer client sends all of what it may change; what it may not is refused."""
    made = client("POST", "/transactional/v2/projects", {"name": f"project {time.monotonic_ns()}"})
    path = made.json["location"]
    changed = client("PATCH", path, {"name": "renamed", "description": "said", "public": False})
    wrong: list[dict[str, Any]] = [{"storage": {}}, {"name": " "}, {"name": 5}]
    refused = [client("PATCH", path, each).status for each in wrong]
    shown = client("GET", path).json["entity"]
    client("DELETE", f"/transactional{path}")

    assert (200, "renamed", "said") == (changed.status, shown["name"], shown["description"])
    assert [400] * 3 == refused


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Client]:
    """A client of a service whose specifications may be moved along their lives."""
    with LocalServer(tmp_path) as server:
        client = Client(server)
        yield client
        client.close()


def test_a_specification_in_any_other_state_takes_no_models(own: Client) -> None:
    """Only the first three do; withdrawn ones and those in a state that nobody knows do not."""
    statuses = {}
    for state in (*LIFE, "on-holiday"):
        own.server.set_specification("runtime-25.1-py3.12", state)
        metadata = own("GET", f"/v2/software_specifications/{RUNTIME}").json["metadata"]
        assert state in metadata["life_cycle"]
        statuses[state] = store(own).status

    assert {state: 201 if state in CURRENT else 400 for state in statuses} == statuses


@pytest.mark.parametrize(
    "name",
    ["runtime-25.1-py3.12-cuda", "do_20.1", "do_22.1", "do_22.2", "spark-mllib_3.5", "default_py3.7_opence"],
)
def test_every_specification_that_is_known_is_listed(name: str, client: Client) -> None:
    """Current ones take functions, the others say what is to be used instead."""
    (found,) = client("GET", f"/v2/software_specifications?name={name}").json["resources"]
    document = {"name": "f", "software_spec": {"name": name}, "space_id": client.space_id}
    retired = "retired" in found["metadata"]["life_cycle"]

    assert (400 if retired else 201) == client("POST", "/ml/v4/functions", document).status
    assert (name == "default_py3.7_opence") == retired


def test_the_cloud_has_let_go_of_the_older_runtime(client: Client, cloud: Client) -> None:
    """Cloud Pak for Data 5.0 still has it, as deprecated."""
    old = {"type": "scikit-learn_1.3", "software_spec": {"name": "runtime-24.1-py3.11"}}
    cycles = [
        each("GET", f"/v2/software_specifications/{SOFTWARE['runtime-24.1-py3.11']}").json["metadata"]["life_cycle"]
        for each in (client, cloud)
    ]

    assert (201, 400) == (store(client, **old).status, store(cloud, **old).status)
    assert [False, True] == ["retired" in cycle for cycle in cycles]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["software", "cloud"])
def test_a_program_on_the_newer_client_alone_gets_all_it_asks_for(
    mode: str, server: LocalServer, tmp_path: Path
) -> None:
    """Each public method of its classic surface is right, or refused by the name of what is not here."""
    pytest.importorskip("ibm_watsonx_ai")
    command = [sys.executable, str(SURFACE), mode, server.url, server.info.apikey, str(server.info.ca_bundle)]
    run = subprocess.run(
        command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, timeout=280, check=False
    )
    told = [json.loads(line) for line in run.stdout.splitlines() if line.startswith('{"call"')]
    uncalled = [line for line in run.stdout.splitlines() if line.startswith('{"uncalled"')]
    wrong = [
        each
        for each in told
        if each["outcome"] != "done"
        and "operation_not_served" not in each["outcome"]
        and not any(text in each["outcome"] for text in CLIENTS_OWN)
    ]

    assert ([], 0) == (wrong, run.returncode), run.stderr[-3000:]
    assert ['{"uncalled": []}'] == uncalled
    assert len(told) > 400
