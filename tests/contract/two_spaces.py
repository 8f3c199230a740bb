"""One project in two deployment spaces: staging and production, on one service or on two."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from wml_deployer import Deployer, create_space

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wml_deployer import CloudCredentials, SoftwareCredentials

__all__ = ["TwoSpaces", "opened"]


class TwoSpaces(NamedTuple):
    """The project's two deployers; both have the same metadata.yaml."""

    staging: Deployer
    production: Deployer


@contextmanager
def opened(
    staging: SoftwareCredentials | CloudCredentials,
    production: SoftwareCredentials | CloudCredentials,
    metadata: Path,
) -> Iterator[TwoSpaces]:
    """Create a space for each, and open the project in both; the credentials name them in two ways."""
    name = uuid4().hex[:8]
    spaces = [create_space(staging, f"staging {name}"), create_space(production, f"production {name}")]
    by_id = staging.model_copy(update={"space_id": spaces[0].id, "space": None})
    by_name = production.model_copy(update={"space_id": None, "space": spaces[1].name})
    with Deployer(by_id, metadata) as one, Deployer(by_name, metadata) as other:
        yield TwoSpaces(one, other)
