"""Predictions have the shape of the recorded ones: blocks, their ids and fields, the nesting of their values."""

from __future__ import annotations

import json
import operator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.scorers import RECIPES, function
from tests.server.shapes import differences
from wml_deployer.server.specifications.catalogue import SOFTWARE

if TYPE_CHECKING:
    from tests.server.conftest import Client

SCORING = Path(__file__).parents[1] / "data" / "wire" / "scoring"
RECORDINGS = sorted(file.stem for file in SCORING.glob("*.json"))

#: Recordings that no test here replays, and why.
ELSEWHERE = {
    "spark_action__1": "this service has no Spark",
    "spark_business_area__1": "this service has no Spark",
    "spark_credit__1": "this service has no Spark",
    "spss__1": "this service has no SPSS Modeler",
}
#: Recordings whose blocks come in any order, and why.
WITHOUT_ORDER = {"tensorflow_two_blocks__1": "the outputs of a SavedModel's signature have none"}
FUNCTIONS = [name for name in RECORDINGS if name.startswith("function_")]

#: Differences by recording, with their reasons.
REASONS = {
    "keras__2": {"/predictions/*/id: added": "answers recorded until 2023 do not name their blocks, later ones do"},
    "keras_export_import__2": {"/predictions/*/id: added": "as above"},
    "tensorflow_savedmodel__2": {"/predictions/*/id: added": "as above"},
    "onnx_sklearn_zipmap__1": {"/predictions/*/values/*/3: added": "another model: it knows one class more"},
}


def recorded(name: str) -> Any:
    body = json.loads((SCORING / f"{name}.json").read_text("utf-8"))["body"]
    # One notebook shows the blocks alone.
    return {"predictions": body} if isinstance(body, list) else body


def blocks(name: str, body: Any) -> list[dict[str, Any]]:
    """Each block as an answer of its own, since lists are compared by their first members."""
    found = body["predictions"]
    if name in WITHOUT_ORDER:
        found = sorted(found, key=operator.itemgetter("id"))
    return [{"predictions": [block]} for block in found]


def held_against(name: str, ours: Any) -> None:
    """Assert that our blocks have the recorded shapes, but where a difference is named."""
    pairs = zip(blocks(name, recorded(name)), blocks(name, ours), strict=True)
    found = {difference for theirs, mine in pairs for difference in differences(theirs, mine)}

    assert set(REASONS.get(name, {})) == found


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_models_answer_as_recorded(name: str, client: Client) -> None:
    """A model of that kind answers in the recorded shape."""
    model_type, specification, make = RECIPES[name]
    content = make(recorded(name)) if make.__code__.co_argcount else make()
    model_id = client.store(content, type=model_type, software_spec={"id": SOFTWARE[specification]})

    held_against(name, client.predict(client.deploy({"id": model_id}), [[1.0, 2.0, 3.0, 4.0]] * 2).json)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_answer_what_they_return(name: str, client: Client) -> None:
    """What a function returns is the answer, whatever its shape."""
    function_id = client.store_function(function(recorded(name)))

    answer = client.predict(client.deploy({"id": function_id}), [[1.0]]).json

    assert recorded(name) == answer


def test_every_recording_is_replayed_or_told_why_not() -> None:
    """None is forgotten, none is told twice."""
    assert RECORDINGS == sorted([*RECIPES, *FUNCTIONS, *ELSEWHERE])
