"""Call every operation of a running service with cases that schemathesis makes of its OpenAPI document.

Run as a script by an interpreter that has schemathesis. Its argument is a file of JSON: where the service is, what was
prepared in it, the document and how many cases each operation gets. Prints a line of JSON after each round: how
many cases there were so far, the statuses of each operation, and what went wrong.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ROUND, WRONG = 20, 4
"""How many cases of an operation are called in one go, and how many of them are made to be wrong."""
KNOWN = 0.75
"""How often ids and keys are those of something that is there."""


REUSED = 20
"""For how many further cases something is good that was made for one."""


class World:
    """Makes what operations are about, through the service itself."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.url, self.space, self.runtime = given["url"], given["space"], given["runtime"]
        self.session = requests.Session()
        # Variables of the environment beat what a session is told.
        self.session.trust_env = False
        self.session.verify = given["ca_bundle"]
        self.session.headers["Authorization"] = f"Bearer {given['token']}"
        self.number = 0
        self.made: dict[tuple[str, str], tuple[dict[str, str], int] | None] = {}
        self.project = self.make("/transactional/v2/projects", name="project")["location"].rpartition("/")[2]

    def make(self, path: str, **document: Any) -> Any:
        """Post a document of something new; return the answer."""
        answer = self.session.post(f"{self.url}{path}", json=document)
        answer.raise_for_status()
        return answer.json()

    def name(self) -> str:
        self.number += 1
        return f"made {self.number}"

    def artifact(self, collection: str) -> dict[str, str]:
        """Store an artifact with a content, and freeze it."""
        software = {"software_spec": {"id": self.runtime}} if collection not in ("pipelines", "experiments") else {}
        kind = {"type": "scikit-learn_1.6"} if collection == "models" else {}
        made = self.make(f"/ml/v4/{collection}", name=self.name(), space_id=self.space, **software, **kind)
        identifier = str(made["metadata"]["id"])
        content = {"models": "content", "functions": "code", "ai_services": "code"}.get(collection)
        if content:
            path = f"{self.url}/ml/v4/{collection}/{identifier}/{content}?space_id={self.space}"
            self.session.put(path, data=b"bytes").raise_for_status()
        self.make(f"/ml/v4/{collection}/{identifier}/revisions", space_id=self.space)
        return {"artifact_id": identifier}

    def deployment(self, path: str) -> dict[str, str]:
        if path.endswith("/predictions"):
            return {"deployment_id": self.given["online"]}
        made = self.make(
            "/ml/v4/deployments", name=self.name(), asset={"id": self.given["model"]}, batch={}, space_id=self.space
        )
        return {"deployment_id": made["metadata"]["id"]}

    def job(self) -> dict[str, str]:
        rows = {"input_data": [{"values": [[1.0, 2.0, 3.0, 4.0]]}]}
        batch = {"id": self.given["batch"]}
        made = self.make("/ml/v4/deployment_jobs", deployment=batch, scoring=rows, space_id=self.space)
        return {"job_id": made["metadata"]["id"]}

    def asset(self, path: str) -> dict[str, str]:
        """Store an asset, in the project where it is to be promoted, with an attachment where that is asked for."""
        scope = f"project_id={self.project}" if path.endswith("/promote") else f"space_id={self.space}"
        metadata = {"name": self.name(), "asset_type": "data_asset"}
        made = self.make(f"/v2/assets?{scope}", metadata=metadata, entity={"data_asset": {}})
        values = {"asset_id": made["metadata"]["asset_id"], "attribute": "data_asset"}
        if "attachment_id" in path or "token" in path:
            attached = self.make(f"/v2/assets/{values['asset_id']}/attachments?{scope}", name="a")
            values["attachment_id"] = attached["attachment_id"]
            self.session.put(self.url + attached["url1"], data=b"bytes").raise_for_status()
            self.last_upload = attached["url1"]
            shown = f"{self.url}/v2/assets/{values['asset_id']}/attachments/{values['attachment_id']}?{scope}"
            self.last_download = self.session.get(shown).json()["url"]
        return values

    def signed(self, method: str) -> dict[str, str]:
        self.asset("token")
        _, folder, token = (self.last_upload if method == "PUT" else self.last_download).rsplit("/", 2)
        return {"folder": folder, "token": token}

    def extension(self) -> dict[str, str]:
        made = self.make(f"/v2/package_extensions?space_id={self.space}", name=self.name(), type="conda_yml")
        self.session.put(self.url + made["entity"]["package_extension"]["href"], data=b"dependencies: []")
        return {"extension_id": made["metadata"]["asset_id"]}

    def specification(self, method: str, path: str) -> dict[str, str]:
        if "hardware" in path:
            made = self.make(f"/v2/hardware_specifications?space_id={self.space}", name=self.name())
            return {"specification_id": made["metadata"]["asset_id"]}
        base = {"guid": self.runtime}
        scope = f"space_id={self.space}"
        made = self.make(f"/v2/software_specifications?{scope}", name=self.name(), base_software_specification=base)
        values = {"specification_id": made["metadata"]["asset_id"]}
        if "extension_id" in path:
            values |= self.extension()
            if method == "DELETE":
                filled = path.format(**values)
                self.session.put(f"{self.url}{filled}?{scope}").raise_for_status()
        return values

    def container(self, path: str) -> dict[str, str]:
        if "project" in path:
            location = self.make("/transactional/v2/projects", name=self.name())["location"]
            return {"project_id": location.rpartition("/")[2]}
        made = self.make("/v2/spaces", name=self.name())["metadata"]["id"]
        self.make(f"/v2/spaces/{made}/members", members=[{"id": "member", "role": "editor"}])
        return {"space_id": made, "member_id": "member"}

    def path_parameters(self, method: str, path: str) -> dict[str, str]:
        """Return parameters of something that is there."""
        made: dict[str, Callable[[], dict[str, str]]] = {
            "artifact_id": lambda: self.artifact(path.split("/")[3]),
            "deployment_id": lambda: self.deployment(path),
            "job_id": self.job,
            "asset_id": lambda: self.asset(path),
            "token": lambda: self.signed(method),
            "specification_id": lambda: self.specification(method, path),
            "extension_id": self.extension,
            "space_id": lambda: self.container(path),
            "project_id": lambda: self.container(path),
        }
        make = next((make for name, make in made.items() if f"{{{name}}}" in path), dict)
        if method == "DELETE":
            return make()
        # What is not deleted is good for some further cases.
        values, left = self.made.get((method, path)) or (make(), REUSED)
        self.made[method, path] = (values, left - 1) if left else None
        return values

    def body(self, path: str, body: Any) -> Any:
        """Return the body, about something that is there."""
        if not isinstance(body, dict):
            return body
        last = path.rpartition("/")[2]
        known: dict[str, Any] = {
            "models": {"type": "scikit-learn_1.6", "software_spec": {"id": self.runtime}},
            "functions": {"software_spec": {"id": self.runtime}},
            "ai_services": {"software_spec": {"id": self.runtime}},
            "deployments": {"asset": {"id": self.given["model"]}},
            "deployment_jobs": {"deployment": {"id": self.given["batch"]}},
            "software_specifications": {"base_software_specification": {"guid": self.runtime}},
            "predictions": {"input_data": [{"values": [[1.0, 2.0, 3.0, 4.0]]}]},
            "authorize": {"username": self.given["username"], "api_key": self.given["apikey"]},
            "token": {"apikey": self.given["apikey"]},
            "promote": {"space_id": self.space, "spaceId": self.space, "projectId": self.project},
        }
        scope = {"space_id": self.space} if path.startswith("/ml/v4/") else {}
        own = {key: value for key, value in body.items() if key != "project_id"}
        return {**own, **known.get(last, {}), **scope}


