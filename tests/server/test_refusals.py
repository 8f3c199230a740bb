"""What the service refuses, with the codes and texts that the real one was recorded with where there are any."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.server.conftest import RUNTIME, Client
from wml_deployer.server.specifications.catalogue import SOFTWARE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.testing import LocalServer

ERRORS = Path(__file__).parents[1] / "data" / "wire" / "errors"
PUBLIC = json.loads((ERRORS / "public_error_bodies.json").read_text("utf-8"))["errors"]
NOWHERE = "11111111-2222-4333-8444-555555555555"


def model(client: Client, **fields: Any) -> dict[str, Any]:
    """A model's document, good but for the given fields."""
    good = {"name": "model", "type": "scikit-learn_1.6", "software_spec": {"id": RUNTIME}, "space_id": client.space_id}
    return {**good, **fields}


def test_a_retired_specification_is_refused_as_recorded(client: Client) -> None:
    """Status, code, text, link and the status inside the body are the recorded ones."""
    recorded = PUBLIC[0]["body"]
    document = model(client, type="scikit-learn_1.0", software_spec={"name": "runtime-22.1-py3.9"})

    answer = client("POST", "/ml/v4/models", document)

    assert 400 == answer.status
    assert {**recorded, "trace": answer.json["trace"]} == answer.json


def test_a_missing_deployment_is_told_as_recorded(client: Client) -> None:
    """The body is the recorded one, which has no status inside."""
    gone = "f95334ab-25f1-42dd-a506-5e0a7157edbc"
    recorded = PUBLIC[1]["body"]

    answer = client("GET", f"/ml/v4/deployments/{gone}?{client.scope}")

    assert 404 == answer.status
    assert {**recorded, "trace": answer.json["trace"]} == answer.json


@pytest.mark.parametrize(
    "method", [{}, {"online": []}, {"online": {}, "batch": {}}, {"online": [{}], "batch": {}}], ids=str
)
def test_a_deployment_is_online_or_batch(method: dict[str, Any], client: Client, archives: tuple[bytes, bytes]) -> None:
    """One of the two is given, as an object."""
    document = {"name": "d", "asset": {"id": client.store(archives[0])}, "space_id": client.space_id, **method}

    assert 400 == client("POST", "/ml/v4/deployments", document).status


@pytest.mark.parametrize("serving_name", ["", "UPPER", "with space", "dash-ed", "a" * 37, "ümlaut", 7])
def test_a_bad_serving_name_is_refused_as_recorded(
    serving_name: Any, client: Client, archives: tuple[bytes, bytes]
) -> None:
    """Up to 36 of a-z, 0-9 and the underscore, or the recorded refusal."""
    recorded = json.loads((ERRORS / "2022-12-16_error_sklearn_custom_library_regressor_1.json").read_text())["body"]
    document = {
        "name": "deployment",
        "space_id": client.space_id,
        "asset": {"id": client.store(archives[0])},
        "online": {"parameters": {"serving_name": serving_name}},
    }

    answer = client("POST", "/ml/v4/deployments", document)

    assert 400 == answer.status
    assert {**recorded, "trace": answer.json["trace"]} == answer.json


def test_the_models_own_words_refuse_a_row_of_another_width(client: Client, archives: tuple[bytes, bytes]) -> None:
    """The library's text comes through, with 400, as was seen on the real service."""
    deployment_id = client.deploy({"id": client.store(archives[0])})

    answer = client.predict(deployment_id, [[1.0, 2.0]])

    assert 400 == answer.status
    assert "X has 2 features, but LogisticRegression is expecting 4 features as input" in answer.message


