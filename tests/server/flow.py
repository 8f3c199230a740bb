"""What a user of IBM's client does, from a space to a deleted deployment; run as a script, in a process of its own.

Both clients keep global state, the way to the service among it, so that each run of the flow has its own interpreter.
Arguments: ``old`` or ``new``, ``software`` or ``cloud``, the service's URL, its key, its CA bundle. The last line of
its output is ``done``.
"""

from __future__ import annotations

import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import certifi
import joblib
import pandas as pd
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

CRN = "crn:v1:bluemix:public:pm-20:us-south:a/1:99999999-9999-9999-9999-999999999999::"
ROWS, LABELS = load_iris(return_X_y=True, as_frame=True)
PAYLOAD = {"input_data": [{"values": ROWS.head(3).to_numpy().tolist()}]}

_sleep = time.sleep
# Both clients sleep five seconds before their first look.
time.sleep = lambda seconds: _sleep(min(float(seconds), 0.05))


def connect(generation: str, mode: str, url: str, apikey: str, bundle: str) -> Any:
    """Make the client; the generated one that moves objects trusts certifi's bundle and nothing else."""
    certifi.where = lambda: bundle
    if generation == "new":
        return _new(mode, url, apikey, bundle)
    from ibm_watson_machine_learning import APIClient, href_definitions  # noqa: PLC0415
    from ibm_watson_machine_learning._wrappers import requests  # noqa: PLC0415

    requests.verify = bundle
    if mode == "software":
        account = {"username": "admin", "apikey": apikey, "instance_id": "openshift", "version": "5.0"}
        return APIClient({"url": url, **account})
    APIClient._internal = True
    href_definitions.IAM_TOKEN_URL = f"{url}/oidc/token"
    return APIClient({"url": url, "apikey": apikey})


def _new(mode: str, url: str, apikey: str, bundle: str) -> Any:
    from ibm_watsonx_ai import APIClient, Credentials  # noqa: PLC0415

    if mode == "software":
        return APIClient(Credentials(url=url, username="admin", api_key=apikey, version="5.0", verify=bundle))
    token_url = f"{url}/identity/token"
    return APIClient(Credentials(url=url, api_key=apikey, platform_url=url, auth_url=token_url, verify=bundle))


def archive(model: Any, name: str) -> str:
    """Write the model as the service takes it."""
    joblib.dump(model, "model.pkl")
    with tarfile.open(name, "w:gz") as tar:
        tar.add("model.pkl")
    return name


def expected(model: Any) -> list[Any]:
    """What the service answers for the payload if it computes as we do."""
    rows = ROWS.head(3).to_numpy()
    pairs = zip(model.predict(rows), model.predict_proba(rows), strict=True)
    return [[int(label), probabilities.tolist()] for label, probabilities in pairs]


def wait(client: Any, deployment_id: str) -> None:
    """Wait until an update has arrived: the old client does not."""
    while client.deployments.get_details(deployment_id)["entity"]["status"]["state"] == "updating":
        _sleep(0.05)


def lifecycle(client: Any, specification: str) -> None:
    """Store, deploy, score, update, roll back, delete; every value is the local model's."""
    models = [LogisticRegression(C=c, solver="newton-cg").fit(ROWS.to_numpy(), LABELS) for c in (1.0, 0.01)]
    names, settings = client.repository.ModelMetaNames, client.deployments.ConfigurationMetaNames
    key = getattr(names, "SOFTWARE_SPEC_ID", None) or names.SOFTWARE_SPEC_UID
    properties = {names.NAME: "model", names.TYPE: "scikit-learn_1.6", key: specification}
    stored = client.repository.store_model(archive(models[0], "a.tar.gz"), meta_props=properties)
    model_id = client.repository.get_model_id(stored)
    client.repository.create_model_revision(model_id)
    deployed = client.deployments.create(model_id, meta_props={settings.NAME: "deployment", settings.ONLINE: {}})
    deployment_id = client.deployments.get_id(deployed)
    client.repository.update_model(model_id, {names.NAME: "second"}, archive(models[1], "b.tar.gz"))
    client.repository.create_model_revision(model_id)

    def scores() -> Any:
        return client.deployments.score(deployment_id, dict(PAYLOAD))["predictions"][0]["values"]

    assert scores() == expected(models[0])
    for revision, model in (("2", models[1]), ("1", models[0])):
        client.deployments.update(deployment_id, {settings.ASSET: {"id": model_id, "rev": revision}})
        wait(client, deployment_id)
        assert scores() == expected(model)
    frame = {"input_data": [{"values": ROWS.head(3)}]}
    assert client.deployments.score(deployment_id, frame)["predictions"][0]["values"] == expected(models[0])
    client.deployments.update(deployment_id, {settings.NAME: "renamed"})
    assert client.deployments.get_details(deployment_id)["entity"]["name"] == "renamed"
    client.repository.download(model_id, "out.tar.gz")
    assert Path("out.tar.gz").read_bytes() == Path("b.tar.gz").read_bytes()
    client.deployments.delete(deployment_id)
    client.repository.delete(model_id)


