"""The main job over plain HTTPS: store, deploy, score, update, roll back, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.server.conftest import Client


def expected(model: Any, rows: list[list[float]]) -> list[Any]:
    """What a deployment of the model answers: label and probabilities, unrounded."""
    labels, probabilities = model.predict(rows), model.predict_proba(rows)
    return [[int(label), row.tolist()] for label, row in zip(labels, probabilities, strict=True)]


def test_predictions_are_the_models_own(
    client: Client, classifiers: tuple[Any, Any], archives: tuple[bytes, bytes], rows: list[list[float]]
) -> None:
    """A deployment answers bit for bit what the local model does."""
    deployment_id = client.deploy({"id": client.store(archives[0])})

    block = client.predict(deployment_id, rows).json["predictions"][0]

    assert {"fields": ["prediction", "probability"], "values": expected(classifiers[0], rows)} == block


def test_revisions_freeze_the_content(client: Client, archives: tuple[bytes, bytes]) -> None:
    """What was uploaded later does not change a revision."""
    model_id = client.store(archives[0])
    client("POST", f"/ml/v4/models/{model_id}/revisions", {"space_id": client.space_id})
    client("PUT", f"/ml/v4/models/{model_id}/content?{client.scope}", content=archives[1])

    path = f"/ml/v4/models/{model_id}/download?{client.scope}"

    assert archives == (client("GET", f"{path}&revision_id=1").content, client("GET", path).content)


def test_every_revision_is_on_one_page(client: Client, archives: tuple[bytes, bytes]) -> None:
    """The links lead from the newest revision to the oldest."""
    model_id = client.store(archives[0])
    for _ in range(5):
        client("POST", f"/ml/v4/models/{model_id}/revisions", {"space_id": client.space_id})
    found, link = [], f"/ml/v4/models/{model_id}/revisions?{client.scope}&limit=2"
    while link:
        page = client("GET", link).json
        found += [resource["metadata"]["rev"] for resource in page["resources"]]
        link = page.get("next", {}).get("href", "")

    assert ["5", "4", "3", "2", "1"] == found


def test_update_and_rollback_change_what_serves(
    client: Client, classifiers: tuple[Any, Any], archives: tuple[bytes, bytes], rows: list[list[float]]
) -> None:
    """After a patch of the asset the other revision answers, and after one back the first does."""
    model_id = client.store(archives[0])
    client("POST", f"/ml/v4/models/{model_id}/revisions", {"space_id": client.space_id})
    client("PUT", f"/ml/v4/models/{model_id}/content?{client.scope}", content=archives[1])
    client("POST", f"/ml/v4/models/{model_id}/revisions", {"space_id": client.space_id})
    deployment_id = client.deploy({"id": model_id, "rev": "1"})
    answers = []
    for revision in ("2", "1"):
        change = [{"op": "replace", "path": "/asset", "value": {"id": model_id, "rev": revision}}]
        assert client("PATCH", f"/ml/v4/deployments/{deployment_id}?{client.scope}", change).status == 202
        client.wait_until_idle(deployment_id)
        answers.append(client.predict(deployment_id, rows).json["predictions"][0]["values"])

    assert [expected(classifiers[1], rows), expected(classifiers[0], rows)] == answers


def test_an_asset_that_does_not_load_is_reverted(
    client: Client, classifiers: tuple[Any, Any], archives: tuple[bytes, bytes], rows: list[list[float]]
) -> None:
    """The deployment goes on serving the old asset, is ready, and says what failed."""
    good, bad = client.store(archives[0]), client.store(b"no archive at all")
    deployment_id = client.deploy({"id": good})
    client(
        "PATCH",
        f"/ml/v4/deployments/{deployment_id}?{client.scope}",
        [{"op": "replace", "path": "/asset", "value": {"id": bad}}],
    )

    entity = client.wait_until_idle(deployment_id)["entity"]
    values = client.predict(deployment_id, rows).json["predictions"][0]["values"]

    assert ("ready", {"id": good}, True) == (entity["status"]["state"], entity["asset"], "failure" in entity["status"])
    assert expected(classifiers[0], rows) == values


def test_a_deployment_of_a_broken_content_fails(client: Client) -> None:
    """It says in its status why, and predictions are refused with the same."""
    deployment_id = client.deploy({"id": client.store(b"no archive at all")})

    status = client.deployment(deployment_id)["entity"]["status"]

    assert "failed" == status["state"]
    assert status["failure"]["errors"][0]["message"] in client.predict(deployment_id, [[1.0]]).message


def test_an_asset_with_deployments_stays(client: Client, archives: tuple[bytes, bytes]) -> None:
    """It can be deleted only after its deployments."""
    model_id = client.store(archives[0])
    deployment_id = client.deploy({"id": model_id})
    path = f"/v2/assets/{model_id}?{client.scope}"

    refused = client("DELETE", path).status
    client("DELETE", f"/ml/v4/deployments/{deployment_id}?{client.scope}")

    assert (409, 204) == (refused, client("DELETE", path).status)