@pytest.mark.parametrize(
    ("model_type", "specification", "text"),
    [
        (
            "scikit-learn_0.23",
            "runtime-25.1-py3.12",
            (
                "Supported software specifications for scikit-learn_0.23 are: "
                "default_py3.7, default_py3.7_opence, default_py3.8"
            ),
        ),
        (
            "scikit-learn_1.0",
            "runtime-25.1-py3.12",
            "Supported software specifications for scikit-learn_1.0 is: runtime-22.1-py3.9",
        ),
    ],
)
def test_a_pair_that_does_not_fit_is_refused_as_recorded(
    model_type: str, specification: str, text: str, client: Client
) -> None:
    """The refusal names what would fit, in the recorded words."""
    document = model(client, type=model_type, software_spec={"id": SOFTWARE[specification]})

    answer = client("POST", "/ml/v4/models", document)

    # The first sentence is what IBM's newer client looks for.
    combination = "Unsupported model type and software specification combination. "
    assert (400, combination + text) == (answer.status, answer.message)
    assert text in PUBLIC[4]["text"]


def test_a_request_without_a_space_is_refused_as_recorded(client: Client) -> None:
    """Code and text are the recorded ones; the status inside is a text here, as in the other recordings."""
    recorded = PUBLIC[5]["body"]["errors"][0]

    answer = client("GET", "/ml/v4/models?version=2026-08-17")

    assert (400, recorded["code"], recorded["message"]) == (answer.status, answer.code, answer.message)


def test_an_error_has_a_trace_of_32_hexadecimal_digits(client: Client) -> None:
    """Each error has its own."""
    traces = {client("GET", f"/ml/v4/models/{NOWHERE}?{client.scope}").json["trace"] for _ in range(3)}

    assert [32, 32, 32] == [len(trace) for trace in traces]
    assert all(int(trace, 16) >= 0 for trace in traces)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", f"/ml/v4/models/{NOWHERE}", 404, "model_does_not_exist"),
        ("GET", f"/ml/v4/functions/{NOWHERE}", 404, "function_does_not_exist"),
        ("DELETE", f"/ml/v4/deployments/{NOWHERE}", 404, "deployment_does_not_exist"),
        ("GET", f"/ml/v4/deployment_jobs/{NOWHERE}", 404, "deployment_job_does_not_exist"),
        ("GET", f"/v2/assets/{NOWHERE}", 404, "asset_does_not_exist"),
        ("GET", f"/v2/spaces/{NOWHERE}", 404, "space_does_not_exist"),
        ("GET", f"/v2/projects/{NOWHERE}", 404, "project_does_not_exist"),
        ("GET", f"/v2/software_specifications/{NOWHERE}", 404, "does_not_exist"),
        ("GET", f"/v2/hardware_specifications/{NOWHERE}", 404, "does_not_exist"),
        ("GET", f"/v2/package_extensions/{NOWHERE}", 404, "does_not_exist"),
        ("GET", "/ml/v4/nothing", 404, "operation_does_not_exist"),
        ("PUT", "/v2/spaces", 405, "method_not_allowed"),
        ("GET", "/ml/v4/models?limit=0", 400, "invalid_request_entity"),
        ("GET", "/ml/v4/models?limit=201", 400, "invalid_request_entity"),
        ("GET", "/ml/v4/models?limit=many", 400, "invalid_request_entity"),
        ("GET", "/ml/v4/models?start=nonsense", 400, "invalid_request_entity"),
    ],
)
def test_what_is_not_there_is_told(method: str, path: str, status: int, code: str, client: Client) -> None:
    """Status and code of the refusal."""
    joint = "&" if "?" in path else "?"

    answer = client(method, f"{path}{joint}{client.scope}")

    assert (status, code) == (answer.status, answer.code)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": None},
        {"name": "  "},
        {"name": 7},
        {"type": None},
        {"type": "no such type_1.0"},
        {"software_spec": None},
        {"software_spec": {}},
        {"software_spec": "runtime-25.1-py3.12"},
        {"software_spec": {"id": NOWHERE}},
        {"software_spec": {"name": "no such runtime"}},
    ],
)
def test_a_wrong_model_is_refused(fields: dict[str, Any], client: Client) -> None:
    """400, and nothing is stored."""
    assert 400 == client("POST", "/ml/v4/models", model(client, **fields)).status
    assert [] == client("GET", f"/ml/v4/models?{client.scope}").json["resources"]


