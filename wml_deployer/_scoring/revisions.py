"""What is known of a revision, and of the deployment that serves it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from wml_deployer._rollout.assets import asset_of
from wml_deployer._rollout.left_over import CUSTOM_KEY
from wml_deployer._scoring.labels import ClassNames
from wml_deployer.errors import NotFoundError
from wml_deployer.schema import Schema

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Scoring
    from wml_deployer._clients.records import DeploymentRecord

__all__ = ["Revision", "Served", "described"]

_UNSETTLED = frozenset({"initializing", "updating"})


@dataclass(frozen=True)
class Revision:
    """A revision, as far as this process knows it.

    Attributes:
        version: Name of its version, where the project knows it.
        schema: Its fields and classes; ``None`` where nobody told.

    """

    version: str | None
    schema: Schema | None

    @cached_property
    def names(self) -> ClassNames:
        """What its probabilities are called."""
        return ClassNames(self.schema.classes if self.schema else ())

    @cached_property
    def reading(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What rows and answers are read with: the names of the columns, in and out."""
        return tuple(field.name for field in self.schema.fields) if self.schema else (), self.names.columns


class Served(NamedTuple):
    """What a look at a deployment told.

    Attributes:
        record: The deployment.
        revision: The revision that it serves, or is about to serve.
        looked_at: When the look was sent, by the monotonic clock.
        changes: How many changes of it this process had counted by then.

    """

    record: DeploymentRecord
    revision: Revision
    looked_at: float
    changes: int

    @property
    def is_settled(self) -> bool:
        """Whether it serves what it names: during an update, the version before answers."""
        return self.record.state not in _UNSETTLED

    def is_unchanged_in(self, later: Served) -> bool:
        """Say whether nothing else served between this look and a later one."""
        same = asset_of(self.record) == asset_of(later.record) and self.record.modified_at == later.record.modified_at
        return same and self.is_settled and later.is_settled


def described(client: Scoring, asset: tuple[str, str | None]) -> Revision:
    """Ask the service for the fields and classes of a stored revision."""
    try:
        model = client.model(*asset)
    except NotFoundError:
        return Revision(None, None)
    facts = model.custom.get(CUSTOM_KEY)
    if not isinstance(facts, dict) or not facts.get("digest"):
        return Revision(None, None)
    return Revision(None, Schema(model.schema.fields, tuple(facts.get("classes", ())), model.schema.named))
