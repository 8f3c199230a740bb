"""Shows defects of IBM's clients, unmodified, on the embedded service; run in a process of its own.

``python raw.py FILE CLIENT DEFECT...`` writes what it saw of each defect to FILE as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tarfile
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import trustme
from sklearn.linear_model import LogisticRegression

from tests.connect_proxy import write_certificates
from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = "machine-learning"
SPECIFICATION, TYPE = "runtime-25.1-py3.12", "scikit-learn_1.6"
HALF_A_DAY = 12 * 3600


class Stage:
    """The service, a deployed model, and one of IBM's clients as its users construct it."""

    def __init__(self, client: str, server: LocalServer) -> None:
        """Deploy a model; the client is made when it is first asked for."""
        self.old = client == OLD
        self.server = server
        self.folder = Path(tempfile.mkdtemp())
        os.chdir(self.folder)
        self.model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        self._client: Any = None
        self._deployer: Deployer | None = None

    @property
    def deployer(self) -> Deployer:
        """A project of this library, with the model deployed."""
        if self._deployer is None:
            info = self.server.info
            path = self.folder / "metadata.yaml"
            path.write_text("project_name: shown\nproject_version: v1\n")
            credentials = SoftwareCredentials(
                url=info.url,
                username=info.username,
                apikey=info.apikey,
                ca_bundle=info.ca_bundle,
                space_id=info.space_id,
            )
            self._deployer = Deployer(credentials, path)
            self._deployer.deploy(self.model)
        return self._deployer

    def connect(self, **secret: str) -> Any:
        """Construct the client as its documentation says."""
        info = self.server.info
        secret = secret or ({"apikey": info.apikey} if self.old else {"api_key": info.apikey})
        if self.old:
            from ibm_watson_machine_learning import APIClient

            return APIClient({"url": info.url, "username": info.username, "instance_id": "openshift", **secret})
        from ibm_watsonx_ai import APIClient, Credentials

        return APIClient(Credentials(url=info.url, username=info.username, verify=str(info.ca_bundle), **secret))  # type: ignore[arg-type]

    @property
    def client(self) -> Any:
        """The client, in the default space."""
        if self._client is None:
            self._client = self.connect()
            self._client.set.default_space(self.server.info.space_id)
        return self._client

    def properties(self, name: str) -> dict[str, Any]:
        """What is said of a model that is stored."""
        key = self.client.repository.ModelMetaNames
        specification = self.client.software_specifications.get_details()["resources"]
        found = next(s["metadata"]["asset_id"] for s in specification if s["metadata"]["name"] == SPECIFICATION)
        spec_key = key.SOFTWARE_SPEC_UID if self.old else key.SOFTWARE_SPEC_ID
        return {key.NAME: name, key.TYPE: TYPE, spec_key: found}

    def archive(self) -> str:
        """A packed model."""
        joblib.dump(self.model, self.folder / "model.joblib")
        with tarfile.open(self.folder / "model.tar.gz", "w:gz") as tar:
            tar.add(self.folder / "model.joblib", "model.joblib")
        return str(self.folder / "model.tar.gz")

    def store(self, name: str, thing: Any = None) -> Any:
        """Store a model with the client."""
        return self.client.repository.store_model(thing or self.archive(), self.properties(name))

    def deploy(self, name: str) -> Any:
        """Deploy the model with the client."""
        key = self.client.deployments.ConfigurationMetaNames
        return self.client.deployments.create(self.deployer.status().model_id, {key.NAME: name, key.ONLINE: {}})

    def score(self, payload: Any) -> Any:
        """Score with the client."""
        return self.client.deployments.score(self.deployer.status().id, payload)

    def named(self, kind: str, name: str) -> int:
        """How many models or deployments of a name are on the service."""
        inner = self.deployer._project.client
        listed = inner.models() if kind == "models" else inner.deployments()
        return sum(one.name == name for one in listed)

    def asked(self, method: str, path: str) -> list[Any]:
        """What was asked of the service since the log was cleared."""
        return [r for r in self.server.requests if r.method == method and path in r.path]


@contextlib.contextmanager
def recorded(stage: Stage) -> Any:
    """Note what the older client hands to ``requests``: method, URL and options."""
    import requests

    calls: list[tuple[str, str, dict[str, Any]]] = []
    real = {name: getattr(requests, name) for name in ("get", "post", "put")}

    def recording(name: str) -> Any:
        def call(url: str, **options: Any) -> Any:
            data = options.get("data")
            calls.append((name, url, {**options, "at": data.tell() if isinstance(data, io.IOBase) else None}))
            return real[name](url, **options)

        return call

    for name in real:
        setattr(requests, name, recording(name))
    try:
        yield calls
    finally:
        for name, function in real.items():
            setattr(requests, name, function)


