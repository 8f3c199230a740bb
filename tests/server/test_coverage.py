"""Whatever both of IBM's clients can ask for is answered, or refused with the reason why it is not here."""

from __future__ import annotations

import re
import runpy
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer.server.http.not_served import MISSING_PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.conftest import Client
    from wml_deployer.server.http.not_served import MissingPart

UNCALLED = ("/v4/deployments/environments/{}", "/v4/ai_services/{}/content")
"""Addresses that a client has and no part of it asks for."""
NOT_CLASSIC = (
    *("/ml/v1", "/ml/gateway", "/ml/v4/custom_foundation_models", "/ml/v4/taxonomies", "/wx/"),
    *("/userfs", "/v3", "/ml/v4/spaces", "/ml/v4/runtimes", "/ml/v4/libraries"),
)
"""Foundation models, projects in Git and the interfaces before 2020."""
HOOKS = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "hooks.py"))
CLASSIC = tuple(HOOKS["classic_surface"]())


def addresses() -> Iterator[tuple[str, str]]:
    """Client -> each template of an address that it has, on the service's own host."""
    for client in ("ibm_watson_machine_learning", "ibm_watsonx_ai"):
        if find_spec(client) is None:
            continue
        for value in vars(import_module(f"{client}.href_definitions")).values():
            if isinstance(value, str) and value.startswith("{}/"):
                yield client, value


@pytest.mark.parametrize("asked", CLASSIC, ids=lambda asked: f"{asked.method} {asked.path}")
def test_what_the_clients_call_is_known(asked: Any) -> None:
    """A route answers it, or the list of what is not here has it, or nothing calls it."""
    assert ("absent" == asked.here) == (re.sub("{[^}]*}", "{}", asked.path).removeprefix("/ml") in UNCALLED)


@pytest.mark.parametrize(("client", "template"), sorted(set(addresses())))
def test_each_address_of_the_clients_is_known(client: str, template: str) -> None:
    """Also those that only rarely used parts of the clients ask for."""
    path = re.sub("[?].*", "", template.removeprefix("{}")).replace("{}", "11111111-2222-4333-8444-555555555555")
    # The clients put it there themselves where they know that the release has it.
    path = f"/ml{path}" if path.startswith("/v4/") else path

    listed = any(re.fullmatch(re.sub("{[^}]*}", "[^/]+", asked.path), path.rstrip("/")) for asked in CLASSIC)
    assert listed or any(path.startswith(start) for start in NOT_CLASSIC), client


@pytest.mark.parametrize("part", MISSING_PARTS, ids=lambda part: part.name)
def test_what_is_not_here_is_refused_with_the_reason(client: Client, part: MissingPart) -> None:
    """404 with a code of its own, whatever the method."""
    path = part.paths[0].replace("*", "1") + "/more"
    answers = [client(method, f"{path}?{client.scope}") for method in ("GET", "POST", "PUT", "DELETE")]

    assert {(404, "operation_not_served")} == {(answer.status, answer.code) for answer in answers}
    assert all(part.name in answer.message and part.reason in answer.message for answer in answers)
