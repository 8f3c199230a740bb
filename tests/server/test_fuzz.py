"""Nonsense on every route is refused, never answered with a 500, and leaves nothing behind.

``WML_DEPLOYER_FUZZ_SECONDS`` says how long; a few hundred requests by default.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import urllib3

from tests.server.conftest import RUNTIME, Client
from wml_deployer.server.app.application import ROUTES
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = float(os.environ.get("WML_DEPLOYER_FUZZ_SECONDS", "0"))
REQUESTS = 600

_NASTY: list[Any] = [
    None, True, False, 0, -1, 1, 2**63, 2**64, 1e308, 0.1, "", " ", "\x00", "é" * 50, "a" * 5000, "../../etc/passwd",
    "'; DROP TABLE records; --", "$.metadata", "%s%n", [], {}, [[]], [{}], {"": ""}, {"id": None}, {"id": []},
    {"id": "x", "rev": "x"}, {"name": {"name": {}}}, [1, "a", None], {"$ref": "#"}, "\ud7ff", "🦊",
]  # fmt: skip
_KEYS = [
    "name", "type", "software_spec", "space_id", "project_id", "description", "tags", "custom", "schemas", "asset",
    "online", "batch", "hardware_spec", "metadata", "entity", "op", "path", "value", "query", "limit", "bookmark",
    "members", "scoring", "input_data", "input_data_references", "output_data_reference", "deployment", "username",
    "api_key", "package_extensions", "base_software_specification", "commit_message", "storage", "compute", "stage",
    "projectId", "spaceId", "hybrid_pipeline_hardware_specs", "fields", "values", "connection_id", "rev", "id",
]  # fmt: skip
_QUERIES = [
    "", "limit=1", "limit=x", "limit=-1", "start=zz", "start=ffffffffffffffff", "name=%00", "rev=0", "rev=x", "rev=99",
    "revision_id=latest", "revision_id=%20", "asset_id=x&asset_id=y", "hard_delete=true", "include=,,", "tag.value=%27",
    "state=%22", "conflict=true&serving_name=%25", "content_format=x", "version=x", "type=online",
]  # fmt: skip


_METHODS = ["GET", "PUT", "PATCH", "OPTIONS", "HEAD"]
_TYPES = ["application/json", "multipart/form-data; boundary=x", "text/plain", ""]


def good_documents(space_id: str, model_id: str) -> dict[str, Any]:
    """Documents that the service takes, by route: mutations of them get furthest."""
    scope = {"space_id": space_id}
    software = {"software_spec": {"id": RUNTIME}}
    field = {"name": "x", "type": "double"}
    schemas = {"input": [{"id": "1", "type": "DataFrame", "fields": [field]}], "output": []}
    model = {
        "name": "n",
        "type": "scikit-learn_1.6",
        **software,
        **scope,
        "schemas": schemas,
        "tags": ["a"],
        "custom": {},
    }
    deployment = {"name": "d", "asset": {"id": model_id}, **scope, "hardware_spec": {"name": "S", "num_nodes": 1}}
    asset = {"metadata": {"name": "a", "asset_type": "data_asset", "tags": []}, "entity": {"data_asset": {}}}
    reference = {"type": "data_asset", "connection": {}, "location": {"href": "/v2/assets/x", "id": "x"}}
    blocks = [{"fields": ["a"], "values": [[1.0]]}]
    patch = [{"op": "replace", "path": "/name", "value": "new"}, {"op": "add", "path": "/custom/a/b", "value": 1}]
    return {
        "POST /ml/v4/models": model,
        "POST /ml/v4/functions": {"name": "f", **software, **scope},
        "POST /ml/v4/deployments": {**deployment, "batch": {}},
        "PATCH /ml/v4/models/{artifact_id}": patch,
        "PATCH /ml/v4/deployments/{deployment_id}": [
            {"op": "replace", "path": "/asset", "value": {"id": model_id}},
            {"op": "replace", "path": "/hardware_spec", "value": {"name": "S", "num_nodes": 2}},
            {"op": "replace", "path": "/online/parameters", "value": {"serving_name": "x"}},
            {"op": "add", "path": "/online", "value": {}},
        ],
        "POST /ml/v4/deployments/{deployment_id}/predictions": {"input_data": blocks},
        "POST /ml/v4/deployment_jobs": {
            "deployment": {"id": "x"},
            **scope,
            "scoring": {"input_data": blocks, "input_data_references": [reference], "output_data_reference": reference},
        },
        "POST /v2/spaces": {"name": "s", "compute": [{"crn": "a:b", "name": "c"}], "stage": {"production": True}},
        "PATCH /v2/spaces/{space_id}": patch,
        "POST /v2/spaces/{space_id}/members": {"members": [{"id": "u", "role": "admin", "type": "user"}]},
        "PATCH /v2/spaces/{space_id}/members/{member_id}": [{"op": "replace", "path": "/role", "value": "viewer"}],
        "POST /v2/assets": asset,
        "PATCH /v2/assets/{asset_id}": [{"op": "replace", "path": "/metadata/name", "value": "b"}],
        "POST /v2/assets/{asset_id}/attachments": {"asset_type": "data_asset", "name": "x", "mime": "text/csv"},
        "POST /v2/asset_types/{asset_type}/search": {
            "query": "asset.name:a AND asset.tags:b",
            "limit": 2,
            "bookmark": "1",
        },
        "POST /v2/software_specifications": {
            "name": "w",
            "package_extensions": [{"guid": "x"}],
            "base_software_specification": {"guid": RUNTIME},
        },
        "POST /v2/hardware_specifications": {"name": "h", "description": "d", "nodes": {"cpu": {"units": "2"}}},
        "POST /v2/package_extensions": {"name": "p", "type": "conda_yml", "description": "d"},
        "POST /transactional/v2/projects": {"name": "p", "storage": {"type": "assetfiles"}, "compute": [{"crn": "x"}]},
        "POST /projects/api/rest/catalogs/assets/{asset_id}/promote": {"spaceId": space_id, "projectId": "x"},
        "POST /icp4d-api/v1/authorize": {"username": "admin", "password": "x"},
    }


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with LocalServer(tmp_path_factory.mktemp("fuzzed")) as server:
        yield server


class Fuzzer:
    """Makes requests that are nearly right."""

    def __init__(self, client: Client, dice: random.Random) -> None:
        self.client, self.dice = client, dice
        self.known = [client.space_id, RUNTIME, "latest", "1", "x", "a b", "%2e%2e"]

    def value(self, depth: int = 0) -> Any:
        """Some JSON value, mostly of the service's own words."""
        choice = self.dice.random()
        if choice < 0.35 or depth > 3:
            return self.dice.choice(_NASTY)
        if choice < 0.5:
            return self.dice.choice(self.known)
        if choice < 0.6:
            return [self.value(depth + 1) for _ in range(self.dice.randint(0, 3))]
        return {self.dice.choice(_KEYS): self.value(depth + 1) for _ in range(self.dice.randint(0, 6))}

    def mutate(self, value: Any) -> Any:
        """The value with something about it changed, often something small."""
        if self.dice.random() < 0.12:
            return self.value()
        if isinstance(value, dict):
            changed = {key: self.mutate(each) for key, each in value.items() if self.dice.random() > 0.04}
            if "path" in changed and self.dice.random() < 0.3:
                changed["path"] = f"/{self.dice.choice(_KEYS)}"
            return {**changed, self.dice.choice(_KEYS): self.value()} if self.dice.random() < 0.1 else changed
        if isinstance(value, list):
            return [self.mutate(each) for each in value if self.dice.random() > 0.05] * self.dice.choice([1, 1, 1, 2])
        return value

    def body(self, route: str) -> bytes:
        """A document, or the ruins of one."""
        good = good_documents(self.client.space_id, self.dice.choice(self.known)).get(route)
        document = self.mutate(good) if good is not None and self.dice.random() < 0.8 else self.value()
        content = json.dumps(document).encode()
        if self.dice.random() < 0.1:
            cut = self.dice.randint(0, len(content))
            content = content[:cut] + self.dice.randbytes(self.dice.randint(0, 9)) + content[cut:]
        return content

    def path(self, template: str) -> str:
        """The path of a route with ids that are known, unknown or none at all."""
        texts = [each for each in _NASTY if isinstance(each, str) and each.isprintable() and each]

        def fill(_match: re.Match[str]) -> str:
            pool = self.known if self.dice.random() < 0.8 else texts
            return quote(self.dice.choice(pool), safe="%", errors="replace")

        scope = f"space_id={self.client.space_id}" if self.dice.random() < 0.9 else "space_id=nowhere"
        return f"{re.sub(r'{.*?}', fill, template)}?{scope}&{self.dice.choice(_QUERIES)}"

    def remember(self, answer: Any) -> None:
        """Keep the id of what was made or shown; a stored content is given back as it is, whatever it looks like."""
        with contextlib.suppress(ValueError):
            document = answer.json
            metadata = document.get("metadata") if isinstance(document, dict) else None
            if isinstance(metadata, dict):
                self.known.append(str(metadata.get("id") or metadata.get("asset_id")))
                self.known = self.known[:7] + self.known[7:][-20:]

    def request(self) -> tuple[str, str, bytes, Any]:
        """Send one; return it with its answer."""
        route = self.dice.choice(ROUTES)
        method = route.method if self.dice.random() < 0.95 else self.dice.choice(_METHODS)
        path, body = self.path(route.path), self.body(f"{route.method} {route.path}")
        answer = self.client(method, path, content=body, headers={"content-type": self.dice.choice(_TYPES)})
        if answer.status in (200, 201, 202):
            self.remember(answer)
        return method, path, body, answer


