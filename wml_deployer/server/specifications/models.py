"""Software specifications: base and derived ones, and their life cycles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import InvalidRequestError, NotFoundError, wrong_field
from wml_deployer.server.specifications.catalogue import (
    CLOUD_STATES,
    CURRENT,
    LIFE,
    PACKAGES,
    REPLACEMENTS,
    SOFTWARE,
    STATES,
)
from wml_deployer.server.specifications.pairs import check_pair

if TYPE_CHECKING:
    from wml_deployer.server.http.tokens import Flavour
    from wml_deployer.server.storage.transaction import Transaction

__all__ = [
    "SINCE",
    "SOFTWARE_KIND",
    "Software",
    "Specifications",
    "set_state",
]

SOFTWARE_KIND = "software_specification"
"""Kind of the records of derived software specifications."""
SINCE = "2019-11-01T00:00:00.000Z"
"""Creation time of the base specifications, as responses show it."""
_WAY = ("supported", "deprecated", "constricted", "retired")
_STATE = re.compile(r"[a-z][a-z-]{0,39}")


@dataclass(frozen=True)
class Software:
    """A software specification.

    Attributes:
        id: Id.
        name: Name.
        state: State in its life cycle.
        replacement: Name of the replacement, if it is outdated.
        base: Name of the base specification; its own name unless it is derived.
        document: Public document.

    """

    id: str
    name: str
    state: str
    replacement: str | None
    base: str
    document: dict[str, Any]


class Specifications:
    """The software specifications, as a caller sees them.

    Args:
        transaction: The current transaction.
        flavour: The platform of the caller: IBM Cloud retires base specifications earlier.

    """

    def __init__(self, transaction: Transaction, flavour: Flavour) -> None:
        """Select the states of the platform."""
        self._transaction = transaction
        self._states = CLOUD_STATES if flavour == "cloud" else STATES

    def list(self, container: str | None, name: str | None) -> list[Software]:
        """Return the base specifications and the derived ones in a container, or those with a name."""
        names = SOFTWARE if name is None else [name] if name in SOFTWARE else []
        found = [self.base(each) for each in names]
        where = {"metadata.name": name} if name is not None else None
        if container is not None:
            records = self._transaction.find(SOFTWARE_KIND, container, where=where)
            found += [self._derived(record.document) for record in records]
        return found

    def find(self, identifier: str) -> Software:
        """Return the specification with this id.

        Raises:
            NotFoundError: It does not exist.

        """
        # If two names share an id, the later one counts.
        for name in reversed(SOFTWARE):
            if SOFTWARE[name] == identifier:
                return self.base(name)
        record = self._transaction.get(SOFTWARE_KIND, identifier)
        if record is None:
            raise NotFoundError(f"The software specification with id '{identifier}' does not exist.")
        return self._derived(record.document)

    def choose(self, container: str, reference: Any, model_type: str | None) -> Software:
        """Return the specification that a new asset names, after checking that it accepts the asset.

        Args:
            container: Container of the asset.
            reference: ``{"id": ...}`` or ``{"name": ...}``.
            model_type: Type of the model; None for other assets.

        Raises:
            InvalidRequestError: It does not exist, accepts no new assets, or does not support the type.

        """
        software = self._referenced(container, reference)
        if software.state not in CURRENT:
            raise _unsupported(software.name)
        if model_type is not None:
            check_pair(model_type, software.base)
        return software

    def base(self, name: str) -> Software:
        """Return the base specification with this name, which must exist."""
        state = self._transaction.setting(f"state of {name}") or self._states.get(name, "retired")
        replacement = REPLACEMENTS.get(name)
        packages = dict(PACKAGES.get(name, {}))
        python = packages.pop("python", name.partition("-py")[2].partition("-")[0] or "3.12")
        document = {
            "metadata": {
                "name": name,
                "description": f"The base software specification {name}",
                "asset_type": "software_specification",
                "asset_id": SOFTWARE[name],
                "href": f"/v2/software_specifications/{SOFTWARE[name]}",
                "created_at": SINCE,
                "updated_at": SINCE,
                "life_cycle": _life_cycle(state, replacement),
            },
            "entity": {
                "software_specification": {
                    "type": "base",
                    "built_in": True,
                    "package_extensions": [],
                    "display_name": name,
                    "software_configuration": {
                        "included_packages": [{"name": key, "version": value} for key, value in packages.items()],
                        "platform": {"name": "python", "version": python},
                    },
                }
            },
        }
        return Software(SOFTWARE[name], name, state, replacement, name, document)

    def _referenced(self, container: str, reference: Any) -> Software:
        if not isinstance(reference, dict) or not (reference.get("id") or reference.get("name")):
            raise wrong_field("software_spec", "Invalid request entity: the software_spec needs an id or a name.")
        if not reference.get("id"):
            found = self.list(container, str(reference["name"]))
            if not found:
                raise _unsupported(reference["name"])
            return found[0]
        try:
            return self.find(str(reference["id"]))
        except NotFoundError as error:
            raise _unsupported(reference["id"]) from error

    def _derived(self, document: dict[str, Any]) -> Software:
        """Return a derived specification, which shares the life cycle of its base."""
        specification = document["entity"]["software_specification"]
        base = self.find(specification["base_software_specification"]["guid"])
        metadata = document["metadata"]
        return Software(metadata["asset_id"], metadata["name"], base.state, base.replacement, base.base, document)


def set_state(specifications: Specifications, transaction: Transaction, name: str, state: Any) -> Software:
    """Set the state of a base specification, and return it.

    Raises:
        NotFoundError: It does not exist.
        InvalidRequestError: The state is not a word.

    """
    if name not in SOFTWARE:
        raise NotFoundError(f"There is no base software specification with the name '{name}'.")
    # Any word is allowed: the real service has introduced new states before.
    if not isinstance(state, str) or not _STATE.fullmatch(state):
        raise wrong_field("state", f"The state must be a word, such as {', '.join(LIFE)}.")
    transaction.set_setting(f"state of {name}", state)
    return specifications.base(name)


def _unsupported(name: Any) -> InvalidRequestError:
    return InvalidRequestError(f"Invalid request entity: Unsupported software specification '{name}'.")


def _life_cycle(state: str, replacement: str | None) -> dict[str, Any]:
    """Return the life cycle: all states reached so far, and the replacement."""
    before = _WAY[: _WAY.index(state)] if state in _WAY else ()
    reached: dict[str, Any] = {name: {} for name in (*before, state)}
    return (
        reached
        if state in ("available", "supported") or not replacement
        else {**reached, "replacement_name": replacement}
    )