def failure(call: Callable[[], Any]) -> str:
    """Name and text of what a call raises; empty when it does not."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def verify_of_old() -> Any:
    """Whether the older client verifies from now on."""
    import ibm_watson_machine_learning._wrappers.requests as wrapper

    return wrapper.verify


def as_imported(stage: Stage) -> None:
    """Let the older client verify as it did when it was imported: each failure so far has changed that."""
    if stage.old:
        import ibm_watson_machine_learning._wrappers.requests as wrapper

        wrapper.verify = None


def pool_of(stage: Stage) -> Any:
    """The connections by which a client stores objects and loads models."""
    if stage.old:
        from ibm_watson_machine_learning.libs.repo.swagger_client.rest import RESTClientObject
    else:
        from ibm_watsonx_ai.libs.repo.swagger_client.rest import RESTClientObject
    return RESTClientObject().pool_manager


def d1(stage: Stage) -> Any:
    """The asked-for verification is ignored."""
    from ibm_watson_machine_learning import APIClient

    os.environ.pop("REQUESTS_CA_BUNDLE", None)
    info = stage.server.info
    given = {"url": info.url, "username": info.username, "apikey": info.apikey, "instance_id": "openshift"}
    return failure(lambda: APIClient(given, verify=True)) == "" and verify_of_old() == "False"


def d2(_stage: Stage) -> Any:
    """An unreachable host turns verification off."""
    import ibm_watson_machine_learning._wrappers.requests as wrapper

    wrapper.verify = None
    return failure(lambda: wrapper.get("https://127.0.0.1:1")) != "" and wrapper.verify == "False"


def d3(stage: Stage) -> Any:
    """The password is sent to a guessed host."""
    own = stage.server.url
    if stage.old:
        with recorded(stage) as calls:
            stage.connect(password=stage.server.info.apikey)
        strangers = [u for _, u, o in calls if not u.startswith(own) and "password=" in str(o.get("data"))]
        return bool(strangers) and verify_of_old() == "False"
    import httpx
    from ibm_watsonx_ai import APIClient, Credentials

    sent: list[str] = []

    def note(request: httpx.Request) -> None:
        if not str(request.url).startswith(own) and b"password=" in request.read():
            sent.append(str(request.url))

    info = stage.server.info
    context = __import__("ssl").create_default_context(cafile=str(info.ca_bundle))
    given = Credentials(url=info.url, username=info.username, password=info.apikey)
    APIClient(given, httpx_client=httpx.Client(verify=context, event_hooks={"request": [note]}))
    return bool(sent)


def d4(stage: Stage) -> Any:
    """Objects are stored without verification on a Cloud Pak, though a CA was given."""
    assert stage.client
    return pool_of(stage).connection_pool_kw["cert_reqs"] == 0


def d5(stage: Stage) -> Any:
    """A Cloud Pak's client disables verification for every later one."""
    before = pool_of(stage).connection_pool_kw["cert_reqs"]
    assert stage.client
    return (int(before), int(pool_of(stage).connection_pool_kw["cert_reqs"])) == (2, 0)


def d6(stage: Stage) -> Any:
    """The same path trusts certifi alone and knows no proxy."""
    import certifi

    os.environ["HTTPS_PROXY"] = "http://127.0.0.1:1"
    pool = pool_of(stage)
    del os.environ["HTTPS_PROXY"]
    return pool.connection_pool_kw["ca_certs"] == certifi.where() and pool.proxy is None


def d7(stage: Stage) -> Any:
    """One client without verification turns it off for credentials made later."""
    from ibm_watsonx_ai import APIClient, Credentials

    info = stage.server.info
    APIClient(Credentials(url=info.url, username=info.username, api_key=info.apikey, verify=False))
    return Credentials(url="https://cpd.example.com").verify is False


def d8(stage: Stage) -> Any:
    """A quote in a key makes invalid JSON."""
    with recorded(stage) as calls:
        failure(lambda: stage.connect(apikey='with"quote'))
    bodies = [o["data"] for name, url, o in calls if url.endswith("/authorize") and name == "post"]
    return bool(bodies) and "Error" in failure(lambda: json.loads(bodies[-1]))


