"""What the door tells of the place that a model goes to, before it goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.insides import connect
from wml_deployer._clients.records import SpaceRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials

pytestmark = pytest.mark.any_service


@pytest.fixture
def client(credentials: SoftwareCredentials) -> Iterator[Client]:
    """The door to the embedded service."""
    client = connect(credentials)
    yield client
    client.close()


@pytest.mark.core
def test_a_specification_tells_its_packages(client: Client) -> None:
    """Python and every library stand with their versions."""
    listed = next(each for each in client.specifications() if each.name == "runtime-25.1-py3.12")
    packages = client.specification(listed).packages

    assert ("3.12", "1.6.1") == (packages["python"], packages["scikit-learn"])


@pytest.mark.core
def test_a_space_tells_its_runtime(client: Client) -> None:
    """State and instance are known."""
    space = client.space()

    runtime = "99999999-9999-9999-9999-999999999999"
    expected = SpaceRecord(client.scope.id, "Default space", "active", runtime, "Watson Machine Learning")
    assert expected == space


@pytest.mark.core
def test_the_caller_knows_its_role(client: Client) -> None:
    """Whoever made the space is its admin."""
    assert "admin" == client.role()


@pytest.mark.core
def test_a_plan_without_a_limit_has_none(client: Client) -> None:
    """What the service writes as -1 is no limit."""
    plan = client.plan("99999999-9999-9999-9999-999999999999")

    assert ("standard", 0.0, None, None) == (plan.name, plan.used, plan.limit, plan.jobs_limit)