@pytest.mark.parametrize(
    "content",
    [b"{", b"", b"[]", b'{"name": NaN}', b'{"name": Infinity}', b"\xff\xfe", b'"text"', b"null", b"{}" * 2],
)
def test_a_body_that_is_no_json_object_is_refused(content: bytes, client: Client) -> None:
    """Bare NaN and Infinity are no JSON."""
    assert 400 == client("POST", f"/ml/v4/models?{client.scope}", content=content).status


@pytest.mark.parametrize("label", [{"description": 5}, {"description": {}}, {"tags": "word"}, {"tags": [1]}], ids=str)
def test_descriptions_are_texts_and_tags_a_list_of_them(
    label: dict[str, Any], client: Client, archives: tuple[bytes, bytes]
) -> None:
    """Of everything that has them, new or changed; the refusal names the field."""
    model_id, scope = client.store(archives[0]), client.scope
    batch = client.deploy({"id": model_id}, batch={})
    [(field, value)] = label.items()
    rows = {"scoring": {"input_data": [{"values": [[1.0]]}]}}
    patch = [{"op": "add", "path": f"/{field}", "value": value}]
    base = {"base_software_specification": {"guid": RUNTIME}}
    answers = [
        client("POST", "/ml/v4/models", model(client, **label)),
        client("PATCH", f"/ml/v4/models/{model_id}?{scope}", patch),
        client(
            "POST",
            "/ml/v4/deployments",
            {"name": "d", "asset": {"id": model_id}, "batch": {}, "space_id": client.space_id, **label},
        ),
        client("PATCH", f"/ml/v4/deployments/{batch}?{scope}", patch),
        client(
            "POST",
            "/ml/v4/deployment_jobs",
            {"deployment": {"id": batch}, "space_id": client.space_id, **rows, **label},
        ),
        client("POST", "/v2/spaces", {"name": "labelled", **label}),
        client("PATCH", f"/v2/spaces/{client.space_id}", patch),
        client("POST", "/transactional/v2/projects", {"name": "labelled", **label}),
        client("POST", f"/v2/software_specifications?{scope}", {"name": "labelled", **base, **label}),
        client("POST", f"/v2/hardware_specifications?{scope}", {"name": "labelled", **label}),
        client("POST", f"/v2/package_extensions?{scope}", {"name": "labelled", "type": "conda_yml", **label}),
    ]

    assert {(400, field)} == {(answer.status, answer.json["errors"][0]["target"]["name"]) for answer in answers}


def test_the_name_of_a_job_is_a_text(client: Client, archives: tuple[bytes, bytes]) -> None:
    """It is shown as it came, so that a number would be one."""
    batch = client.deploy({"id": client.store(archives[0])}, batch={})
    rows = {"scoring": {"input_data": [{"values": [[1.0]]}]}}
    document = {"deployment": {"id": batch}, "space_id": client.space_id, "name": 5154, **rows}

    assert 400 == client("POST", "/ml/v4/deployment_jobs", document).status


def test_package_extensions_come_in_a_list(client: Client) -> None:
    """A number in its place is refused."""
    document = {"name": "own", "base_software_specification": {"guid": RUNTIME}, "package_extensions": 5}

    assert 400 == client("POST", f"/v2/software_specifications?{client.scope}", document).status


@pytest.mark.parametrize("tags", ["word", {"a": 1}, [1], [None], 5], ids=str)
def test_tags_are_texts_in_a_list(tags: Any, client: Client, archives: tuple[bytes, bytes]) -> None:
    """Of models, deployments and assets, when they are made and when they are patched."""
    model_id = client.store(archives[0])
    deployment = {"name": "d", "asset": {"id": model_id}, "batch": {}, "tags": tags, "space_id": client.space_id}
    asset = {"metadata": {"name": "a", "asset_type": "data_asset", "tags": tags}}
    patch = [{"op": "replace", "path": "/tags", "value": tags}]
    answers = [
        client("POST", "/ml/v4/models", model(client, tags=tags)),
        client("POST", "/ml/v4/deployments", deployment),
        client("POST", f"/v2/assets?{client.scope}", asset),
        client("PATCH", f"/ml/v4/models/{model_id}?{client.scope}", patch),
    ]

    assert [400] * 4 == [answer.status for answer in answers]