def d9(stage: Stage) -> Any:
    """A dropped upload is repeated with an empty body, and reported as a success."""
    archive, properties = stage.archive(), stage.properties("d9")
    as_imported(stage)
    stage.server.fault("PUT", "/content$", drop="before")
    with recorded(stage) as calls:
        said = failure(lambda: stage.client.repository.store_model(archive, properties))
    positions = [options["at"] for name, url, options in calls if name == "put" and "/content" in url]
    return said == "" and positions[0] == 0 and positions[1] > 0


def d10(stage: Stage) -> Any:
    """A deployment whose answer was lost is created again."""
    assert stage.client
    assert stage.deployer is not None
    as_imported(stage)
    stage.server.fault("POST", "^/ml/v4/deployments$", drop="after", times=1 if stage.old else 3)
    failure(lambda: stage.deploy("d10"))
    return stage.named("deployments", "d10") == (2 if stage.old else 4)


def d11(stage: Stage) -> Any:
    """An upload that is repeated has lost its file."""
    stage.server.fault("PUT", "/content$", status=500)
    return "Too little data" in failure(lambda: stage.store("d11")) and stage.named("models", "d11") == 1


def d12(stage: Stage) -> Any:
    """An object's upload has five seconds."""
    properties = stage.properties("d12")
    stage.server.fault("PUT", "/content$", stall=7)
    started = time.monotonic()
    said = failure(lambda: stage.client.repository.store_model(stage.model, properties))
    return said != "" and time.monotonic() - started < 7


def d13(stage: Stage) -> Any:
    """A failed upload leaves a model without content."""
    properties = stage.properties("d13")
    stage.server.fault("PUT", "/content$", drop="before", times=4)
    failure(lambda: stage.client.repository.store_model(stage.archive(), properties))
    stage.server.clear_faults()
    return stage.named("models", "d13") == 1


def d14(stage: Stage) -> Any:
    """A failed upload is reported with the status of the clean-up after it."""
    properties = stage.properties("d14")
    stage.server.fault("PUT", "/content$", status=400)
    return "204" in failure(lambda: stage.client.repository.store_model(stage.model, properties))


def d15(stage: Stage) -> Any:
    """Loading a model deletes the user's folder ``artifact``."""
    folder = stage.folder / "artifact"
    folder.mkdir()
    (folder / "precious.txt").touch()
    failure(lambda: stage.client.repository.load(stage.deployer.status().model_id))
    return not (folder / "precious.txt").exists()


def d16(stage: Stage) -> Any:
    """The path of a download is not where the file is."""
    wanted = stage.folder / "downloaded.tar.gz"
    said = stage.client.repository.download(stage.deployer.status().model_id, str(wanted))
    return not Path(said).exists()


def d17(stage: Stage) -> Any:
    """Scoring rewrites the caller's payload."""
    import pandas as pd

    payload = {"input_data": [{"values": pd.DataFrame({"a": [1.0]})}]}
    failure(lambda: stage.score(payload))
    return not isinstance(payload["input_data"][0]["values"], pd.DataFrame)


def d18(stage: Stage) -> Any:
    """A list ends at 200 without a word."""
    inner = stage.deployer._project.client
    spec = stage.properties("x")
    body = {"name": "many", "type": TYPE, "software_spec": {"id": next(v for v in spec.values() if len(v) == 36)}}
    for _ in range(201):
        inner._call("POST", "/ml/v4/models", "store", json={**body, **inner.scope.query})  # type: ignore[attr-defined]
    return len(stage.client.repository.get_model_details()["resources"]) == 200


def d19(stage: Stage) -> Any:
    """A TensorFlow directory leaves an archive beside it."""
    directory = stage.folder / "saved" / "model"
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").touch()
    properties = {key: "tensorflow_2.9" if value == TYPE else value for key, value in stage.properties("d19").items()}
    failure(lambda: stage.client.repository.store_model(str(directory), properties))
    moved = Path.cwd() != stage.folder
    os.chdir(stage.folder)
    return moved or [p.name for p in directory.parent.iterdir()] != ["model"]


def d20(stage: Stage) -> Any:
    """No call has a timeout of a size that anybody waits for."""
    if not stage.old:
        return stage.client.httpx_client.timeout.read == 1800
    with recorded(stage) as calls:
        stage.client.deployments.get_details(limit=1)
    return [] == [options for *_, options in calls if "timeout" in options]


