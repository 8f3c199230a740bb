"""Every public method of the classic surface of IBM's newer client, as a program that uses nothing else.

Run as a script, in a process of its own, as the client keeps global state. Arguments: ``software`` or ``cloud``, the
service's URL, its key, its CA bundle, and the rest of the command line as for `flow`. Prints a line of JSON for each
call: its name, and what came of it: ``done``, or the error's text; and at last one with the methods that were not
called.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.server.flow import CRN, archive, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ROWS, LABELS = load_iris(return_X_y=True, as_frame=True)
PAYLOAD = {"input_data": [{"values": ROWS.head(3).to_numpy().tolist()}]}


NO_ID = "99999999-9999-4999-8999-999999999999"
"""Of what there is none; where the kind is not here, it is refused before anybody looks."""
PARTS = (
    *("connections", "data_assets", "deployments", "export_assets", "factsheets", "folder_assets", "import_assets"),
    *("hardware_specifications", "model_definitions", "package_extensions", "parameter_sets", "projects", "repository"),
    *("runtime_definitions", "script", "service_instance", "set", "shiny", "software_specifications", "spaces"),
    *("task_credentials", "training", "trashed_assets", "volumes"),
)
"""The classic surface. Foundation models are none of it; pipelines and experiments are reached by the repository."""


class Program:
    """Makes calls, and notes what came of each."""

    def __init__(self, client: Any, mode: str) -> None:
        self.client, self.mode = client, mode
        self.called = set[str]()
        self.parts = set(filter(self.has, PARTS))
        self.loop = asyncio.new_event_loop()
        # Names that there can be one of; ids are added as things are made.
        names = ("surface", "other", "extension", "derived", f"surface {mode}")
        self.twins = {name: f"{name}_twin" for name in names}

    def has(self, part: str) -> bool:
        """Whether the client has a part in this mode."""
        try:
            return hasattr(self.client, part)
        except Exception:  # noqa: BLE001 - of its own kinds
            return False

    def uncalled(self) -> list[str]:
        """Each public method of the classic surface that was not called; where a part is not for this mode, none."""
        return sorted(
            f"{part}.{name}"
            for part in PARTS
            if part in self.parts
            for name, _ in inspect.getmembers(type(getattr(self.client, part)), inspect.isroutine)
            if not name.startswith("_") and f"{part}.{name}" not in self.called
        )

    def call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a method of the client by its dotted name, and its twin for asyncio with what twins have made.

        Returns the method's answer, None for an error.
        """
        answer = self.call_one(name, *arguments, **keywords)
        part, _, method = name.rpartition(".")
        twin, theirs = f"{part}.a{method}", self.of_twins(arguments)
        has_twin = part in self.parts and hasattr(getattr(self.client, part), f"a{method}")
        # Nothing can be deleted twice.
        if has_twin and twin not in self.called and (theirs != arguments or method != "delete" or NO_ID in arguments):
            made = self.call_one(twin, *theirs, **self.of_twins(keywords))
            self.twins.update(zip(_ids(answer), _ids(made), strict=False))
        return answer

    def of_twins(self, value: Any) -> Any:
        """Return an argument with what a twin has made in place of what a method has made."""
        if isinstance(value, dict):
            return {key: self.of_twins(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self.of_twins, value))
        if isinstance(value, str) and value.startswith("back"):
            return f"twin_{value}"
        return self.twins.get(value, value) if isinstance(value, str) else value

    def call_one(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a method; return its answer, None for an error."""
        self.called.add(name)
        if any(each is None for each in (*arguments, *keywords.values())):
            # It needs what an earlier call was refused.
            return None

        def act() -> Any:
            method: Any = self.client
            for part in name.split("."):
                method = getattr(method, part)
            answer = method(*arguments, **keywords)
            if inspect.isgenerator(answer):
                return list(answer)
            if inspect.isasyncgen(answer):
                answer = _collected(answer)
            return self.loop.run_until_complete(answer) if inspect.isawaitable(answer) else answer

        return self.note(name, act)

    def note(self, name: str, act: Callable[[], Any]) -> Any:
        """Do something, and note what came of it."""
        answer, outcome = None, "done"
        try:
            answer = act()
        except Exception as error:  # noqa: BLE001 - what a user would see is what is noted
            outcome = f"{type(error).__name__}: {error}"
        sys.stdout.write("\n" + json.dumps({"call": name, "outcome": outcome}) + "\n")
        return answer


def _ids(answer: Any) -> list[str]:
    """The id of what was made."""
    metadata = answer.get("metadata", {}) if isinstance(answer, dict) else {}
    return [metadata[key] for key in ("id", "asset_id", "guid") if key in metadata][:1]


async def _collected(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


def models(do: Program, specification: str) -> str:
    """Store, show, change, list, commit, load and promote models."""
    names = do.client.repository.ModelMetaNames
    properties = {names.NAME: "model", names.TYPE: "scikit-learn_1.6", names.SOFTWARE_SPEC_ID: specification}
    model = LogisticRegression(solver="newton-cg").fit(ROWS, LABELS)
    path = archive(model, "model.tar.gz")
    stored = do.call("repository.store_model", path, meta_props=properties)
    model_id = do.call("repository.get_model_id", stored)
    do.call("repository.get_model_href", stored)
    do.call("repository.store_model", model, meta_props=properties, training_data=ROWS, training_target=LABELS)
    do.call("repository.get_details", model_id)
    do.call("repository.get_details")
    do.call("repository.get_details", artifact_name="model")
    do.call("repository.get_model_details", model_id)
    do.call("repository.get_model_details", get_all=True, limit=2)
    do.call("repository.get_model_details", spec_state=_states().SUPPORTED)
    do.call("repository.get_id_by_name", "no such model")
    do.call("repository.update_model", model_id, {names.NAME: "renamed", "tags": ["one"]}, path)
    do.call("repository.create_model_revision", model_id)
    do.call("repository.create_revision", model_id)
    do.call("repository.get_model_revision_details", model_id, "1")
    do.call("repository.list_models_revisions", model_id)
    do.call("repository.list")
    do.call("repository.list", framework_filter="scikit")
    do.call("repository.list_models")
    do.call("repository.list_models", limit=1, asynchronous=False, get_all=True)
    do.call("repository.load", model_id)
    do.call("repository.download", model_id, "back.tar.gz")
    do.call("repository.clone", model_id)
    return str(model_id)


def functions(do: Program, specification: str) -> str:
    """Store, show, change, list, commit and download functions."""

    def outer(factor=3):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - the client reads its source
        def score(payload):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
            return {"predictions": [{"values": [[factor * len(payload["input_data"][0]["values"])]]}]}

        return score

    names = do.client.repository.FunctionMetaNames
    properties = {names.NAME: "function", names.SOFTWARE_SPEC_ID: specification}
    stored = do.call("repository.store_function", outer, meta_props=properties)
    function_id = do.call("repository.get_function_id", stored)
    do.call("repository.get_function_href", stored)
    do.call("repository.get_function_details", function_id)
    do.call("repository.get_function_details")
    do.call("repository.update_function", function_id, {names.NAME: "renamed"}, outer)
    do.call("repository.create_function_revision", function_id)
    do.call("repository.get_function_revision_details", function_id, "1")
    do.call("repository.list_functions")
    do.call("repository.list_functions_revisions", function_id)
    do.call("repository.download", function_id, "function.gz")
    return str(function_id)


def others(do: Program, specification: str) -> None:
    """Pipelines, experiments and AI services: kept and shown."""
    names = do.client.repository.PipelineMetaNames
    document = {
        "doc_type": "pipeline",
        "version": "2.0",
        "primary_pipeline": "flow",
        "pipelines": [{"id": "flow", "runtime_ref": "hybrid", "nodes": []}],
    }
    stored = do.call("repository.store_pipeline", {names.NAME: "pipeline", names.DOCUMENT: document})
    pipeline_id = do.call("repository.get_pipeline_id", stored)
    do.call("repository.get_pipeline_href", stored)
    do.call("repository.get_pipeline_details", pipeline_id)
    do.call("repository.update_pipeline", pipeline_id, {names.NAME: "renamed"})
    do.call("repository.create_pipeline_revision", pipeline_id)
    do.call("repository.get_pipeline_revision_details", pipeline_id, "1")
    do.call("repository.list_pipelines")
    do.call("repository.list_pipelines_revisions", pipeline_id)
    experiment = do.client.repository.ExperimentMetaNames
    references = [{"pipeline": {"id": pipeline_id}}]
    properties = {experiment.NAME: "experiment", experiment.TRAINING_REFERENCES: references}
    stored = do.call("repository.store_experiment", properties)
    experiment_id = do.call("repository.get_experiment_id", stored)
    do.call("repository.get_experiment_href", stored)
    do.call("repository.get_experiment_details", experiment_id)
    do.call("repository.update_experiment", experiment_id, {experiment.NAME: "renamed"})
    do.call("repository.create_experiment_revision", experiment_id)
    do.call("repository.get_experiment_revision_details", experiment_id, "1")
    do.call("repository.list_experiments")
    do.call("repository.list_experiments_revisions", experiment_id)
    do.call("repository.delete", experiment_id)
    do.call("repository.delete", pipeline_id)
    ai_services(do, specification)


def ai_services(do: Program, specification: str) -> None:
    """AI services: kept and shown."""

    def service(context, **custom):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN003, ANN202
        def generate(context):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
            return {"body": {}}

        return generate

    names = do.client.repository.AIServiceMetaNames
    properties = {names.NAME: "service", names.SOFTWARE_SPEC_ID: specification}
    stored = do.call("repository.store_ai_service", service, meta_props=properties)
    service_id = do.call("repository.get_ai_service_id", stored)
    do.call("repository.get_ai_service_details", service_id)
    do.call("repository.update_ai_service", service_id, {names.NAME: "renamed"})
    do.call("repository.list_ai_services")
    do.call("repository.create_ai_service_revision", service_id)
    do.call("repository.get_ai_service_revision_details", service_id, "1")
    do.call("repository.list_ai_service_revisions", service_id)
    settings = do.client.deployments.ConfigurationMetaNames
    do.call("deployments.create", service_id, meta_props={settings.NAME: "service", settings.ONLINE: {}})
    do.call("deployments.run_ai_service", "1111", {"messages": []})
    do.call("repository.delete", service_id)


def deployments(do: Program, model_id: str, function_id: str) -> None:
    """Deploy, score, change, list; batch jobs; what is not deployed here."""
    settings = do.client.deployments.ConfigurationMetaNames
    online = {settings.NAME: "online", settings.ONLINE: {"parameters": {"serving_name": "surface"}}}
    stored = do.call("deployments.create", model_id, meta_props=online)
    deployment_id = do.call("deployments.get_id", stored)
    for reader in ("get_href", "get_scoring_href", "get_serving_href", "get_uid", "get_download_url"):
        do.call(f"deployments.{reader}", stored)
    do.call("deployments.is_serving_name_available", "surface")
    do.call("deployments.get_details", deployment_id)
    do.call("deployments.get_details", serving_name="surface")
    do.call("deployments.get_details", get_all=True)
    do.call("deployments.list")
    do.call("deployments.list", artifact_type="model")
    do.call("deployments.score", deployment_id, PAYLOAD)
    for name, value in (
        (settings.NAME, "renamed"),
        (settings.DESCRIPTION, "said"),
        (settings.TAGS, ["one"]),
        (settings.CUSTOM, {"owner": "ana"}),
        (settings.HARDWARE_SPEC, {"name": "S", "num_nodes": 2}),
        (settings.SERVING_NAME, "other"),
        (settings.ASSET, {"id": model_id, "rev": "1"}),
    ):
        do.call("deployments.update", deployment_id, {name: value})
        # More copies take a while, which the client does not wait for.
        while "scaling" in do.client.deployments.get_details(deployment_id)["entity"]["status"]:
            pass
    hardware = {"name": "XS", "num_nodes": 1}
    batch = {settings.NAME: "batch", settings.BATCH: {}, settings.HARDWARE_SPEC: hardware}
    batch_id = do.call("deployments.get_id", do.call("deployments.create", function_id, meta_props=batch))
    scoring = do.client.deployments.ScoringMetaNames
    job = do.call("deployments.create_job", batch_id, {scoring.INPUT_DATA: PAYLOAD["input_data"]})
    job_id = do.call("deployments.get_job_id", job)
    do.call("deployments.get_job_uid", job)
    do.call("deployments.get_job_href", job)
    do.call("deployments.get_job_status", job_id)
    do.call("deployments.get_job_details", job_id)
    do.call("deployments.get_job_details", job_id, include="status")
    do.call("deployments.list_jobs")
    do.call("deployments.delete_job", job_id, hard_delete=True)
    do.call("deployments.delete", batch_id)
    do.call("deployments.delete", deployment_id)


def specifications(do: Program, specification: str) -> None:
    """Software and hardware specifications, and package extensions."""
    for name in ("runtime-25.1-py3.12", "no such specification"):
        do.call("software_specifications.get_id_by_name", name)
    do.call("software_specifications.get_details", specification)
    do.call("software_specifications.get_details")
    do.call("software_specifications.get_details", state_info=True)
    do.call("software_specifications.list")
    for state in _states():
        do.call("software_specifications.list", spec_states=[state])
    Path("extension.yml").write_text("dependencies:\n- pip:\n  - scikit-learn\n", encoding="utf-8")
    names = do.client.package_extensions.ConfigurationMetaNames
    stored = do.call("package_extensions.store", {names.NAME: "extension", names.TYPE: "conda_yml"}, "extension.yml")
    extension_id = do.call("package_extensions.get_id", stored)
    do.call("package_extensions.get_href", stored)
    do.call("package_extensions.get_details", extension_id)
    do.call("package_extensions.list")
    do.call("package_extensions.get_id_by_name", "extension")
    do.call("package_extensions.download", extension_id, "back.yml")
    derived = do.client.software_specifications.ConfigurationMetaNames
    properties = {derived.NAME: "derived", derived.BASE_SOFTWARE_SPECIFICATION: {"guid": specification}}
    stored = do.call("software_specifications.store", properties)
    derived_id = do.call("software_specifications.get_id", stored)
    do.call("software_specifications.get_uid", stored)
    do.call("software_specifications.get_uid_by_name", "derived")
    do.call("software_specifications.get_href", stored)
    do.call("software_specifications.add_package_extension", derived_id, extension_id)
    do.call("software_specifications.delete_package_extension", derived_id, extension_id)
    do.call("software_specifications.delete", derived_id)
    do.call("package_extensions.delete", extension_id)
    for name in ("XS", "S", "M", "ML", "L", "XL"):
        do.call("hardware_specifications.get_id_by_name", name)
    do.call("hardware_specifications.list")
    hardware = do.client.hardware_specifications.ConfigurationMetaNames
    nodes = {"cpu": {"units": "2"}, "mem": {"size": "4Gi"}}
    stored = do.call("hardware_specifications.store", {hardware.NAME: "own", hardware.NODES: nodes})
    hardware_id = do.call("hardware_specifications.get_id", stored)
    do.call("hardware_specifications.get_uid", stored)
    do.call("hardware_specifications.get_uid_by_name", "own")
    do.call("hardware_specifications.get_href", stored)
    do.call("hardware_specifications.get_details", hardware_id)
    do.call("hardware_specifications.delete", hardware_id)


def task_credentials(do: Program) -> None:
    """Store the key that jobs of IBM Cloud run with, and take it back."""
    stored = do.call("task_credentials.store", "own", "said")
    credentials_id = do.call("task_credentials.get_id", stored)
    do.call("task_credentials.get_details", credentials_id)
    do.call("task_credentials.list")
    do.call("task_credentials.delete", credentials_id)


def assets(do: Program, specification: str) -> None:
    """Data assets, scripts, Shiny applications and model definitions."""
    Path("table.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    created = do.call("data_assets.create", "table", file_path="table.csv")
    asset_id = do.call("data_assets.get_id", created)
    do.call("data_assets.get_href", created)
    properties = {do.client.data_assets.ConfigurationMetaNames.NAME: "stored"}
    properties[do.client.data_assets.ConfigurationMetaNames.DATA_CONTENT_NAME] = "table.csv"
    do.call("data_assets.store", properties)
    do.call("data_assets.get_details", asset_id)
    do.call("data_assets.get_details")
    do.call("data_assets.list")
    for reader in ("get_href", "get_id"):
        do.call(f"folder_assets.{reader}", do.client.data_assets.get_details(asset_id))
    do.call("data_assets.download", asset_id, "back.csv")
    do.call("data_assets.get_content", asset_id)
    do.call("data_assets.delete", asset_id)
    Path("script.py").write_text("print(1)\n", encoding="utf-8")
    script = do.client.script.ConfigurationMetaNames
    properties = {script.NAME: "script", script.SOFTWARE_SPEC_ID: specification}
    _versioned(do, "script", properties, script.NAME, "script.py", deployed={"BATCH": {}})
    if do.mode == "software":
        Path("shiny.zip").write_bytes(b"PK\x05\x06" + bytes(18))
        name = do.client.shiny.ConfigurationMetaNames.NAME
        deployed = {"R_SHINY": {"authentication": "any_valid_user"}}
        _versioned(do, "shiny", {name: "shiny"}, name, "shiny.zip", deployed=deployed)
    Path("definition.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    definition = do.client.model_definitions.ConfigurationMetaNames
    described: dict[str, Any] = {
        definition.NAME: "definition",
        definition.VERSION: "1.0",
        definition.PLATFORM: {"name": "python", "versions": ["3.12"]},
    }
    _versioned(do, "model_definitions", described, definition.NAME, "definition.zip")


def _versioned(
    do: Program, kind: str, properties: Any, name: str, path: str, deployed: dict[str, Any] | None = None
) -> None:
    """Go through what scripts, applications and definitions have in common."""
    order = (path, properties) if kind == "model_definitions" else (properties, path)
    stored = do.call(f"{kind}.store", *order)
    asset_id = do.call(f"{kind}.get_id", stored)
    do.call(f"{kind}.get_href", stored)
    if kind != "script":
        do.call(f"{kind}.get_uid", stored)
    do.call(f"{kind}.get_details", asset_id)
    do.call(f"{kind}.get_details")
    do.call(f"{kind}.list")
    do.call(f"{kind}.update", asset_id, {name: "renamed"}, path)
    do.call(f"{kind}.download", asset_id, f"back-{path}")
    do.call(f"{kind}.create_revision", asset_id)
    do.call(f"{kind}.get_revision_details", asset_id, "1")
    do.call(f"{kind}.list_revisions", asset_id)
    if deployed is not None:
        settings = do.client.deployments.ConfigurationMetaNames
        wanted = {getattr(settings, key): value for key, value in deployed.items()}
        wanted |= {settings.NAME: kind, settings.HARDWARE_SPEC: {"name": "S", "num_nodes": 1}}
        do.call("deployments.create", asset_id, meta_props=wanted)
    do.call(f"{kind}.delete", asset_id)


def spaces(do: Program, space_id: str) -> None:
    """Spaces with and without an instance, members, projects and what is promoted from them."""
    names = do.client.spaces.ConfigurationMetaNames
    do.call("spaces.get_details", space_id)
    do.call("spaces.get_details")
    do.call("spaces.get_uid", do.client.spaces.get_details(space_id))
    do.call("spaces.get_id_by_name", f"surface {do.mode}")
    do.call("spaces.list")
    do.call("spaces.list", limit=1)
    do.call("spaces.update", space_id, {names.DESCRIPTION: "said"})
    member = do.client.spaces.MemberMetaNames
    joins = {member.MEMBERS: [{"id": "1000331001", "role": "editor", "type": "user", "state": "active"}]}
    do.call("spaces.create_member", space_id, joins)
    do.call("spaces.get_member_details", space_id, "1000331001")
    do.call("spaces.update_member", space_id, "1000331001", {"member": {"role": "viewer"}})
    do.call("spaces.list_members", space_id)
    do.call("spaces.delete_member", space_id, "1000331001")
    if do.mode == "cloud":
        storage = {names.STORAGE: {"resource_crn": CRN}}
        bare = do.call("spaces.store", {names.NAME: "without an instance", **storage}, background_mode=False)
        bare_id = do.call("spaces.get_id", bare)
        do.call("set.default_space", bare_id)
        do.call("spaces.delete", bare_id)
        do.call("set.default_space", space_id)
    projects(do, space_id)


def projects(do: Program, space_id: str) -> None:
    """Projects, and promoting from one."""
    joins = [{"user_name": "ana", "id": "1000331001", "role": "editor", "type": "user", "state": "active"}]
    names = do.client.projects.ConfigurationMetaNames
    properties: dict[str, Any] = {names.NAME: f"project {do.mode}", names.GENERATOR: "surface"}
    properties[names.STORAGE] = {"type": "assetfiles"}
    if do.mode == "cloud":
        properties[names.STORAGE] = {"type": "bmcos_object_storage", "guid": "g", "resource_crn": CRN}
        properties[names.COMPUTE] = {"name": "WML", "crn": CRN}
    stored = do.call("projects.store", properties)
    project_id = do.call("projects.get_id", stored)
    do.call("projects.get_details", project_id)
    do.call("projects.get_details")
    do.call("projects.get_id_by_name", f"project {do.mode}")
    do.call("projects.list")
    do.call("projects.update", project_id, {names.DESCRIPTION: "said"})
    do.call("projects.list_members", project_id)
    members = do.client.projects.MemberMetaNames
    do.call("projects.create_member", project_id, {members.MEMBERS: joins})
    do.call("projects.get_member_details", project_id, "ana")
    do.call("projects.update_member", project_id, "ana", {"member": {"role": "viewer"}})
    do.call("projects.delete_member", project_id, "ana")
    do.call("set.default_project", project_id)
    created = do.call("data_assets.create", "table", file_path="table.csv")
    asset_id = do.call("data_assets.get_id", created)
    do.call("repository.promote_model", asset_id, project_id, space_id)
    do.call("spaces.promote", asset_id, source_project_id=project_id, target_space_id=space_id)
    do.call("set.default_space", space_id)
    do.call("projects.delete", project_id)


def elsewhere(do: Program) -> None:
    """Parts of the platform that are not here: each is refused by its name."""
    Path("driver.jar").write_bytes(b"jar")
    Path("space.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    metadata = {"id": NO_ID, "guid": NO_ID, "asset_id": NO_ID, "href": f"/v2/x/{NO_ID}", "name": "n"}
    entry = {"metadata": metadata, "entity": {}, "id": NO_ID, "display_name": "n"}
    space = {"space_id": do.client.default_space_id}
    names = do.client.training.ConfigurationMetaNames
    data = [{"type": "container", "location": {"path": "."}}]
    run = {
        names.NAME: "t",
        names.DESCRIPTION: "t",
        names.TRAINING_DATA_REFERENCES: data,
        names.TRAINING_RESULTS_REFERENCE: {"type": "container", "location": {"path": "."}},
    }
    calls: dict[str, tuple[Any, ...]] = {
        "connections.create": ({"name": "c", "datasource_type": "d", "properties": {}},),
        "connections.delete": (NO_ID,),
        "connections.get_details": (),
        "connections.get_id": (entry,),
        "connections.get_uid": (entry,),
        "connections.get_db_driver_url": ("driver.jar",),
        "connections.get_uploaded_db_drivers": (),
        "connections.list": (),
        "connections.list_datasource_types": (),
        "connections.list_uploaded_db_drivers": (),
        "connections.sign_db_driver_url": ("driver.jar",),
        "connections.upload_db_driver": (Path("driver.jar"),),
        "connections.get_datasource_type_details_by_id": (NO_ID,),
        "connections.get_datasource_type_details_by_name": ("db2",),
        "connections.get_datasource_type_id_by_name": ("db2",),
        "connections.get_datasource_type_uid_by_name": ("db2",),
        "connections.get_write_mode_by_datasource_type": ("db2",),
        "folder_assets.create": ("f", "/f"),
        "folder_assets.delete": (NO_ID,),
        "folder_assets.get_details": (),
        "folder_assets.list": (),
        "folder_assets.store": ({"name": "f", "connection_path": "/f"},),
        "parameter_sets.create": ({"name": "p", "parameters": [{"name": "a", "prompt": "a", "type": "int64"}]},),
        "parameter_sets.delete": (NO_ID,),
        "parameter_sets.get_details": (NO_ID,),
        "parameter_sets.get_id_by_name": ("p",),
        "parameter_sets.list": (),
        "parameter_sets.update": (NO_ID, "said", "description"),
        "runtime_definitions.delete": (NO_ID,),
        "runtime_definitions.get_details": (NO_ID,),
        "runtime_definitions.get_id": (entry,),
        "runtime_definitions.get_id_by_name": ("r",),
        "runtime_definitions.list": (),
        "runtime_definitions.store": (
            {
                "name": "r",
                "display_name": "r",
                "kind": "notebook",
                "launch_configuration": {},
                "software_configuration": {},
            },
        ),
        "runtime_definitions.update": (NO_ID, {"name": "r"}),
        "service_instance.get_details": (),
        "training.cancel": (NO_ID,),
        "training.delete": (NO_ID,),
        "training.get_details": (),
        "training.get_href": (entry,),
        "training.get_id": (entry,),
        "training.get_metrics": (NO_ID,),
        "training.get_status": (NO_ID,),
        "training.list": (),
        "training.list_intermediate_models": (NO_ID,),
        "training.monitor_logs": (NO_ID,),
        "training.monitor_metrics": (NO_ID,),
        "training.run": (run,),
        "trashed_assets.delete": (NO_ID,),
        "trashed_assets.get_details": (NO_ID,),
        "trashed_assets.get_id": (entry,),
        "trashed_assets.list": (),
        "trashed_assets.purge_all": (),
        "trashed_assets.restore": (NO_ID,),
        "volumes.create": ({"name": "v", "namespace": "n", "storageClass": "s", "storageSize": "2G"},),
        "volumes.delete": (NO_ID,),
        "volumes.get_details": (NO_ID,),
        "volumes.get_id": (entry,),
        "volumes.get_name": (entry,),
        "volumes.get_volume_status": ("n::v",),
        "volumes.list": (),
        "volumes.start": ("n::v",),
        "volumes.stop": ("n::v",),
        "volumes.upload_file": ("n::v", "driver.jar"),
        "factsheets.list_model_entries": (),
        "factsheets.register_model_entry": (NO_ID, {"model_entry_name": "n", "model_entry_description": "d"}),
        "factsheets.unregister_model_entry": (NO_ID, NO_ID),
    }
    for name, arguments in calls.items():
        do.call(name, *arguments)
    for name in ("get_api_key", "get_instance_id", "get_password", "get_url", "get_username"):
        do.call(f"service_instance.{name}")
    for part, arguments in (
        ("export_assets.start", ({"name": "e", "all_assets": True},)),
        ("export_assets.cancel", (NO_ID,)),
        ("export_assets.delete", (NO_ID,)),
        ("export_assets.get_details", (NO_ID,)),
        ("export_assets.list", ()),
        ("import_assets.start", ("space.zip",)),
        ("import_assets.cancel", (NO_ID,)),
        ("import_assets.delete", (NO_ID,)),
        ("import_assets.get_details", (NO_ID,)),
        ("import_assets.list", ()),
    ):
        do.call(part, *arguments, **space)
    do.call("export_assets.get_exported_content", NO_ID, file_path="export.zip", **space)
    do.call("export_assets.get_id", entry)
    do.call("import_assets.get_id", entry)
    messages = [{"role": "user", "content": "hello"}]
    for name in ("generate", "generate_text", "generate_text_stream", "agenerate_stream"):
        do.call(f"deployments.{name}", NO_ID, "hello")
    for name in ("chat", "chat_stream"):
        do.call(f"deployments.{name}", NO_ID, messages)
    do.call("deployments.run_ai_service_stream", NO_ID, {"messages": messages})


def _states() -> Any:
    from ibm_watsonx_ai.lifecycle import SpecStates  # noqa: PLC0415

    return SpecStates


def main(mode: str, url: str, apikey: str, bundle: str) -> None:
    """Run it all in a space of its own."""
    warnings.simplefilter("ignore")
    client = connect("new", mode, url, apikey, bundle)
    do = Program(client, mode)
    names = client.spaces.ConfigurationMetaNames
    properties: dict[str, Any] = {names.NAME: f"surface {mode}"}
    if mode == "cloud":
        properties |= {names.STORAGE: {"resource_crn": CRN}, names.COMPUTE: {"name": "WML", "crn": CRN}}
    space_id = do.call("spaces.get_id", do.call("spaces.store", properties, background_mode=False))
    do.call("set.default_space", space_id)
    specification = do.call("software_specifications.get_id_by_name", "runtime-25.1-py3.12")
    model_id, function_id = models(do, specification), functions(do, specification)
    deployments(do, model_id, function_id)
    others(do, specification)
    specifications(do, specification)
    assets(do, specification)
    task_credentials(do)
    spaces(do, space_id)
    elsewhere(do)
    do.call("repository.delete", function_id)
    do.call("repository.delete", model_id)
    do.call("spaces.delete", space_id)
    sys.stdout.write("\n" + json.dumps({"uncalled": do.uncalled()}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
