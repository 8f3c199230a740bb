"""Field for field, our answers have the shape that the real service's recorded answers have.

Each recording is replayed; where our answer has another shape, the difference stands below with its reason.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.server import replay
from tests.server.conftest import Client
from tests.server.shapes import differences
from wml_deployer.server.specifications.catalogue import SOFTWARE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.testing import LocalServer

WIRE = Path(__file__).parents[1] / "data" / "wire"

# Reasons. A recording shows one moment of a service that grew: what came later is shown by later recordings.
LATER = "the service shows this since a later release"
OLD_CLIENT = "the old client fails on an empty list of warnings, so that there always is one here"
OTHER_MODEL = "the prediction is another model's"
CONNECTION = "this service has no connections: the reference leads to a data asset of the space"
RSHINY = "this service deploys no Shiny applications"
ERA = "recorded before the runtimes had hardware specifications of their own"
DEPRECATED = "the text is about the runtime's end, which this service says in the specification's life cycle"
FINER = "the platform's own times are coarser or finer there; this service has one format"
NAMED = "recorded before the name was shown beside the id"
QUICK = "the job is done before it is listed"

ADDED_TO_MODELS = {
    "/entity/hybrid_pipeline_software_specs: added": LATER,
    "/metadata/resource_key: added": LATER,
    "/system: added": LATER,
}
ADDED_TO_DEPLOYMENTS = {"/entity/status/serving_urls: added": LATER, "/system: added": LATER}
ON_CLOUD = {"/entity/status/inference: added": LATER}
NO_HARDWARE = {"/entity/hardware_spec/id: uuid instead of text": ERA}
PAGE = {"/first: added": LATER, "/limit: added": LATER}
INPUT = {"/entity/scoring/input_data/*/values/*/*: number value instead of text": OTHER_MODEL}
OUTPUT = {"/entity/scoring/predictions/*/values/*/*: number value instead of text": OTHER_MODEL}


def pick(reasons: dict[str, str], *names: str) -> dict[str, str]:
    """The reasons for the named members alone."""
    return {where: reason for where, reason in reasons.items() if any(f"/{name}: " in where for name in names)}


HYBRID, KEY, SYSTEM = "hybrid_pipeline_software_specs", "resource_key", "system"

#: Differences by recording. One that is not named has none.
REASONS: dict[str, dict[str, str]] = {
    "deployments/2020-11-05_list_of_deployment_details_sklearn_regressor_2": PAGE,
    "deployments/2021-07-30_deployment_details_other_2": {
        **NO_HARDWARE,
        **ON_CLOUD,
        **ADDED_TO_DEPLOYMENTS,
        "/entity/status/message: missing": DEPRECATED,
    },
    "deployments/2022-04-05_deployment_details_sklearn_regressor_1": {
        **NO_HARDWARE,
        **ON_CLOUD,
        **ADDED_TO_DEPLOYMENTS,
        "/entity/status/message/level: added": LATER,
    },
    "deployments/2022-04-14_deployment_details_sklearn_regressor_4": ON_CLOUD,
    "deployments/2023-11-28_deployment_details_autoai_5": ON_CLOUD,
    "deployments/2025-01-07_deployment_details_autoai_6": ADDED_TO_DEPLOYMENTS,
    "deployments/2025-01-07_deployment_details_autoai_timeseries_1": ON_CLOUD,
    "deployments/2025-01-07_deployment_details_other_1": {**NO_HARDWARE, **ADDED_TO_DEPLOYMENTS},
    "deployments/2025-01-07_deployment_details_other_3": {
        **ADDED_TO_DEPLOYMENTS,
        "/entity/online: added": RSHINY,
        "/entity/r_shiny: missing": RSHINY,
        "/entity/status/online_url: added": RSHINY,
        "/entity/status/rshiny_url: missing": RSHINY,
    },
    "deployments/2025-01-07_deployment_details_pytorch_onnx_1": ADDED_TO_DEPLOYMENTS,
    "deployments/2025-01-07_deployment_details_sklearn_regressor_3": {**NO_HARDWARE, **ADDED_TO_DEPLOYMENTS},
    "deployments/2025-01-07_list_of_deployment_details_autoai_3": PAGE,
    "deployments/2025-02-25_deployment_details_autoai_1": ADDED_TO_DEPLOYMENTS,
    "deployments/2025-02-28_deployment_details_sklearn_regressor_5": {"/system/warnings: filled": OLD_CLIENT},
    "deployments/2025-02-28_deployment_details_sklearn_regressor_6": {"/system/warnings: filled": OLD_CLIENT},
    "deployments/2025-02-28_deployment_details_sklearn_regressor_7": {"/system/warnings: filled": OLD_CLIENT},
    "jobs/2022-02-09_job_details_autoai_1": {**INPUT, **OUTPUT, "/entity/platform_job: added": LATER},
    "jobs/2025-01-07_job_details_autoai_3": INPUT,
    "jobs/2025-01-07_list_of_job_details_autoai_2": {
        **PAGE,
        "/resources/*/entity/scoring/input_data/*/values/*/*: number value instead of text": OTHER_MODEL,
        "/resources/*/entity/scoring/predictions: added": QUICK,
        "/resources/*/entity/scoring/status/completed_at: time instead of empty": QUICK,
        "/resources/*/entity/scoring/status/running_at: time instead of empty": QUICK,
        "/resources/*/metadata/modified_at: added": QUICK,
    },
    "jobs/2025-02-12_job_details_autoai_4": {**INPUT, **OUTPUT},
    "jobs/2025-02-25_job_details_pmml_1": OUTPUT,
    "jobs/2025-02-25_job_details_sklearn_svc_no_proba_1": {
        "/entity/scoring/input_data_references/*/connection/id: missing": CONNECTION,
        "/entity/scoring/input_data_references/*/location/bucket: missing": CONNECTION,
        "/entity/scoring/input_data_references/*/location/file_name: missing": CONNECTION,
        "/entity/scoring/input_data_references/*/location/href: added": CONNECTION,
        "/entity/scoring/output_data_reference/connection/id: missing": CONNECTION,
        "/entity/scoring/output_data_reference/location/bucket: missing": CONNECTION,
        "/entity/scoring/output_data_reference/location/file_name: missing": CONNECTION,
        "/entity/scoring/output_data_reference/location/href: added": CONNECTION,
        "/entity/scoring/output_data_reference/location/name: added": CONNECTION,
        "/entity/scoring/status/completed_at: time instead of coarser or finer time": FINER,
        "/entity/scoring/status/running_at: time instead of coarser or finer time": FINER,
    },
    "jobs/2025-02-25_job_details_spark_batch_1": INPUT,
    "jobs/2025-02-25_job_details_spark_batch_2": {**INPUT, **OUTPUT},
    "jobs/2025-02-25_job_details_spss_1": {
        "/entity/scoring/output_data_reference/location/name: added": "the output is a new asset of this name"
    },
    "jobs/2025-02-25_job_details_spss_2": {
        "/entity/scoring/input_data_references/*/connection/id: missing": CONNECTION,
        "/entity/scoring/input_data_references/*/location/file_name: missing": CONNECTION,
        "/entity/scoring/input_data_references/*/location/href: added": CONNECTION,
        "/entity/scoring/input_data_references/*/location/schema_name: missing": CONNECTION,
        "/entity/scoring/output_data_reference/connection/id: missing": CONNECTION,
        "/entity/scoring/output_data_reference/id: missing": CONNECTION,
        "/entity/scoring/output_data_reference/location/file_name: missing": CONNECTION,
        "/entity/scoring/output_data_reference/location/href: added": CONNECTION,
        "/entity/scoring/output_data_reference/location/name: added": CONNECTION,
        "/entity/scoring/output_data_reference/location/schema_name: missing": CONNECTION,
    },
    "models/2020-10-19_model_details_sklearn_svc_no_proba_1": {
        **ADDED_TO_MODELS,
        "/entity/software_spec/name: added": NAMED,
    },
    "models/2020-11-05_model_details_sklearn_regressor_2": ADDED_TO_MODELS,
    "models/2021-06-21_model_details_autoai_3": pick(ADDED_TO_MODELS, KEY),
    "models/2022-02-09_model_details_sklearn_custom_library_regressor_1": pick(ADDED_TO_MODELS, HYBRID),
    "models/2022-04-05_model_details_sklearn_regressor_1": ADDED_TO_MODELS,
    "models/2022-04-05_model_details_tensorflow_savedmodel_2": pick(ADDED_TO_MODELS, HYBRID),
    "models/2022-08-22_model_details_other_2": {
        **pick(ADDED_TO_MODELS, SYSTEM),
        "/metadata/owner: number instead of text": "recorded of a service id; accounts here are users",
    },
    "models/2023-11-28_model_details_other_1": ADDED_TO_MODELS,
    "models/2025-01-07_model_details_autoai_1": pick(ADDED_TO_MODELS, KEY, SYSTEM),
    "models/2025-01-07_model_details_autoai_2": pick(ADDED_TO_MODELS, HYBRID, KEY),
    "models/2025-01-07_model_details_function_satisfaction_1": {
        **pick(ADDED_TO_MODELS, SYSTEM),
        "/entity/software_spec/name: added": NAMED,
    },
    "models/2025-01-07_model_details_keras_1": pick(ADDED_TO_MODELS, HYBRID, KEY),
    "models/2025-01-07_model_details_other_3": pick(ADDED_TO_MODELS, HYBRID, KEY),
    "models/2025-01-07_model_details_other_4": pick(ADDED_TO_MODELS, HYBRID, KEY),
    "models/2025-01-07_model_details_other_5": {
        **ADDED_TO_MODELS,
        "/metadata/owner: number instead of text": "recorded of a service id; accounts here are users",
    },
    "models/2025-01-07_model_details_sklearn_regressor_3": pick(ADDED_TO_MODELS, HYBRID, KEY),
    "models/2025-01-07_model_details_spark_action_1": pick(ADDED_TO_MODELS, HYBRID, KEY),
    "models/2025-01-07_model_details_tensorflow_savedmodel_1": pick(ADDED_TO_MODELS, HYBRID, KEY),
    "revisions/2020-11-05_revision_details_sklearn_regressor_2": ADDED_TO_MODELS,
    "revisions/2022-04-05_revision_details_sklearn_regressor_1": ADDED_TO_MODELS,
    "revisions/2025-01-07_list_of_other_metadata_other_1": {"/resources/*/metadata/resource_key: added": LATER},
    "revisions/2025-01-07_list_of_other_metadata_sklearn_regressor_3": {
        "/resources/*/metadata/resource_key: added": LATER
    },
    "revisions/2025-01-07_list_of_other_metadata_sklearn_regressor_4": {
        "/resources/*/metadata/resource_key: added": LATER
    },
    "revisions/2025-01-07_revision_details_sklearn_regressor_5": pick(ADDED_TO_MODELS, HYBRID, KEY),
    "revisions/2025-01-07_revision_details_sklearn_regressor_6": pick(ADDED_TO_MODELS, HYBRID, KEY),
    "spaces/2025-01-07_list_of_space_details_other_4": {"/resources/*/entity/stage: added": LATER},
    "spaces/2025-01-07_list_of_space_details_other_6": {
        "/resources/*/entity/stage: added": LATER,
        "/resources/*/entity/compute/*/guid: added": "the later recordings call it guid again",
        "/resources/*/entity/compute/*/id: missing": "the later recordings call it guid again",
    },
    "spaces/2025-01-07_space_details_other_1": {"/entity/stage: added": LATER},
    "spaces/2025-01-07_space_details_other_2": {"/entity/stage: added": LATER},
    "spaces/2025-01-07_space_details_other_3": {"/entity/stage: added": LATER},
    "spaces/2025-01-07_space_details_other_5": {
        "/entity/stage: added": LATER,
        "/entity/compute/*/guid: added": "the later recordings call it guid again",
        "/entity/compute/*/id: missing": "the later recordings call it guid again",
    },
}


def recordings(*folders: str) -> list[str]:
    """Names of the recordings in the folders, folder included, without the ending."""
    files = (file for folder in folders for file in sorted((WIRE / folder).glob("*.json")))
    return [f"{file.parent.name}/{file.stem}" for file in files]


def body(name: str) -> Any:
    """What was recorded."""
    return json.loads((WIRE / f"{name}.json").read_text("utf-8"))["body"]


@pytest.fixture(scope="module")
def all_alive(server: LocalServer) -> Iterator[LocalServer]:
    """A service on which no software specification is at its end: the recordings are of all ages."""
    for name in SOFTWARE:
        server.set_specification(name, "supported")
    yield server
    server.reset()


@pytest.fixture
def caller(all_alive: LocalServer, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of the flavour that the recording is of, in a space of its own."""
    name = request.getfixturevalue("name")
    all_alive.clear_faults()
    one = Client(all_alive, flavour="cloud" if "IBMid" in json.dumps(body(name)) else "software")
    one.space_id = one.make_space(f"{name} {time.monotonic_ns()}")
    yield one
    all_alive.pace("space")
    one.close()