def d21(stage: Stage) -> Any:
    """The first look at a new deployment comes after five seconds."""
    assert stage.deployer is not None
    started = time.monotonic()
    stage.deploy("d21")
    return time.monotonic() - started >= 5


def d22(stage: Stage) -> Any:
    """Each score opens a connection."""
    stage.server.clear_requests()
    for _ in range(3):
        stage.score({"input_data": [{"values": [[1.0]]}]})
    return len({r.connection for r in stage.asked("POST", "predictions")}) == 3


def d23(stage: Stage) -> Any:
    """After a 401 nobody logs in again."""
    deployment = stage.deployer.status().id
    assert stage.client
    stage.server.clear_requests()
    stage.server.fault("GET", "^/ml/v4/deployments/", status=401, times=None)
    failure(lambda: stage.client.deployments.get_details(deployment))
    stage.server.clear_faults()
    attempts = len(stage.asked("GET", "/ml/v4/deployments/"))
    return (attempts, len(stage.asked("POST", "authorize"))) == ((1, 0) if stage.old else (4, 0))


def d24(stage: Stage) -> Any:
    """A lost connection is reported as an untrusted one, or escapes as it is."""
    deployment = stage.deployer.status().id
    assert stage.client
    if stage.old:
        import ibm_watson_machine_learning._wrappers.requests as wrapper

        wrapper.verify = str(stage.server.info.ca_bundle)
    stage.server.fault("GET", "^/ml/v4/deployments/", drop="before", times=None)
    said = failure(lambda: stage.client.deployments.get_details(deployment))
    stage.server.clear_faults()
    return ("cannot be verified" if stage.old else "RemoteProtocolError") in said


def d25(stage: Stage) -> Any:
    """A token that lives less than fifty minutes breaks the client."""
    away = HALF_A_DAY - 2900
    stage.server.advance_clock(-away)
    said = failure(stage.connect)
    stage.server.advance_clock(away)
    return "AttributeError" in said


def d26(stage: Stage) -> Any:
    """Deploying prints."""
    assert stage.deployer is not None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        stage.deploy("d26")
    return len(printed.getvalue().splitlines()) > 5


def d27(stage: Stage) -> Any:
    """Scoring in a project is a bare KeyError."""
    client, space = stage.client, stage.client.default_space_id
    client.default_project_id, client.default_space_id = "p", None
    said = failure(lambda: stage.score({"input_data": [{"values": [[1.0]]}]}))
    client.default_project_id, client.default_space_id = None, space
    return "KeyError" in said


def d28(stage: Stage) -> Any:
    """A function's annotated default is not understood."""

    def scorer(k: int = 3) -> Any:
        def score(payload: Any) -> Any:
            return {"predictions": [{"values": [[k]]}], "n": len(payload)}

        return score

    key = stage.client.repository.FunctionMetaNames
    specification = next(v for v in stage.properties("x").values() if len(v) == 36)
    named = key.SOFTWARE_SPEC_UID if stage.old else key.SOFTWARE_SPEC_ID
    said = failure(lambda: stage.client.repository.store_function(scorer, {key.NAME: "d28", named: specification}))
    return "NoneType" in said or "signature pattern" in said


def d29(stage: Stage) -> Any:
    """Constructing and storing take more requests than there is work."""
    stage.server.clear_requests()
    stage.connect()
    return len(stage.server.requests) == (5 if stage.old else 2)


def ours(stage: Stage) -> Any:
    """After all that, this library still refuses a server that it does not trust."""
    from wml_deployer.errors import CertificateError

    d7(stage)
    authority = stage.folder / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    credentials = stage.deployer._credentials.model_copy(update={"ca_bundle": authority})
    try:
        Deployer(credentials, stage.folder / "metadata.yaml").status()
    except CertificateError:
        return True
    return False


def main(file: str, client: str, names: list[str]) -> None:
    """Show each defect; a fault that one leaves does not reach the next."""
    warnings.simplefilter("ignore")
    directory = Path(tempfile.mkdtemp())
    write_certificates(directory)
    os.environ["REQUESTS_CA_BUNDLE"] = str(directory / "ca.pem")
    shown: dict[str, Any] = {}
    with LocalServer(directory) as server:
        stage = Stage(client, server)
        for name in names:
            try:
                shown[name] = globals()[name](stage)
            except Exception as error:
                shown[name] = f"{type(error).__name__}: {error}"
            server.clear_faults()
    Path(file).write_text(json.dumps(shown))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