def nested(depth: int) -> Any:
    document: Any = "ground"
    for _ in range(depth):
        document = {"a": document}
    return document


@pytest.mark.parametrize("depth", [150, 200, 300, 600])
def test_a_document_is_shown_again_or_refused(depth: int, client: Client) -> None:
    """What could be read but not be written would fail at every look."""
    created = client("POST", "/ml/v4/models", model(client, custom=nested(depth)))
    listed = client("GET", f"/ml/v4/models?{client.scope}")

    assert (201 if depth == 150 else 400, 200) == (created.status, listed.status)


@pytest.mark.parametrize("parts", [32, 33, 2000])
def test_a_path_of_a_patch_has_so_many_parts(parts: int, client: Client) -> None:
    """Again and again, without a document that could not be shown."""
    model_id = client("POST", "/ml/v4/models", model(client)).json["metadata"]["id"]
    path = "/custom" + "/a" * (parts - 1)
    answers = [
        client(
            "PATCH",
            f"/ml/v4/models/{model_id}?{client.scope}",
            [{"op": "add", "path": path, "value": nested(140)}],
        ).status
        for _ in range(2)
    ]

    assert [200 if parts == 32 else 400] * 2 == answers
    assert 200 == client("GET", f"/ml/v4/models/{model_id}?{client.scope}").status


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "", "9" * 5000, "\u0663", "1e2"])
def test_a_limit_that_is_none_is_refused(limit: str, client: Client) -> None:
    """Of any length."""
    assert 400 == client("GET", f"/ml/v4/models?{client.scope}&{urlencode({'limit': limit})}").status


@pytest.mark.parametrize("fields", [20, 21, 1000])
def test_a_form_with_many_fields_is_refused(fields: int, client: Client) -> None:
    """As one with a wrong key is."""
    form = urlencode({f"f{number}": "x" for number in range(fields)}).encode()

    assert 400 == client("POST", "/identity/token", content=form, token="").status


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/clock", {"advance": 1e300}),
        ("/clock", {"advance": 1e9 + 1}),
        ("/paces/job", {"looks": 1e300}),
        ("/limits", {"deployments": 1e300}),
    ],
)
def test_numbers_beyond_reason_are_refused(path: str, document: Any, client: Client) -> None:
    """By the control API, too."""
    assert 400 == client("PUT", f"/control/v1{path}", document).status


@pytest.mark.parametrize("change", [{"headers": {"X": "é\u2026"}}, {"headers": {"a b": "c"}}, {"status": 99}], ids=str)
def test_a_fault_that_cannot_be_sent_is_refused(change: Any, client: Client) -> None:
    """It would be a failure of another kind."""
    assert 400 == client("POST", "/control/v1/faults", {"path": "nowhere", **change}).status


@pytest.mark.parametrize(
    "patch",
    [
        None,
        {},
        [],
        [1],
        [{"op": "move", "path": "/name", "from": "/description"}],
        [{"op": "replace", "path": "name", "value": "new"}],
        [{"op": "replace", "path": "/", "value": "new"}],
        [{"op": "replace", "path": "/name"}],
        [{"op": "replace", "path": "/name", "value": None}],
        [{"op": "replace", "path": "/id", "value": NOWHERE}],
        [{"op": "replace", "path": "/space_id", "value": NOWHERE}],
        [{"op": "replace", "path": "/software_spec", "value": {"name": "runtime-24.1-py3.11"}}],
    ],
)
def test_a_wrong_patch_changes_nothing(patch: Any, client: Client, archives: tuple[bytes, bytes]) -> None:
    """400, and the model is as it was."""
    path = f"/ml/v4/models/{client.store(archives[0])}?{client.scope}"
    before = client("GET", path).json

    assert 400 == client("PATCH", path, patch).status
    assert before == client("GET", path).json