def held_against(name: str, ours: Any) -> None:
    """Assert that our answer differs from the recording where it is said to, and nowhere else."""
    assert sorted(REASONS.get(name, {})) == sorted(differences(body(name), ours))


@pytest.mark.parametrize("name", recordings("models"))
def test_models(name: str, caller: Client) -> None:
    """Details of models and functions."""
    held_against(name, replay.model_details(caller, body(name)))


@pytest.mark.parametrize("name", recordings("revisions"))
def test_revisions(name: str, caller: Client) -> None:
    """A commit's answer, and lists of revisions."""
    make = replay.revision_list if "resources" in body(name) else replay.revision_details

    held_against(name, make(caller, body(name)))


@pytest.mark.parametrize("name", recordings("deployments"))
def test_deployments(name: str, caller: Client, archives: tuple[bytes, bytes]) -> None:
    """Details of deployments, fresh, patched and scaled, and lists of them."""
    make = replay.deployment_list if "resources" in body(name) else replay.deployment_details

    held_against(name, make(caller, body(name), archives[0]))


@pytest.mark.parametrize("name", recordings("jobs"))
def test_jobs(name: str, caller: Client, archives: tuple[bytes, bytes]) -> None:
    """Details of jobs, queued and completed, and lists of them."""
    recorded = body(name)
    if "resources" not in recorded:
        held_against(name, replay.job_details(caller, recorded, archives[0]))
        return
    caller.finished(replay.job_details(caller, recorded["resources"][0], archives[0])["metadata"]["id"])

    held_against(name, caller("GET", f"/ml/v4/deployment_jobs?{caller.scope}").json)


@pytest.mark.parametrize("name", recordings("spaces"))
def test_spaces(name: str, caller: Client, all_alive: LocalServer) -> None:
    """Details of spaces, while they are prepared and later, and lists of them."""
    recorded = body(name)
    if "resources" in recorded:
        # With the default space and the caller's there is more than a page.
        caller.make_space(f"third {time.monotonic_ns()}")
        held_against(name, caller("GET", "/v2/spaces?limit=2").json)
        return
    if recorded["entity"]["status"]["state"] == "preparing":
        all_alive.pace("space", looks=1)

    held_against(name, replay.space_details(caller, recorded))


def test_every_reason_is_of_a_recording() -> None:
    """No reason outlives its recording."""
    assert set() == set(REASONS) - set(recordings("models", "revisions", "deployments", "jobs", "spaces"))