class Run:
    """Makes the cases, and notes what came of them."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.world = World(given)
        self.dice = random.Random(given["seed"])
        self.cases, self.statuses = 0, {}  # type: ignore[var-annotated]
        self.wrong: list[str] = []

    def operation(self, operation: Any, mode: GenerationMode, number: int, seed: int) -> None:
        """Call an operation so many times."""
        name = f"{operation.method.upper()} {operation.path}"
        counted = self.statuses.setdefault(name, Counter())

        @seeded(seed)
        @settings(
            max_examples=number,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def call(case: Any) -> None:
            if self.dice.random() < KNOWN:
                self.make_known(case)
            self.cases += 1
            try:
                answer = case.call(
                    base_url=self.world.url, session=self.world.session, verify=self.world.session.verify
                )
            except requests.exceptions.InvalidURL:
                return
            counted[answer.status_code] += 1
            try:
                case.validate_response(answer, checks=CHECKS)
            except FailureGroup as failures:
                told = "; ".join(str(each).replace("\n", " ")[:300] for each in failures.exceptions)
                self.wrong.append(f"{name} {case.body!r:.200} -> {answer.status_code} {answer.text[:200]!r}: {told}")

        with contextlib.suppress(Unsatisfiable):
            # There is nothing wrong that a body could be which may be anything.
            call()

    def make_known(self, case: Any) -> None:
        """Let a case be about something that is there."""
        method, path = case.operation.method.upper(), case.operation.path
        known = self.world.path_parameters(method, path)
        if known:
            case.path_parameters = {**(case.path_parameters or {}), **known}
        query = {key: value for key, value in (case.query or {}).items() if key in ("limit", "version")}
        scope = {"project_id": self.world.project} if path.endswith("/promote") else {"space_id": self.world.space}
        case.query = {**query, **scope}
        case.body = self.world.body(path, case.body)


def main(path: str) -> None:
    """Run it all."""
    warnings.simplefilter("ignore")
    given = json.loads(Path(path).read_text("utf-8"))
    run = Run(given)
    described = schemathesis.openapi.from_dict(given["document"])
    operations = [found.ok() for found in described.get_all_operations()]
    # In rounds: whoever stops it has seen every operation.
    for number in range(-(-given["examples"] // ROUND)):
        for index, operation in enumerate(operations):
            seed = given["seed"] + number * len(operations) + index
            run.operation(operation, GenerationMode.POSITIVE, ROUND - WRONG, seed)
            if operation.body or operation.query or operation.path_parameters:
                run.operation(operation, GenerationMode.NEGATIVE, WRONG, seed)
        told = {"cases": run.cases, "statuses": run.statuses, "wrong": run.wrong[:50]}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