def objects(client: Any, specification: str) -> None:
    """Store an estimator itself, and load it again: this goes through another client inside the client."""
    names = client.repository.ModelMetaNames
    key = getattr(names, "SOFTWARE_SPEC_ID", None) or names.SOFTWARE_SPEC_UID
    properties = {names.NAME: "object", names.TYPE: "scikit-learn_1.6", key: specification}
    model = LogisticRegression(solver="newton-cg").fit(ROWS, LABELS)
    stored = client.repository.store_model(model, meta_props=properties, training_data=ROWS, training_target=LABELS)
    loaded = client.repository.load(client.repository.get_model_id(stored))
    assert (loaded.predict(ROWS) == model.predict(ROWS)).all()


def functions(client: Any, specification: str) -> None:
    """Store a function with a parameter, deploy it, score it in a batch job."""

    def outer(factor=3):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - the clients read its source
        def score(payload):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
            return {"predictions": [{"values": [[factor * len(payload["input_data"][0]["values"])]]}]}

        return score

    names, settings = client.repository.FunctionMetaNames, client.deployments.ConfigurationMetaNames
    key = getattr(names, "SOFTWARE_SPEC_ID", None) or names.SOFTWARE_SPEC_UID
    stored = client.repository.store_function(outer, meta_props={names.NAME: "function", key: specification})
    function_id = client.repository.get_function_id(stored)
    hardware = {"name": "S", "num_nodes": 1}
    wanted = {settings.NAME: "batch", settings.BATCH: {}, settings.HARDWARE_SPEC: hardware}
    batch = client.deployments.get_id(client.deployments.create(function_id, meta_props=wanted))
    data = client.deployments.ScoringMetaNames.INPUT_DATA
    job = client.deployments.create_job(batch, {data: PAYLOAD["input_data"]})
    job_id = job["metadata"]["id"]
    while client.deployments.get_job_status(job_id)["state"] not in ("completed", "failed"):
        _sleep(0.05)
    scoring = client.deployments.get_job_details(job_id)["entity"]["scoring"]
    assert scoring["predictions"] == [{"values": [[9]]}], scoring


def assets(client: Any, specification: str) -> None:
    """Data assets, scripts and package extensions, there and back."""
    Path("table.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    created = client.data_assets.create("table", file_path="table.csv")
    client.data_assets.download(client.data_assets.get_id(created), "back.csv")
    assert Path("back.csv").read_bytes() == Path("table.csv").read_bytes()
    Path("extension.yml").write_text("dependencies:\n- pip:\n  - scikit-learn\n", encoding="utf-8")
    names = client.package_extensions.ConfigurationMetaNames
    stored = client.package_extensions.store({names.NAME: "extension", names.TYPE: "conda_yml"}, "extension.yml")
    extension_id = client.package_extensions.get_id(stored)
    client.package_extensions.download(extension_id, "back.yml")
    assert Path("back.yml").read_bytes() == Path("extension.yml").read_bytes()
    derived = client.software_specifications.ConfigurationMetaNames
    specification = client.software_specifications.store(
        {
            derived.NAME: "derived",
            derived.PACKAGE_EXTENSIONS: [{"guid": extension_id}],
            derived.BASE_SOFTWARE_SPECIFICATION: {"guid": specification},
        }
    )
    client.software_specifications.delete(client.software_specifications.get_id(specification))


def lists(client: Any) -> None:
    """Every list that a user may look at is a frame."""
    tables = [client.spaces.list(), client.repository.list(), client.repository.list_models()]
    tables += [client.deployments.list(), client.software_specifications.list(), client.data_assets.list()]
    assert all(isinstance(table, pd.DataFrame) for table in tables)


def main(generation: str, mode: str, url: str, apikey: str, bundle: str) -> None:
    """Run it all in a space of its own."""
    client = connect(generation, mode, url, apikey, bundle)
    names = client.spaces.ConfigurationMetaNames
    properties: dict[str, Any] = {names.NAME: f"{generation} {mode}"}
    if mode == "cloud":
        properties |= {names.STORAGE: {"resource_crn": CRN}, names.COMPUTE: {"name": "WML", "crn": CRN}}
    space_id = client.spaces.store(properties, background_mode=False)["metadata"]["id"]
    client.set.default_space(space_id)
    specification = client.software_specifications.get_id_by_name("runtime-25.1-py3.12")
    for part in (lifecycle, objects, functions, assets):
        part(client, specification)
    lists(client)
    client.spaces.delete(space_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.write("\ndone\n")
