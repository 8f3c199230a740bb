"""Whatever both of IBM's clients can ask for is answered, or refused with the reason why it is not here."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from starlette.routing import compile_path

from wml_deployer.server.absent import ABSENT, absent_at
from wml_deployer.server.application import ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.conftest import Client
    from wml_deployer.server.absent import Absent

CALLED = """
GET /ml/wml_services/version
GET /ml/wml_services/v2/version
GET /ml/v1/foundation_model_specs
POST /icp4d-api/v1/authorize
POST /idprovider/v1/auth/identitytoken
GET /v1/preauth/validateAuth
POST /oidc/token
POST /identity/token
GET /ml/v4/instances/1
POST /v2/spaces
GET /v2/spaces
GET PATCH DELETE /v2/spaces/1
POST GET /v2/spaces/1/members
GET PATCH DELETE /v2/spaces/1/members/2
GET /v2/projects/1
GET POST /v2/software_specifications
GET DELETE /v2/software_specifications/1
PUT DELETE /v2/software_specifications/1/package_extensions/2
GET /ml/v4/list/software_specifications
GET POST /v2/hardware_specifications
GET DELETE /v2/hardware_specifications/1
POST /v2/package_extensions
GET DELETE /v2/package_extensions/1
POST /v2/package_extensions/1/upload_complete
PUT GET /v2/asset_files/package_extension/1
POST GET /ml/v4/models
GET PATCH DELETE /ml/v4/models/1
PUT /ml/v4/models/1/content
GET /ml/v4/models/1/download
POST GET /ml/v4/models/1/revisions
POST GET /ml/v4/functions
GET PATCH DELETE /ml/v4/functions/1
PUT GET /ml/v4/functions/1/code
POST GET /ml/v4/functions/1/revisions
POST GET /ml/v4/pipelines
GET PATCH DELETE /ml/v4/pipelines/1
POST GET /ml/v4/pipelines/1/revisions
POST GET /ml/v4/experiments
GET PATCH DELETE /ml/v4/experiments/1
POST GET /ml/v4/experiments/1/revisions
GET /ml/v4/ai_services/1
GET /wx/v1-beta/prompts/1
GET /wx/v1/prompts/1
POST GET /ml/v4/deployments
GET PATCH DELETE /ml/v4/deployments/1
POST /ml/v4/deployments/1/predictions
POST GET /ml/v4/deployment_jobs
GET DELETE /ml/v4/deployment_jobs/1
DELETE /v2/jobs/1/runs/2
POST /v2/assets
GET PATCH DELETE /v2/assets/1
PATCH /v2/assets/1/attributes/data_asset
POST GET /v2/assets/1/revisions
POST /v2/assets/1/attachments
GET DELETE /v2/assets/1/attachments/2
POST /v2/assets/1/attachments/2/complete
PUT GET /v2/asset_files/data_asset/1
POST /v2/asset_types/data_asset/search
"""
"""What both clients were seen to ask for while they connect, store, deploy, score, run jobs and clean up."""
UNCALLED = ("{}/v4/deployments/environments/{}", "{}/v4/ai_services/{}/content")
"""Addresses that a client has and no part of it asks for."""


def is_routed(method: str, path: str) -> bool:
    """Whether a route answers it."""
    return any(method in ("", route.method) and compile_path(route.path)[0].match(path) for route in ROUTES)


def addresses() -> Iterator[tuple[str, str]]:
    """Client -> each template of an address that it has, on the service's own host."""
    for client in ("ibm_watson_machine_learning", "ibm_watsonx_ai"):
        if find_spec(client) is None:
            continue
        for value in vars(import_module(f"{client}.href_definitions")).values():
            if isinstance(value, str) and value.startswith("{}/") and value not in UNCALLED:
                yield client, value


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, line.split()[-1]) for line in CALLED.strip().splitlines() for method in line.split()[:-1]],
)
def test_what_the_clients_call_is_known(method: str, path: str) -> None:
    """A route answers it, or the list of what is not here has it."""
    assert is_routed(method, path) or absent_at(path) is not None


@pytest.mark.parametrize(("client", "template"), sorted(set(addresses())))
def test_each_address_of_the_clients_is_known(client: str, template: str) -> None:
    """Also those that only rarely used parts of the clients ask for."""
    path = re.sub("[?].*", "", template.removeprefix("{}")).replace("{}", "11111111-2222-4333-8444-555555555555")
    # The clients put it there themselves where they know that the release has it.
    path = f"/ml{path}" if path.startswith("/v4/") else path

    assert is_routed("", path) or absent_at(path) is not None, client


@pytest.mark.parametrize("part", ABSENT, ids=lambda part: part.name)
def test_what_is_not_here_is_refused_with_the_reason(client: Client, part: Absent) -> None:
    """404 with a code of its own, whatever the method."""
    path = part.paths[0].replace("*", "1") + "/more"
    answers = [client(method, f"{path}?{client.scope}") for method in ("GET", "POST", "PUT", "DELETE")]

    assert {(404, "operation_not_served")} == {(answer.status, answer.code) for answer in answers}
    assert all(part.name in answer.message and part.reason in answer.message for answer in answers)
