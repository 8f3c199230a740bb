"""Deployment spaces that a key sees: listed, created and waited for, by credentials without a space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from wml_deployer import CloudCredentials, create_space, list_spaces
from wml_deployer._clients.records import InstanceRecord, SpaceRecord
from wml_deployer._transport.deadline import deadline
from wml_deployer.errors import ConfigurationError, ConflictError, CredentialsError, DeadlineError, ServiceError
from wml_deployer.spaces import _wait_until_active, choose_instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer

SEVERAL = [
    InstanceRecord("wml-a", "crn:v1:bluemix:public:pm-20:eu-de:a/1:22::", "eu-de"),
    InstanceRecord("wml-b", "crn:v1:bluemix:public:pm-20:eu-de:a/1:33::", "eu-de"),
]


@pytest.fixture
def spaceless(credentials: SoftwareCredentials | CloudCredentials) -> SoftwareCredentials | CloudCredentials:
    """Name no space in the credentials."""
    return credentials.model_copy(update={"space_id": None})


@pytest.fixture
def name() -> str:
    """Give a space a name that no other one has."""
    return f"space {uuid4().hex[:8]}"


@pytest.fixture
def paced(server: LocalServer) -> Iterator[LocalServer]:
    """Let the service prepare a space until it was looked at three times."""
    server.pace("space", looks=3)
    yield server
    server.pace("space")


@pytest.mark.core
def test_the_spaces_that_a_key_sees_are_listed(spaceless: SoftwareCredentials, server: LocalServer) -> None:
    """Each with its id, its state, the runtime that computes, and the caller's role."""
    found = list_spaces(spaceless)
    row = found[found["id"] == server.info.space_id].iloc[0]

    assert ["name", "id", "state", "runtime", "role"] == [*found.columns]
    assert ("Default space", "active", "admin") == (row["name"], row["state"], row["role"])
    assert found["name"].is_monotonic_increasing


@pytest.mark.core
def test_listing_asks_once_for_all_roles(spaceless: SoftwareCredentials, server: LocalServer) -> None:
    """The members come with the list: no request for each space."""
    server.clear_requests()
    list_spaces(spaceless)

    assert [] == [one.path for one in server.requests if one.path.endswith("/members") or "/members/" in one.path]


@pytest.mark.core
def test_a_created_space_is_active_and_listed(spaceless: SoftwareCredentials, paced: LocalServer, name: str) -> None:
    """It is waited for, and has a runtime: the platform's own, or the account's only one in the region."""
    made = create_space(spaceless, name, description="to try it")
    listed = list_spaces(spaceless).set_index("id").loc[made.id]

    assert (name, "active", "Watson Machine Learning", "admin") == (made.name, made.state, made.runtime, made.role)
    assert (name, "Watson Machine Learning", "admin") == (listed["name"], listed["runtime"], listed["role"])


@pytest.mark.core
def test_a_space_is_created_once_though_the_response_is_lost(
    spaceless: SoftwareCredentials, server: LocalServer, name: str
) -> None:
    """The space is looked for before it is created again."""
    server.fault("POST", "^/v2/spaces$", drop="after")
    made = create_space(spaceless, name)

    assert [made.id] == list_spaces(spaceless).query("name == @name")["id"].tolist()


def test_a_name_that_is_taken_is_refused(spaceless: SoftwareCredentials, name: str) -> None:
    """Credentials could not name either of two spaces; the one that is there is named with its id."""
    made = create_space(spaceless, name)

    with pytest.raises(ConflictError, match=made.id):
        create_space(spaceless, name)


def test_a_space_that_is_not_active_in_time_is_named(
    spaceless: SoftwareCredentials, server: LocalServer, name: str
) -> None:
    """The error has its id, and it is not created again."""
    server.pace("space", seconds=60)
    try:
        with pytest.raises(DeadlineError, match=rf"{name} \(.*still preparing"):
            create_space(spaceless, name, timeout=3)
    finally:
        server.pace("space")


class FailingAccount:
    """An account whose new space is given up by the service."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def space_called(self, space_id: str) -> SpaceRecord:
        """It has failed."""
        return SpaceRecord(space_id, "churn", "failed", None, failure="the storage cannot be reached")

    def delete_space(self, space_id: str) -> None:
        """Note which one."""
        self.deleted.append(space_id)


def test_a_space_that_fails_is_removed() -> None:
    """The error has the service's reason, and nothing is left."""
    account: Any = FailingAccount()
    with deadline(5), pytest.raises(ServiceError, match="the storage cannot be reached"):
        _wait_until_active(account, SpaceRecord("3fa2", "churn", "preparing", None))

    assert ["3fa2"] == account.deleted


@pytest.mark.parametrize("argument", ["runtime", "storage"])
def test_instances_are_for_ibm_cloud(argument: str, server: LocalServer, reached: SoftwareCredentials) -> None:
    """A Cloud Pak has one for every space: it is said before anything is sent."""
    server.clear_requests()
    with pytest.raises(ConfigurationError, match=f"{argument}="):
        create_space(reached, "churn", **{argument: "mine"})  # type: ignore[arg-type]

    assert [] == server.requests


@pytest.mark.parametrize("wrong", [{"name": " "}, {"name": "a\x1bb"}, {"name": None}, {"name": "a", "timeout": "5"}])
def test_arguments_that_cannot_be_used_are_refused(wrong: dict[str, Any], credentials: SoftwareCredentials) -> None:
    """A blank name, one with a control character, no name, a time that is no number."""
    with pytest.raises(ConfigurationError):
        create_space(credentials, **wrong)


def test_what_is_no_credentials_is_refused() -> None:
    """The name of a file has to be loaded first."""
    with pytest.raises(CredentialsError, match="got str"):
        list_spaces("credentials.yaml")  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["wml-b", SEVERAL[1].crn])
def test_an_instance_is_named_by_name_or_crn(given: str) -> None:
    """Either means the same one."""
    assert SEVERAL[1] == choose_instance("runtime", given, SEVERAL)


@pytest.mark.parametrize(("given", "offered"), [(None, SEVERAL), ("wml-c", SEVERAL), (None, [])])
def test_an_instance_that_cannot_be_chosen_is_answered_with_those_there_are(
    given: str | None, offered: list[InstanceRecord]
) -> None:
    """Several, none of the name, or none at all."""
    with pytest.raises(ConfigurationError, match=r"wml-a \(crn|: none") as caught:
        choose_instance("runtime", given, offered)

    assert "runtime=" in str(caught.value.next_step)


def test_a_crn_is_enough_where_instances_cannot_be_listed() -> None:
    """A key without rights on the account names them itself."""
    found = choose_instance("runtime", SEVERAL[0].crn, [])

    assert ("22", SEVERAL[0].crn) == (found.name, found.crn)
