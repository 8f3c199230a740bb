"""The tutorial's script, call by call, against a service whose certificate is given: model, project, credentials."""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
import yaml
from ibm_watson_machine_learning import APIClient

MODEL_PATH, PROJ_PATH, CRED_PATH = map(Path, sys.argv[1:4])
META_PATH = PROJ_PATH / "metadata.yaml"

credentials = yaml.safe_load(CRED_PATH.read_text(encoding="utf-8"))
metadata = yaml.safe_load(META_PATH.read_text(encoding="utf-8"))
pipeline = joblib.load(MODEL_PATH)

client = APIClient(
    {
        "url": credentials["url"],
        "username": credentials["username"],
        "apikey": credentials["apikey"],
        "instance_id": "openshift",
        "version": "5.0",
    }
)
client.spaces.list()

MODEL_NAME = metadata["project_name"] + "_" + metadata["project_version"]
DEPLOY_NAME = MODEL_NAME + "-Deployment"

client.set.default_space(credentials["space_id"])

model_props = {
    client.repository.ModelMetaNames.NAME: MODEL_NAME,
    client.repository.ModelMetaNames.TYPE: metadata["model_type"],
    client.repository.ModelMetaNames.SOFTWARE_SPEC_UID: client.software_specifications.get_id_by_name(sys.argv[4]),
}
model_details = client.repository.store_model(model=pipeline, meta_props=model_props)
model_uid = client.repository.get_model_uid(model_details)

deployment_props = {
    client.deployments.ConfigurationMetaNames.NAME: DEPLOY_NAME,
    client.deployments.ConfigurationMetaNames.ONLINE: {},
}
deployment = client.deployments.create(artifact_uid=model_uid, meta_props=deployment_props)

metadata["model_uid"] = model_uid
metadata["deployment_uid"] = client.deployments.get_uid(deployment)
with META_PATH.open("w+", encoding="utf-8") as file:
    yaml.dump(metadata, file, allow_unicode=True)