@pytest.mark.parametrize(
    "fields",
    [
        {"online": None},
        {"batch": {}},
        {"online": "yes"},
        {"name": None},
        {"asset": None},
        {"asset": {"id": 7}},
        {"hardware_spec": "S"},
        {"hardware_spec": {"name": "XXL"}},
    ],
)
def test_a_wrong_deployment_is_refused(fields: dict[str, Any], client: Client, archives: tuple[bytes, bytes]) -> None:
    """400, and nothing is deployed."""
    good = {"name": "deployment", "space_id": client.space_id, "online": {}, "asset": {"id": client.store(archives[0])}}

    assert 400 == client("POST", "/ml/v4/deployments", {**good, **fields}).status
    assert [] == client("GET", f"/ml/v4/deployments?{client.scope}").json["resources"]


def test_a_space_without_an_instance_is_refused(server: LocalServer) -> None:
    """403 with the recorded code: on the cloud, somebody has to associate an instance first."""
    client = Client(server, flavour="cloud")
    client.space_id = client("POST", "/v2/spaces", {"name": f"bare {time.monotonic_ns()}"}).json["metadata"]["id"]

    answer = client("POST", "/ml/v4/models", model(client))
    client.close()

    assert (403, "no_associated_service_instance_error") == (answer.status, answer.code)


def test_what_is_in_another_space_is_not_there(client: Client, archives: tuple[bytes, bytes]) -> None:
    """404 for a model of another space, and a deployment of it is refused."""
    model_id = client.store(archives[0])
    client.space_id = client.make_space(f"other {time.monotonic_ns()}")
    document = {"name": "deployment", "online": {}, "asset": {"id": model_id}, "space_id": client.space_id}

    statuses = [
        client("GET", f"/ml/v4/models/{model_id}?{client.scope}").status,
        client("POST", "/ml/v4/deployments", document).status,
    ]

    assert [404, 404] == statuses


def test_names_that_must_be_unique_are(client: Client, archives: tuple[bytes, bytes]) -> None:
    """A space's name, and a serving name anywhere."""
    name = f"twice {time.monotonic_ns()}"
    client.make_space(name)
    asset = {"id": client.store(archives[0])}
    serving = {"parameters": {"serving_name": f"twice_{time.monotonic_ns()}"}}
    client.deploy(asset, online=serving)
    document = {"name": "deployment", "online": serving, "asset": asset, "space_id": client.space_id}

    statuses = [
        client("POST", "/v2/spaces", {"name": name}).status,
        client("POST", "/ml/v4/deployments", document).status,
    ]

    assert [409, 409] == statuses


def test_a_serving_name_can_be_asked_for(client: Client, archives: tuple[bytes, bytes]) -> None:
    """409 says that it is taken, 204 that it is free."""
    name = f"asked_{time.monotonic_ns()}"
    path = f"/ml/v4/deployments?version=2026-08-17&serving_name={name}&conflict=true"
    free = client("GET", path).status
    client.deploy({"id": client.store(archives[0])}, online={"parameters": {"serving_name": name}})

    assert (204, 409) == (free, client("GET", path).status)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Client]:
    """A client of a service that takes little."""
    from wml_deployer.server.context import RequestLimits  # noqa: PLC0415
    from wml_deployer.testing import LocalServer  # noqa: PLC0415

    with LocalServer(tmp_path) as server:
        server._server._context.limits = RequestLimits(document=10_000, content=10_000)
        client = Client(server)
        yield client
        client.close()


def test_a_body_that_is_too_large_is_refused(small: Client) -> None:
    """413 for a document, a prediction and a content; nothing of them is kept."""
    model_id = small("POST", "/ml/v4/models", model(small)).json["metadata"]["id"]
    statuses = [
        small("POST", "/ml/v4/models", model(small, description="x" * 20_000)).status,
        small("PUT", f"/ml/v4/models/{model_id}/content?{small.scope}", content=b"x" * 20_000).status,
    ]

    assert [413, 413] == statuses
    assert [] == list((small.server._directory / "blobs" / "incoming").iterdir())
