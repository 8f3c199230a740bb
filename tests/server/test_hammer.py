"""Many clients at once store, deploy, score, patch and delete, and leave a consistent space.

``WML_DEPLOYER_HAMMER_SECONDS`` says how long; a few seconds by default.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from typing import TYPE_CHECKING, Any

from tests.server.conftest import RUNTIME, Client
from tests.server.test_durability import torn
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = float(os.environ.get("WML_DEPLOYER_HAMMER_SECONDS", "3"))
CLIENTS = 8
# What may be answered to who comes too late: gone, in use, being changed, not ready.
EXPECTED = {200, 201, 202, 204, 404, 409}


class Hammer:
    """One client that does what the dice say, on its own resources and on those of others."""

    def __init__(self, client: Client, shared: list[str], archives: tuple[bytes, bytes], seed: int) -> None:
        self.client, self.shared, self.archives = client, shared, archives
        self.dice = random.Random(seed)
        self.wrong: list[str] = []

    def run(self, until: float) -> None:
        while time.monotonic() < until:
            action = self.dice.choice(
                [self.store, self.deploy, self.score, self.score, self.patch, self.delete, self.page]
            )
            action()

    def note(self, what: str, answer: Any) -> None:
        if answer.status not in EXPECTED:
            self.wrong.append(f"{what}: {answer.status} {answer.content[:300]!r}")

    def models(self) -> list[str]:
        page = self.client("GET", f"/ml/v4/models?{self.client.scope}&limit=50").json
        return [resource["metadata"]["id"] for resource in page["resources"]]

    def store(self) -> None:
        kind = {"type": "scikit-learn_1.6", "software_spec": {"id": RUNTIME}}
        created = self.client("POST", "/ml/v4/models", {"name": "m", **kind, "space_id": self.client.space_id})
        self.note("store", created)
        path = f"/ml/v4/models/{created.json['metadata']['id']}"
        content = self.dice.choice(self.archives)
        # Others delete what they find, this one too.
        self.note("upload", self.client("PUT", f"{path}/content?{self.client.scope}", content=content))
        self.note("commit", self.client("POST", f"{path}/revisions", {"space_id": self.client.space_id}))

    def deploy(self) -> None:
        models = self.models()
        if not models or len(self.shared) > 12:
            return
        document = {"name": "d", "asset": {"id": self.dice.choice(models)}, "space_id": self.client.space_id}
        document["batch" if self.dice.random() < 0.5 else "online"] = {}
        answer = self.client("POST", "/ml/v4/deployments", document)
        self.note("deploy", answer)
        if answer.status == 202:
            self.shared.append(str(answer.json["metadata"]["id"]))

    def any_deployment(self) -> str | None:
        """One that is there, or was until another client took it."""
        known = list(self.shared)
        return self.dice.choice(known) if known else None

    def score(self) -> None:
        deployment_id = self.any_deployment()
        if deployment_id:
            answer = self.client.predict(deployment_id, [[1.0, 2.0, 3.0, 4.0]])
            # A batch deployment is not asked in this way, and a deleted one answers no more; both say so.
            if answer.status != 400 or not ("batch" in answer.message or "was stopped" in answer.message):
                self.note("score", answer)

    def patch(self) -> None:
        models, deployment_id = self.models(), self.any_deployment()
        if not deployment_id or not models:
            return
        values = {
            "/asset": {"id": self.dice.choice(models)},
            "/name": "new",
            "/hardware_spec": {"name": "S", "num_nodes": 2},
        }
        path, value = self.dice.choice(list(values.items()))
        target = f"/ml/v4/deployments/{deployment_id}?{self.client.scope}"
        answer = self.client("PATCH", target, [{"op": "replace", "path": path, "value": value}])
        # A deployment of a model that had no content yet has failed, and is not scaled.
        if answer.status != 400 or "cannot be scaled" not in answer.message:
            self.note("patch", answer)

    def delete(self) -> None:
        gone = self.any_deployment() if self.dice.random() < 0.6 else None
        if gone:
            with contextlib.suppress(ValueError):
                self.shared.remove(gone)
            self.note("delete", self.client("DELETE", f"/ml/v4/deployments/{gone}?{self.client.scope}"))
            return
        models = self.models()
        if models:
            path = f"/v2/assets/{self.dice.choice(models)}?{self.client.scope}"
            self.note("delete model", self.client("DELETE", path))

    def page(self) -> None:
        self.note("page", self.client("GET", f"/ml/v4/deployments?{self.client.scope}&limit={self.dice.randint(1, 5)}"))


def inconsistent(client: Client, shared: list[str]) -> Iterator[str]:
    """Yield what does not agree in a space that has come to rest."""
    models = {
        resource["metadata"]["id"]
        for resource in client("GET", f"/ml/v4/models?{client.scope}&limit=200").json["resources"]
    }
    deployments = client("GET", f"/ml/v4/deployments?{client.scope}&limit=200").json["resources"]
    if {deployment["metadata"]["id"] for deployment in deployments} != set(shared):
        yield "what is listed is not what was made and not deleted"
    for deployment in deployments:
        entity = client.wait_until_idle(deployment["metadata"]["id"])["entity"]
        if entity["asset"]["id"] not in models:
            yield f"deployment {deployment['metadata']['id']} is of a model that is gone"
        if "online" in entity and entity["status"]["state"] == "ready":
            status = client.predict(deployment["metadata"]["id"], [[1.0, 2.0, 3.0, 4.0]]).status
            if status != 200:
                yield f"a ready deployment answers {status}"
    for model_id in models:
        if client("GET", f"/ml/v4/models/{model_id}/download?{client.scope}").status != 200:
            yield f"model {model_id} has lost its content"


def test_many_clients_leave_a_consistent_space(tmp_path: Path, archives: tuple[bytes, bytes]) -> None:
    """Nobody gets an answer that is not expected, and at the end everything agrees."""
    with LocalServer(tmp_path) as server:
        shared: list[str] = []
        clients = [Client(server) for _ in range(CLIENTS)]
        hammers = [Hammer(client, shared, archives, seed) for seed, client in enumerate(clients)]
        until = time.monotonic() + SECONDS
        threads = [threading.Thread(target=hammer.run, args=[until]) for hammer in hammers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        problems = [problem for hammer in hammers for problem in hammer.wrong]
        problems += list(inconsistent(clients[0], shared))
        for client in clients:
            client.close()

    assert [] == [*problems, *torn(tmp_path)]
