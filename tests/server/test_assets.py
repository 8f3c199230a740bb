"""Assets, their attachments by signed URLs, their revisions, and searches."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.conftest import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.testing import LocalServer

DOCUMENT = {
    "metadata": {"name": "asset", "asset_type": "script"},
    "entity": {"script": {"language": {"name": "python"}}},
}


@pytest.fixture
def asset(client: Client) -> str:
    """The path of an asset."""
    return "/v2/assets/" + str(client("POST", f"/v2/assets?{client.scope}", DOCUMENT).json["metadata"]["asset_id"])


@pytest.fixture
def cloud(server: LocalServer) -> Iterator[Client]:
    """A client that logged in to the cloud."""
    one = Client(server, flavour="cloud")
    one.space_id = one.make_space(f"cloud {uuid.uuid4()}")
    yield one
    one.close()


def announce(client: Client, asset: str) -> Any:
    """Announce an attachment."""
    return client("POST", f"{asset}/attachments?{client.scope}", {"asset_type": "script", "name": "a.py"}).json


def form(content: bytes) -> tuple[bytes, dict[str, str]]:
    """The content as the one file of a form, as Cloud Pak's clients send it."""
    head = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.py"\r\nContent-Type: text/plain\r\n\r\n'
    return head + content + b"\r\n--xyz--\r\n", {"content-type": "multipart/form-data; boundary=xyz"}


@pytest.mark.parametrize("content", [b"print(1)", b"", b"\r\n--xy\r\n-xyz", b"\x00" * 300_000], ids=len)
def test_a_form_carries_the_file_and_nothing_else(content: bytes, client: Client, asset: str) -> None:
    """What is downloaded is what was in the form."""
    attachment = announce(client, asset)
    body, headers = form(content)
    client("PUT", attachment["url1"], content=body, token="", headers=headers)

    shown = client("GET", f"{asset}/attachments/{attachment['attachment_id']}?{client.scope}").json

    assert content == client("GET", shown["url"], token="").content


def test_urls_are_relative_here_and_absolute_on_the_cloud(client: Client, asset: str, cloud: Client) -> None:
    """Each as its clients put them together."""
    there = "/v2/assets/" + str(cloud("POST", f"/v2/assets?{cloud.scope}", DOCUMENT).json["metadata"]["asset_id"])

    here, absolute = announce(client, asset)["url1"], announce(cloud, there)["url1"]

    assert here.startswith("/v2/asset_files/script/")
    assert absolute.startswith(f"{cloud.server.url}/v2/asset_files/script/")


@pytest.mark.parametrize(
    "change", [lambda url: url[:-4] + "AAAA", lambda url: url + "A", lambda _url: "/v2/asset_files/x/y"]
)
def test_a_forged_url_opens_nothing(change: Any, client: Client, asset: str) -> None:
    """403 for reading and for writing."""
    forged = change(announce(client, asset)["url1"])

    statuses = [client("GET", forged, token="").status, client("PUT", forged, content=b"evil", token="").status]

    assert [403, 403] == statuses


def test_a_signed_url_expires(client: Client, asset: str, server: LocalServer) -> None:
    """After an hour it opens nothing any more."""
    url = announce(client, asset)["url1"]
    server.advance_clock(3601)

    refused = client("PUT", url, content=b"late", token="")
    server.restore_clock()

    assert (403, "signed_url_expired") == (refused.status, refused.code)


def test_an_attachment_is_complete_when_it_is_there(client: Client, asset: str) -> None:
    """400 before its content came, 200 afterwards, and the asset knows its size."""
    attachment = announce(client, asset)
    path = f"{asset}/attachments/{attachment['attachment_id']}/complete?{client.scope}"
    before = client("POST", path).status
    client("PUT", attachment["url1"], content=b"12345", token="")

    assert (400, 200) == (before, client("POST", path).status)
    assert 5 == client("GET", f"{asset}?{client.scope}").json["metadata"]["size"]


def test_a_revision_freezes_document_and_content(client: Client, asset: str) -> None:
    """What comes later does not change it."""
    attachment = announce(client, asset)
    client("PUT", attachment["url1"], content=b"old", token="")
    revision = client("POST", f"{asset}/revisions?{client.scope}", {"commit_message": "first"}).json
    client("PUT", attachment["url1"], content=b"new", token="")
    client("PATCH", f"{asset}?{client.scope}", [{"op": "replace", "path": "/metadata/name", "value": "renamed"}])
    path = f"{asset}/attachments/{attachment['attachment_id']}?{client.scope}&revision_id=1"

    frozen = client("GET", f"{asset}?{client.scope}&revision_id=1").json

    assert (1, "asset") == (revision["metadata"]["revision_id"], frozen["metadata"]["name"])
    assert b"old" == client("GET", client("GET", path).json["url"], token="").content


def test_revisions_are_listed_newest_first(client: Client, asset: str) -> None:
    """Each with its number and the moment of its commit."""
    for _ in range(3):
        client("POST", f"{asset}/revisions?{client.scope}", {})

    results = client("GET", f"{asset}/revisions?{client.scope}").json["results"]

    assert [3, 2, 1] == [result["metadata"]["revision_id"] for result in results]
    assert all(result["metadata"]["commit_info"]["committed_at"] for result in results)


def test_attributes_are_patched_below_the_entity(client: Client, asset: str) -> None:
    """The path names the part, the patch what is in it."""
    change = [{"op": "add", "path": "/software_spec", "value": {"id": "1"}}]
    client("PATCH", f"{asset}/attributes/script?{client.scope}", change)

    script = client("GET", f"{asset}?{client.scope}").json["entity"]["script"]

    assert {"language": {"name": "python"}, "software_spec": {"id": "1"}} == script