def test_nonsense_is_refused(fuzzed: LocalServer) -> None:
    """No 500, no hang, an error body wherever there is an error; open files are as many as before."""
    seed = random.randrange(2**32) if SECONDS else 5
    client = Client(fuzzed)
    client.space_id = client.make_space("fuzzed")
    fuzzer = Fuzzer(client, random.Random(seed))
    fuzzer.request()
    before, started, wrong, number = open_files(), time.monotonic(), [], 0
    while number < REQUESTS or time.monotonic() - started < SECONDS:
        number += 1
        try:
            method, path, body, answer = fuzzer.request()
        except urllib3.exceptions.HTTPError as error:
            wrong.append(f"{error!r}")
            continue
        if answer.status >= 500:
            wrong.append(f"{method} {path} {body[:300]!r} -> {answer.status} {answer.content[:200]!r}")
        if answer.status >= 400 and method != "HEAD" and b'"error' not in answer.content:
            wrong.append(f"{method} {path} -> {answer.status} without an error body")
        if client("GET", f"/v2/spaces/{client.space_id}").status == 404:
            client.space_id = client.make_space(f"fuzzed {number}")
    for _ in range(50):
        if open_files() <= before + 3:
            break
        time.sleep(0.1)
    leaked = open_files() - before
    client.close()

    assert ([], True) == (wrong, leaked <= 3), f"seed {seed}, {number} requests, {leaked} files"


def open_files() -> int:
    """How many files this process, and so the service in it, has open; those of worker processes are their own."""
    return sum(1 for link in Path("/proc/self/fd").iterdir() if is_file(link))


def is_file(link: Path) -> bool:
    try:
        return link.readlink().is_absolute()
    except OSError:
        return False
