"""Software specifications and their life cycles."""

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
"""Under which derived software specifications are stored."""
SINCE = "2019-11-01T00:00:00.000Z"
"""When the base specifications came into being, as far as answers show."""
_WAY = ("supported", "deprecated", "constricted", "retired")
_STATE = re.compile(r"[a-z][a-z-]{0,39}")


@dataclass(frozen=True)
class Software:
    """A software specification.

    Attributes:
        id: Its id.
        name: Its name.
        state: Where it is in its life.
        replacement: The name of what is to be used instead, or None.
        base: The name of the base specification; its own name unless it is derived.
        document: What answers show.

    """

    id: str
    name: str
    state: str
    replacement: str | None
    base: str
    document: dict[str, Any]


class Specifications:
    """The software specifications as a caller sees them.

    Args:
        transaction: Where the derived ones are, and what a test said of the base ones.
        flavour: The caller's platform: IBM Cloud lets go of base specifications earlier.

    """

    def __init__(self, transaction: Transaction, flavour: Flavour) -> None:
        """Read the states of the caller's platform."""
        self._transaction = transaction
        self._states = CLOUD_STATES if flavour == "cloud" else STATES

    def list(self, container: str | None, name: str | None) -> list[Software]:
        """Return the base specifications and those derived from them in a container, or those of one name."""
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
            NotFoundError: There is none.

        """
        # Of two names that share an id the later one is meant.
        for name in reversed(SOFTWARE):
            if SOFTWARE[name] == identifier:
                return self.base(name)
        record = self._transaction.get(SOFTWARE_KIND, identifier)
        if record is None:
            raise NotFoundError(f"The software specification with id '{identifier}' does not exist.")
        return self._derived(record.document)

    def choose(self, container: str, reference: Any, model_type: str | None) -> Software:
        """Return the specification that a new asset names, if it takes new assets of its type.

        Args:
            container: Where the asset is to be.
            reference: ``{"id": ...}`` or ``{"name": ...}``.
            model_type: The asset's type; None for what runs on any.

        Raises:
            InvalidRequestError: There is none such, it takes no new assets, or it does not serve the type.

        """
        software = self._referenced(container, reference)
        if software.state not in CURRENT:
            raise _unsupported(software.name)
        if model_type is not None:
            check_pair(model_type, software.base)
        return software

    def base(self, name: str) -> Software:
        """Return the base specification of this name, which there has to be."""
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
        """Return a derived specification, which lives as long as its base."""
        specification = document["entity"]["software_specification"]
        base = self.find(specification["base_software_specification"]["guid"])
        metadata = document["metadata"]
        return Software(metadata["asset_id"], metadata["name"], base.state, base.replacement, base.base, document)


def set_state(specifications: Specifications, transaction: Transaction, name: str, state: Any) -> Software:
    """Set the state of a base specification, and return it.

    Raises:
        NotFoundError: There is none of this name.
        InvalidRequestError: The state is no word.

    """
    if name not in SOFTWARE:
        raise NotFoundError(f"There is no base software specification with the name '{name}'.")
    # The real service has had states that nobody knew of before.
    if not isinstance(state, str) or not _STATE.fullmatch(state):
        raise wrong_field("state", f"A state is a word, such as {', '.join(LIFE)}.")
    transaction.keep(f"state of {name}", state)
    return specifications.base(name)


def _unsupported(name: Any) -> InvalidRequestError:
    return InvalidRequestError(f"Invalid request entity: Unsupported software specification '{name}'.")


def _life_cycle(state: str, replacement: str | None) -> dict[str, Any]:
    """Return the life cycle: every state that was reached so far, and the replacement."""
    before = _WAY[: _WAY.index(state)] if state in _WAY else ()
    reached: dict[str, Any] = {name: {} for name in (*before, state)}
    return (
        reached
        if state in ("available", "supported") or not replacement
        else {**reached, "replacement_name": replacement}
    )
