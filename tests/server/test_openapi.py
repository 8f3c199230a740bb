"""The service's OpenAPI document: true of the recorded answers, and of its own to thousands of made-up requests."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.server.conftest import RUNTIME, Client
from wml_deployer.server.app.application import ROUTES
from wml_deployer.server.http.openapi import openapi
from wml_deployer.server.http.routing import Call, JsonResponse, Route
from wml_deployer.server.http.schemas import PARAMETERS, SCHEMAS
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

WIRE = Path(__file__).parents[1] / "data" / "wire"
PROGRAM = Path(__file__).with_name("openapi_program.py")
CASES = int(os.environ.get("WML_DEPLOYER_OPENAPI_CASES", "200"))
"""How many requests each operation gets."""

RECORDED = {
    "models": ("Artifact", "Artifacts"),
    "revisions": ("Artifact", "Revisions"),
    "deployments": ("Deployment", "Deployments"),
    "jobs": ("Job", "Jobs"),
    "spaces": ("Space", "Spaces"),
    "scoring": ("Predictions", ""),
    "software_specs": ("Specification", "Specifications"),
    "errors": ("Error", ""),
}
"""Folder of recordings -> the schema of one document, and that of a list."""


def document() -> dict[str, Any]:
    return openapi(ROUTES, "https://127.0.0.1", "5.0.0")


def test_a_new_route_is_described_by_its_row() -> None:
    """Path, parameters, and what it takes and gives; the handler's docstring is the summary."""

    def list_toys(call: Call) -> JsonResponse:
        """List the toys."""
        return JsonResponse(200, {"resources": []})

    row = Route("GET", "/v2/toys", list_toys, query="scope name", gives="200 Specifications")
    described = openapi((*ROUTES, row), "https://127.0.0.1", "5.0.0")["paths"]["/v2/toys"]["get"]

    assert "List the toys." == described["summary"]
    assert {"200", "default"} == described["responses"].keys()


def references(value: Any) -> Iterator[str]:
    """Each schema that is referred to."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def recordings() -> Iterator[tuple[str, Any]]:
    """Name and body of each recorded answer that one of the schemas is about."""
    for folder in RECORDED.keys() - {"errors"}:
        for path in sorted((WIRE / folder).glob("*.json")):
            recorded = json.loads(path.read_text("utf-8"))
            if "body" in recorded:
                yield f"{folder}/{path.stem}", recorded["body"]
    errors = json.loads((WIRE / "errors" / "public_error_bodies.json").read_text("utf-8"))["errors"]
    for number, recorded in enumerate(errors):
        if isinstance(recorded.get("body"), dict) and "errors" in recorded["body"]:
            # One trace was masked by who published it.
            yield f"errors/{number}", json.loads(json.dumps(recorded["body"]).replace('"xxx"', f'"{"0" * 32}"'))


def test_every_operation_is_described() -> None:
    """With what it does, under an id of its own; every schema is there, and every one is used."""
    described = document()
    operations = [operation for path in described["paths"].values() for operation in path.values()]

    assert len(ROUTES) == len(operations) == len({operation["operationId"] for operation in operations})
    assert all(operation["summary"] for operation in operations)
    assert set(SCHEMAS) == set(references(described))
    assert set(PARAMETERS) == {group for route in ROUTES for group in route.query.split()}


def test_the_service_shows_its_description(client: Client) -> None:
    """To tests, under the control API."""
    shown = client("GET", "/control/v1/openapi").json

    assert ("3.1.0", client.server.url) == (shown["openapi"], shown["servers"][0]["url"])
    assert set(document()["paths"]) == set(shown["paths"])


BODIES = dict(recordings())


@pytest.mark.parametrize("name", sorted(BODIES))
def test_recorded_answers_are_valid(name: str) -> None:
    """What the real service answered is what the document says of this one."""
    one, many = RECORDED[name.partition("/")[0]]
    # One notebook kept the blocks alone.
    body = {"predictions": BODIES[name]} if isinstance(BODIES[name], list) else BODIES[name]
    chosen = many if many and "resources" in body else one

    jsonschema.validate(body, {"$ref": f"#/components/schemas/{chosen}", "components": {"schemas": SCHEMAS}})


@pytest.mark.exhaustive
@pytest.mark.timeout(7200)
def test_made_up_requests_are_answered_as_described(tmp_path: Path, archives: tuple[bytes, bytes]) -> None:
    """Never with a 500, always as the document says, and nearly every operation succeeds."""
    python = os.environ.get("WML_DEPLOYER_SCHEMATHESIS") or sys.executable
    if python == sys.executable and find_spec("schemathesis") is None:
        pytest.skip('schemathesis is not installed (nox -s "exhaustive(openapi)")')
    with LocalServer(tmp_path / "service") as server:
        client = Client(server)
        model_id = client.store(archives[0])
        given = {
            "url": server.url,
            "ca_bundle": str(server.info.ca_bundle),
            "token": client.token,
            "username": server.info.username,
            "apikey": server.info.apikey,
            "space": client.space_id,
            "runtime": RUNTIME,
            "model": model_id,
            "online": client.deploy({"id": model_id}),
            "batch": client.deploy({"id": model_id}, batch={}),
            "document": client("GET", "/control/v1/openapi").json,
            "examples": CASES,
            "seed": random.randrange(2**32),
        }
        (tmp_path / "given.json").write_text(json.dumps(given), "utf-8")
        command = [python, str(PROGRAM), str(tmp_path / "given.json")]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        client.close()
    assert run.returncode == 0, run.stderr[-5000:]
    told = json.loads(run.stdout.splitlines()[-1])
    failing = [
        operation
        for operation, statuses in told["statuses"].items()
        if not any(status.startswith("2") for status in statuses)
    ]

    reached = f"{told['cases']} cases; {len(ROUTES) - len(failing)} of {len(ROUTES)} operations succeed, not {failing}"
    print(reached)  # noqa: T201 - what a long run is read for

    assert [] == told["wrong"], given["seed"]
    assert len(failing) <= len(ROUTES) // 20, reached
    assert told["cases"] >= 0.95 * CASES * len(ROUTES), reached
