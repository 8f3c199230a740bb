"""Makes on this service what a recording shows, and returns our answer for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.specifications.catalogue import SOFTWARE
from wml_deployer.server.specifications.pairs import supported_for

if TYPE_CHECKING:
    from tests.server.conftest import Client

_COMPUTED = ("hybrid_pipeline_software_specs", "software_spec")


def software(client: Client, entity: dict[str, Any]) -> dict[str, str]:
    """Return the software specification of a recording, deriving one of its name where it is no base one."""
    recorded = entity["software_spec"]
    if recorded.get("name", "") in SOFTWARE or recorded["id"] in SOFTWARE.values():
        return {"id": recorded["id"]}
    base = next(iter(supported_for(entity["type"])), "runtime-25.1-py3.12")
    document = {"name": recorded["name"], "base_software_specification": {"guid": SOFTWARE[base]}}
    answer = client("POST", f"/v2/software_specifications?{client.scope}", document)
    assert answer.status == 201, answer.content
    return {"id": str(answer.json["metadata"]["asset_id"])}


def artifact(client: Client, recorded: dict[str, Any]) -> tuple[str, str]:
    """Store what a recording shows; return the path of its collection and its id."""
    metadata, entity = recorded["metadata"], recorded["entity"]
    collection = "/ml/v4/functions" if entity["type"] == "python" else "/ml/v4/models"
    fields = {key: value for key, value in entity.items() if key not in _COMPUTED}
    fields |= {key: metadata[key] for key in ("name", "description", "tags") if key in metadata}
    if entity.get("hybrid_pipeline_software_specs"):
        fields["hybrid_pipeline_software_specs"] = entity["hybrid_pipeline_software_specs"]
    fields |= {"software_spec": software(client, entity), "space_id": client.space_id}
    answer = client("POST", collection, fields)
    assert answer.status == 201, answer.content
    return collection, str(answer.json["metadata"]["id"])


def model_details(client: Client, recorded: dict[str, Any]) -> Any:
    """Our details of the recorded model or function."""
    collection, identifier = artifact(client, recorded)
    if "commit_info" in recorded["metadata"]:
        client("POST", f"{collection}/{identifier}/revisions", {"space_id": client.space_id})
    return client("GET", f"{collection}/{identifier}?{client.scope}").json


def revision_details(client: Client, recorded: dict[str, Any]) -> Any:
    """Our answer to the commit of the recorded revision."""
    collection, identifier = artifact(client, recorded)
    return _commit(client, f"{collection}/{identifier}", recorded)


def revision_list(client: Client, recorded: dict[str, Any]) -> Any:
    """Our list of as many revisions as recorded."""
    model = {"metadata": recorded["resources"][0]["metadata"], "entity": _ANY_MODEL}
    collection, identifier = artifact(client, model)
    for each in reversed(recorded["resources"]):
        _commit(client, f"{collection}/{identifier}", each)
    return client("GET", f"{collection}/{identifier}/revisions?{client.scope}").json


def deployment_details(client: Client, recorded: dict[str, Any], content: bytes) -> Any:
    """Our details of the recorded deployment, patched and scaled where the recorded one was."""
    entity, status = recorded["entity"], recorded["entity"]["status"]
    model_id = client.store(content, type="scikit-learn_1.6")
    rev = {}
    if "rev" in entity["asset"]:
        for _ in range(int(entity["asset"]["rev"])):
            client("POST", f"/ml/v4/models/{model_id}/revisions", {"space_id": client.space_id})
        rev = {"rev": entity["asset"]["rev"]}
    kept = ("batch", "online", "description", "hybrid_pipeline_hardware_specs", "name", "custom")
    fields = {key: entity[key] for key in kept if key in entity}
    if entity.get("hardware_spec", {}).get("name") in ("S", "M"):
        fields["hardware_spec"] = {"name": entity["hardware_spec"]["name"]}
    deployment_id = client.deploy({"id": model_id}, **fields)
    text = status.get("message", {}).get("text", "")
    if "patched" in text or rev:
        _patch(client, deployment_id, "/asset", {"id": model_id, **rev})
        client.wait_until_idle(deployment_id)
    if "scaling_status" in text:
        answer = _patch(client, deployment_id, "/hardware_spec", {"name": "S", "num_nodes": 2})
        return answer if "scaling" in status else client.wait_until_idle(deployment_id)
    return client.deployment(deployment_id)


def deployment_list(client: Client, recorded: dict[str, Any], content: bytes) -> Any:
    """Our list with a deployment such as the recorded one that stands first."""
    deployment_details(client, recorded["resources"][0], content)
    return client("GET", f"/ml/v4/deployments?{client.scope}").json


def space_details(client: Client, recorded: dict[str, Any]) -> Any:
    """Our answer about the recorded space: to its making, to a patch, or to a look."""
    entity = recorded["entity"]
    fields = {"name": f"{entity['name']} {client.space_id}", "description": entity["description"]}
    created = client("POST", "/v2/spaces", fields).json
    path = f"/v2/spaces/{created['metadata']['id']}"
    if entity["status"]["state"] == "preparing":
        return created
    if "members" in entity:
        return client("PATCH", path, [{"op": "replace", "path": "/description", "value": "new"}]).json
    return client("GET", path).json


def job_details(client: Client, recorded: dict[str, Any], content: bytes) -> Any:
    """Our details of the recorded job, queued or completed."""
    deployment_id = client.deploy({"id": client.store(content)}, batch={})
    entity, scoring = recorded["entity"], dict(recorded["entity"]["scoring"])
    if "input_data" in scoring:
        scoring = {"input_data": [{**scoring["input_data"][0], "values": [[1.0, 2.0, 3.0, 4.0]]}]}
    if "output_data_reference" in scoring:
        scoring = _with_assets(client, scoring)
    fields = {"deployment": {"id": deployment_id}, "scoring": scoring, "space_id": client.space_id}
    fields |= {key: entity[key] for key in ("hybrid_pipeline_hardware_specs",) if key in entity}
    fields["name"] = recorded["metadata"]["name"]
    created = client("POST", "/ml/v4/deployment_jobs", fields)
    assert created.status == 202, created.content
    if entity["scoring"]["status"]["state"] == "queued":
        return created.json
    return client.finished(created.json["metadata"]["id"])


_ANY_MODEL = {"type": "scikit-learn_1.6", "software_spec": {"id": SOFTWARE["runtime-25.1-py3.12"]}}


def _commit(client: Client, path: str, recorded: dict[str, Any]) -> Any:
    message = recorded["metadata"]["commit_info"].get("commit_message")
    body = {"space_id": client.space_id, **({"commit_message": message} if message else {})}
    return client("POST", f"{path}/revisions", body).json


def _patch(client: Client, deployment_id: str, path: str, value: Any) -> Any:
    change = [{"op": "replace", "path": path, "value": value}]
    return client("PATCH", f"/ml/v4/deployments/{deployment_id}?{client.scope}", change).json


def _with_assets(client: Client, scoring: dict[str, Any]) -> dict[str, Any]:
    """Return references of the recorded shape that lead to assets of this space."""
    asset = client.data_asset("input.csv", b"a,b,c,d\n1,2,3,4\n")
    reference = {"type": "data_asset", "connection": {}, "location": {"href": asset}}
    names = {"id": scoring["input_data_references"][0]["id"]}
    output = {"type": "data_asset", "connection": {}, "location": {"name": "output.csv"}}
    return {"input_data_references": [{**reference, **names}], "output_data_reference": output}
