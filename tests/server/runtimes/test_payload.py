"""Requests are strict JSON of the one form that the service documents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wml_deployer.server.runtimes.errors import PredictionError
from wml_deployer.server.runtimes.worker.payload import Block, decode, input_blocks


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b'"text"',
        b"null",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b"{'a': 1}",
        b"\xff",
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """Malformed bodies, bare NaN and infinity, and other JSON values than objects are requests in error."""
    with pytest.raises(PredictionError) as caught:
        decode(body)

    assert (400, "invalid_request_entity") == (caught.value.status, caught.value.code)


@pytest.mark.parametrize(
    ("payload", "where"),
    [
        ({}, "input_data"),
        ({"input_data": []}, "input_data"),
        ({"input_data": {"values": []}}, "input_data"),
        ({"input_data": [[1]]}, r"input_data\[0\]"),
        ({"input_data": [{"fields": ["a"]}]}, r"input_data\[0\]\.values"),
        ({"input_data": [{"values": []}, {"values": 1}]}, r"input_data\[1\]\.values"),
        ({"input_data": [{"values": [], "fields": "a"}]}, r"input_data\[0\]\.fields"),
        ({"input_data": [{"values": [], "fields": [1]}]}, r"input_data\[0\]\.fields"),
    ],
)
def test_missing_and_wrong_parts_are_named(payload: dict[str, Any], where: str) -> None:
    """The error says which part of the payload is wrong."""
    with pytest.raises(PredictionError, match=where):
        input_blocks(payload)


def test_blocks_keep_their_order() -> None:
    """Each table of the payload is one block."""
    payload = decode(json.dumps({"input_data": [{"values": [[1]]}, {"fields": ["a"], "values": [[2]]}]}).encode())

    assert [Block(None, [[1]]), Block(["a"], [[2]])] == input_blocks(payload)


def test_fields_nested_once_too_often_are_taken() -> None:
    """Published applications send their names in a list within the list."""
    assert [Block(["a", "b"], [])] == input_blocks({"input_data": [{"fields": [["a", "b"]], "values": []}]})