def test_a_search_finds_what_its_query_means(client: Client) -> None:
    """Everything of a type, or what its name and tags say."""
    for name, tags in (("churn 1", ["v1"]), ("churn 2", ["v2"]), ("iris", ["v1"])):
        document = {"metadata": {"name": name, "asset_type": "data_asset", "tags": tags}, "entity": {"data_asset": {}}}
        client("POST", f"/v2/assets?{client.scope}", document)

    def found(query: str) -> list[str]:
        answer = client("POST", f"/v2/asset_types/data_asset/search?{client.scope}", {"query": query}).json
        return [result["metadata"]["name"] for result in answer["results"]]

    assert ["churn 1", "churn 2", "iris"] == found("*:*")
    assert ["churn 1", "churn 2"] == found("asset.name:churn*")
    assert ["churn 1"] == found('asset.name:"churn *" AND asset.tags:v1')


def test_a_search_goes_on_from_its_bookmark(client: Client) -> None:
    """Page by page, everything once."""
    for number in range(5):
        document = {"metadata": {"name": f"asset {number}", "asset_type": "data_asset"}, "entity": {"data_asset": {}}}
        client("POST", f"/v2/assets?{client.scope}", document)
    names, search = [], {"query": "*:*", "limit": 2}
    while search:
        answer = client("POST", f"/v2/asset_types/data_asset/search?{client.scope}", search).json
        names += [result["metadata"]["name"] for result in answer["results"]]
        search = answer.get("next")

    assert [f"asset {number}" for number in range(5)] == names


def test_a_model_is_an_asset_too(client: Client, archives: tuple[bytes, bytes]) -> None:
    """It is shown, found and deleted as one."""
    model_id = client.store(archives[0])
    path = f"/v2/assets/{model_id}?{client.scope}"

    shown = client("GET", path).json
    found = client("POST", f"/v2/asset_types/wml_model/search?{client.scope}", {"query": "*:*"}).json["results"]

    assert ("wml_model", "scikit-learn_1.6") == (shown["metadata"]["asset_type"], shown["entity"]["wml_model"]["type"])
    assert [model_id] == [result["metadata"]["asset_id"] for result in found]
    assert 204 == client("DELETE", path).status


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"metadata": 1},
        {"metadata": {"name": "a"}},
        {"metadata": {"asset_type": "script"}},
        {**DOCUMENT, "entity": "text"},
    ],
)
def test_a_wrong_asset_is_refused(document: Any, client: Client) -> None:
    """400 unless metadata names it and its type, and its entity is an object."""
    assert 400 == client("POST", f"/v2/assets?{client.scope}", document).status


@pytest.mark.parametrize("query", ["", None, 7, "name:", "a OR b", "(name:x)"])
def test_a_query_that_is_not_understood_is_refused(query: Any, client: Client) -> None:
    """400, rather than an answer to another question."""
    assert 400 == client("POST", f"/v2/asset_types/script/search?{client.scope}", {"query": query}).status


@pytest.mark.parametrize("query", [" " * 60_000, "name:" + " " * 60_000 + "x", "name:" + "*" * 60_000], ids=len)
def test_a_long_query_is_refused_at_once(query: str, client: Client) -> None:
    """The service answers others meanwhile."""
    started = time.process_time()
    answer = client("POST", f"/v2/asset_types/data_asset/search?{client.scope}", {"query": query})

    assert 400 == answer.status
    assert time.process_time() - started < 1


def test_a_signed_url_is_for_writing_or_for_reading(client: Client, asset: str) -> None:
    """Who was shown a content cannot put another one in its place."""
    path = asset.partition("?")[0]
    announced = client("POST", f"{path}/attachments?{client.scope}", {"name": "a", "mime": "text/plain"}).json
    assert 201 == client("PUT", announced["url1"], content=b"first", token="").status
    shown = client("GET", f"{path}/attachments/{announced['attachment_id']}?{client.scope}").json["url"]

    answers = client("PUT", shown, content=b"second", token=""), client("GET", announced["url1"], token="")

    assert [(403, "signed_url_not_valid")] * 2 == [(answer.status, answer.code) for answer in answers]
    assert b"first" == client("GET", shown, token="").content


@pytest.mark.parametrize(
    ("boundary", "body"),
    [
        ("b" * 1000, b"--b--"),
        ("", b"----"),
        ("b", b"--b\r\n\r\none\r\n"),
        ("b", b"--b--\r\n"),
        ("b", b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"),
    ],
    ids=["long boundary", "no boundary", "cut off", "no file", "two files"],
)
def test_a_form_without_one_whole_file_is_refused(boundary: str, body: bytes, client: Client, asset: str) -> None:
    """Nothing is stored of it."""
    path = asset.partition("?")[0]
    announced = client("POST", f"{path}/attachments?{client.scope}", {"name": "a", "mime": "text/plain"}).json
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    answer = client("PUT", announced["url1"], content=body, headers=headers, token="")
    complete = client("POST", f"{path}/attachments/{announced['attachment_id']}/complete?{client.scope}")

    assert (400, 400) == (answer.status, complete.status)


def test_a_damaged_form_is_refused(client: Client, asset: str) -> None:
    """400, and nothing is stored."""
    url = announce(client, asset)["url1"]
    headers = {"content-type": "multipart/form-data; boundary=xyz"}

    assert 400 == client("PUT", url, content=b"no form", token="", headers=headers).status
