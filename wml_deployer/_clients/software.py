"""Software specifications and the package extensions that derived ones add, through IBM's clients."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wml_deployer._clients.documents import entity, packages, specification_of
from wml_deployer.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from wml_deployer.specifications import Specification

__all__ = ["SoftwareCalls"]

_NOT_FOUND = "Not Found"
"""What IBM's older client returns in place of an id; the newer one raises."""


class SoftwareCalls:
    """Calls about software specifications; each goes through IBM's own client."""

    _client: Any

    @abstractmethod
    def _calling(self, operation: str, made: list[str] | None = None) -> AbstractContextManager[None]:
        """Call into IBM's client within the block."""

    def specifications(self) -> Sequence[Specification]:
        """Ask for the software specifications and their life cycle."""
        with self._calling("list the software specifications"):
            listed = self._client.software_specifications.get_details()["resources"]
            return [specification_of(item) for item in listed]

    def specification(self, specification: Specification) -> Specification:
        """Ask for the packages that a listed specification includes; a derived one's are its base's."""
        with self._calling("look up the software specification"):
            details = self._client.software_specifications.get_details
            document = details(specification.id)
            base = entity(document).get("base_software_specification", {}).get("guid")
            document, extensions = details(base) if base else document, entity(document).get("package_extensions", ())
            named = tuple(str(item["metadata"]["name"]) for item in extensions)
            return replace(specification, packages=packages(document), extensions=named)

    def derive_specification(self, name: str, base: Specification, extension_ids: Sequence[str]) -> Specification:
        """Derive a software specification that adds package extensions to its base."""
        names = self._client.software_specifications.ConfigurationMetaNames
        properties = {
            names.NAME: name,
            names.BASE_SOFTWARE_SPECIFICATION: {"guid": base.id},
            names.PACKAGE_EXTENSIONS: [{"guid": extension_id} for extension_id in extension_ids],
        }
        with self._calling("derive the software specification"):
            made = self._client.software_specifications.store(properties)
            return replace(specification_of(made), state=base.state, replacement=base.replacement, notes=base.notes)

    def delete_specification(self, specification_id: str) -> None:
        """Delete a derived software specification; its package extensions stay."""
        with self._calling("delete the software specification"):
            self._client.software_specifications.delete(specification_id)

    def store_extension(self, name: str, kind: str, content: Path) -> str:
        """Upload a package extension and return its id.

        Args:
            name: Its name.
            kind: ``"conda_yml"`` or ``"pip_zip"``.
            content: The file.

        """
        names = self._client.package_extensions.ConfigurationMetaNames
        with self._calling("upload the package extension"):
            made = self._client.package_extensions.store({names.NAME: name, names.TYPE: kind}, str(content))
            return str(made["metadata"]["asset_id"])

    def extension_called(self, name: str) -> str | None:
        """Return the id of the package extension of this name; ``None`` where there is none."""
        try:
            with self._calling("look up the package extension"):
                found = str(self._client.package_extensions.get_id_by_name(name))
        except NotFoundError:
            return None
        return None if found in {_NOT_FOUND, "None"} else found

    def delete_extension(self, extension_id: str) -> None:
        """Delete a package extension."""
        with self._calling("delete the package extension"):
            self._client.package_extensions.delete(extension_id)
