"""A visitor of the console without a browser, and something to look at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.conftest import Client
    from wml_deployer.testing import LocalServer

FIELDS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
SCHEMA = {"input": [{"id": "1", "type": "DataFrame", "fields": [{"name": n, "type": "float64"} for n in FIELDS]}]}


@dataclass(frozen=True)
class Shown:
    """What was answered."""

    status: int
    html: str
    headers: dict[str, str]

    @property
    def text(self) -> str:
        """What people read of it."""
        return " ".join(unescape(re.sub(r'<(?:[^>"]|"[^"]*")*>', " ", self.html)).split())

    @property
    def form_token(self) -> str:
        """What its first form carries."""
        return str(re.findall(r'name="form_token" value="([^"]*)"', self.html)[0])


class Visitor:
    """Asks as a browser does: it keeps cookies, and says where its forms are from."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self._start(server.url, server.info.ca_bundle)

    @classmethod
    def of(cls, url: str, authority: Path) -> Visitor:
        """A visitor of a service of another process."""
        visitor = cls.__new__(cls)
        visitor._start(url, authority)
        return visitor

    def _start(self, url: str, authority: Path) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self.given: list[str] = []
        self._pool = urllib3.PoolManager(ca_certs=str(authority), retries=False)

    def close(self) -> None:
        self._pool.clear()

    def __call__(self, method: str, path: str, body: str | None = None, **headers: str) -> Shown:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Cookie": cookies, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = self._pool.request(method, self.url + path, body=body, headers=sent, redirect=False)
        for line in answer.headers.getlist("set-cookie"):
            self.given.append(line)
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return Shown(answer.status, answer.data.decode(), dict(answer.headers))

    def enter(self) -> Shown:
        """Come in by a new link."""
        return self("GET", self.server.console_link().removeprefix(self.server.url))

    def send(self, path: str, **fields: str) -> Shown:
        """Send a form of the page that every signed-in visitor sees."""
        token = fields.pop("form_token", None) or self("GET", "/").form_token
        return self.post(path, form_token=token, **fields)

    def post(self, path: str, **fields: str) -> Shown:
        """Send a form's fields as they are."""
        return self("POST", path, urlencode(fields), Origin=self.url)


@dataclass(frozen=True)
class Deployed:
    """A model with two revisions, of which the second one is live."""

    model_id: str
    deployment_id: str

    @property
    def path(self) -> str:
        """Where the console shows the deployment."""
        return f"/console/deployments/{self.deployment_id}"


@pytest.fixture
def guest(server: LocalServer) -> Iterator[Visitor]:
    """Somebody who is not signed in."""
    visitor = Visitor(server)
    yield visitor
    visitor.close()


@pytest.fixture
def visitor(guest: Visitor) -> Visitor:
    """Somebody who is signed in."""
    guest.enter()
    return guest


@pytest.fixture
def deployed(client: Client, archives: tuple[bytes, bytes]) -> Deployed:
    return deploy(client, archives)


def deploy(client: Client, archives: tuple[bytes, bytes], **deployment: Any) -> Deployed:
    """Store two versions as deployers do, and let the second one serve."""
    model_id = client.store(archives[0], name="iris", schemas=SCHEMA, custom=custom("v0.1"), tags=["flowers"])
    freeze(client, model_id, "wml_deployer v0.1 aaaa1111")
    replace(client, model_id, archives[1], custom("v0.2"))
    freeze(client, model_id, "wml_deployer v0.2 bbbb2222")
    return Deployed(model_id, client.deploy({"id": model_id, "rev": "2"}, **deployment))


def custom(version: str) -> dict[str, Any]:
    """The facts of a version."""
    told = {"project": "iris", "version": version, "classes": ["setosa", "versicolor", "virginica"], "call": "c0ffee"}
    accuracy = 0.9533 if version == "v0.1" else 0.9733
    return {"wml_deployer": {**told, "metrics": {"accuracy": accuracy}}}


def replace(client: Client, model_id: str, content: bytes, facts: dict[str, Any]) -> None:
    """Give a model another content."""
    patch = [{"op": "replace", "path": "/custom", "value": facts}]
    assert client("PATCH", f"/ml/v4/models/{model_id}?{client.scope}", patch).status == 200
    assert client("PUT", f"/ml/v4/models/{model_id}/content?{client.scope}", content=content).status == 201


def freeze(client: Client, model_id: str, message: str) -> None:
    """Freeze a model as its next revision."""
    document = {"space_id": client.space_id, "commit_message": message}
    assert client("POST", f"/ml/v4/models/{model_id}/revisions", document).status == 201
