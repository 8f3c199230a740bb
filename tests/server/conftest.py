"""A running service, and a plain HTTPS client to it."""

from __future__ import annotations

import io
import json
import tarfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import joblib
import pytest
import urllib3
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNTIME = "f47ae1c3-198e-5718-b59d-2ea471561e9e"


@dataclass
class Answer:
    """What came back."""

    status: int
    content: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The code of its first error."""
        return str(self.json["errors"][0]["code"])

    @property
    def message(self) -> str:
        """The text of its first error."""
        return str(self.json["errors"][0]["message"])


class Client:
    """Speaks plain HTTPS to a service, in one space."""

    def __init__(self, server: LocalServer, *, flavour: str = "software") -> None:
        """Log in to the flavour of the service."""
        self.server = server
        self.space_id = server.info.space_id
        self._pool = urllib3.PoolManager(ca_certs=str(server.info.ca_bundle), timeout=30, retries=False)
        self.token = self.log_in().json["token"] if flavour == "software" else self.exchange().json["access_token"]

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def log_in(self, **secrets: str) -> Answer:
        """Ask for a token."""
        account = {"username": self.server.info.username, "api_key": self.server.info.apikey}
        return self("POST", "/icp4d-api/v1/authorize", secrets or account, token="")

    def exchange(self, apikey: str | None = None) -> Answer:
        """Ask for a token of the cloud's."""
        grant = "urn:ibm:params:oauth:grant-type:apikey"
        form = urlencode({"apikey": apikey or self.server.info.apikey, "grant_type": grant}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self("POST", "/identity/token", content=form, token="", headers=headers)

    def make_space(self, name: str) -> str:
        """Make a space that the instance serves; return its id."""
        crn = "crn:v1:bluemix:public:pm-20:us-south:a/1:99999999-9999-9999-9999-999999999999::"
        compute = [{"name": "WML", "crn": crn, "type": "machine_learning"}]
        return str(self("POST", "/v2/spaces", {"name": name, "compute": compute}).json["metadata"]["id"])

    def __call__(
        self,
        method: str,
        path: str,
        document: Any = None,
        *,
        content: bytes | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Make one request."""
        token = self.token if token is None else token
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        body = json.dumps(document).encode() if document is not None else content
        answer = self._pool.request(
            method, self.server.url + path, body=body, headers={**authorization, **(headers or {})}, redirect=False
        )
        return Answer(answer.status, answer.data, dict(answer.headers))

    @property
    def scope(self) -> str:
        """The query that nearly every call has."""
        return f"version=2026-08-17&space_id={self.space_id}"

    def store(self, content: bytes, **fields: Any) -> str:
        """Store a model with its content; return its id."""
        document = {
            "name": "model",
            "type": "scikit-learn_1.6",
            "software_spec": {"id": RUNTIME},
            "space_id": self.space_id,
            **fields,
        }
        answer = self("POST", "/ml/v4/models", document)
        assert answer.status == 201, answer.content
        model_id = str(answer.json["metadata"]["id"])
        assert self("PUT", f"/ml/v4/models/{model_id}/content?{self.scope}", content=content).status == 201
        return model_id

    def store_function(self, content: bytes) -> str:
        """Store a function with its code; return its id."""
        document = {"name": "function", "software_spec": {"id": RUNTIME}, "space_id": self.space_id}
        answer = self("POST", "/ml/v4/functions", document)
        assert answer.status == 201, answer.content
        function_id = str(answer.json["metadata"]["id"])
        assert self("PUT", f"/ml/v4/functions/{function_id}/code?{self.scope}", content=content).status == 201
        return function_id

    def deploy(self, asset: dict[str, str], **fields: Any) -> str:
        """Deploy an asset and wait for it; return the deployment's id."""
        kind: dict[str, Any] = {} if "batch" in fields else {"online": {}}
        document = {"name": "deployment", **kind, "asset": asset, "space_id": self.space_id, **fields}
        answer = self("POST", "/ml/v4/deployments", document)
        assert answer.status == 202, answer.content
        deployment_id = str(answer.json["metadata"]["id"])
        self.wait_until_idle(deployment_id)
        return deployment_id

    def deployment(self, deployment_id: str) -> Any:
        """Return a deployment's document."""
        return self("GET", f"/ml/v4/deployments/{deployment_id}?{self.scope}").json

    def wait_until_idle(self, deployment_id: str) -> Any:
        """Wait until the deployment has arrived; return its document."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            document = self.deployment(deployment_id)
            status = document["entity"]["status"]
            if status["state"] not in ("initializing", "updating") and "scaling" not in status:
                return document
            time.sleep(0.01)
        raise TimeoutError(document)

    def data_asset(self, name: str, content: bytes) -> str:
        """Store a data asset; return its href."""
        document = {"metadata": {"name": name, "asset_type": "data_asset"}, "entity": {"data_asset": {}}}
        href = str(self("POST", f"/v2/assets?{self.scope}", document).json["href"])
        path = href.partition("?")[0]
        attachment = self("POST", f"{path}/attachments?{self.scope}", {"name": name, "mime": "text/csv"}).json
        assert self("PUT", attachment["url1"], content=content, token="").status == 201
        complete = f"{path}/attachments/{attachment['attachment_id']}/complete?{self.scope}"
        assert self("POST", complete).status == 200
        return href

    def finished(self, job_id: str) -> Any:
        """Wait until the job is over; return its document."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            document = self("GET", f"/ml/v4/deployment_jobs/{job_id}?{self.scope}").json
            if document["entity"]["scoring"]["status"]["state"] not in ("queued", "running"):
                return document
            time.sleep(0.01)
        raise TimeoutError(document)

    def predict(self, deployment: str, values: list[list[Any]], *, fields: list[str] | None = None) -> Answer:
        """Ask a deployment, by id or serving name."""
        block: dict[str, Any] = {"values": values} if fields is None else {"fields": fields, "values": values}
        return self("POST", f"/ml/v4/deployments/{deployment}/predictions?version=2026-08-17", {"input_data": [block]})


def archive(model: Any) -> bytes:
    """Return the model as clients upload it."""
    pickled, packed = io.BytesIO(), io.BytesIO()
    joblib.dump(model, pickled)
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        member = tarfile.TarInfo("model.pkl")
        member.size = pickled.tell()
        pickled.seek(0)
        tar.addfile(member, pickled)
    return packed.getvalue()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with LocalServer(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    """A client in a space of the test's own."""
    server.clear_faults()
    one = Client(server)
    one.space_id = one.make_space(f"space of {time.monotonic_ns()}")
    yield one
    one("DELETE", f"/v2/spaces/{one.space_id}")
    one.close()


@pytest.fixture(scope="session")
def classifiers() -> tuple[Any, Any]:
    """Two models that answer differently."""
    features, labels = load_iris(return_X_y=True)
    return (
        LogisticRegression(solver="newton-cg").fit(features, labels),
        LogisticRegression(C=0.01, solver="newton-cg").fit(features, labels),
    )


@pytest.fixture(scope="session")
def archives(classifiers: tuple[Any, Any]) -> tuple[bytes, bytes]:
    return archive(classifiers[0]), archive(classifiers[1])


@pytest.fixture(scope="session")
def rows() -> list[list[float]]:
    features, _ = load_iris(return_X_y=True)
    return [[float(value) for value in row] for row in features[::50]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "service"
