"""Deployment spaces through IBM's clients: list them, create one, and find the instances that one can be created with.

IBM's clients cannot say which instances an account has, and on IBM Cloud a space cannot be created without naming two:
the object storage that keeps its assets, and the runtime that does the computing. The account's resource controller
lists both; its path and the ids of the two services are those of IBM's public catalogue.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

from wml_deployer._clients.exchange import Exchange, request
from wml_deployer._clients.records import InstanceRecord, SpaceRecord
from wml_deployer._transport.responses import checked
from wml_deployer.errors import AuthorizationError, InvalidResponseError, NotFoundError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from wml_deployer._clients.documents import Document
    from wml_deployer._clients.tokens import TokenSource
    from wml_deployer._transport.pool import Transport

__all__ = ["RUNTIME", "STORAGE", "SpaceCalls"]

RUNTIME = "51c53b72-918f-4869-b834-2d99eb28422a"
"""Id of Watson Machine Learning (watsonx.ai Runtime, ``pm-20``) in the catalogue of IBM Cloud."""

STORAGE = "dff97f5c-bc5e-4455-b470-411c3edbe49c"
"""Id of Cloud Object Storage in the catalogue of IBM Cloud."""

_CONTROLLER = "https://resource-controller.cloud.ibm.com"
_LISTED_MEMBERS = 100
"""How many members a listed space comes with at most."""


class SpaceCalls:
    """Calls about deployment spaces, for which none has to be chosen; all but the list of instances go through IBM's
    own client.
    """

    _client: Any
    _tokens: TokenSource
    _transport: Transport

    @abstractmethod
    def _calling(self, operation: str, made: list[str] | None = None) -> AbstractContextManager[Exchange]:
        """Call into IBM's client within the block."""

    @abstractmethod
    def _listed_spaces(self) -> list[Document]:
        """List every space with its members, within a call into IBM's client."""

    def spaces(self) -> Sequence[SpaceRecord]:
        """List every space that the caller sees, each with the caller's role in it."""
        user_id = self._tokens.user_id()
        with self._calling("list the spaces"):
            listed = self._listed_spaces()
        records = []
        for document in listed:
            record = SpaceRecord.from_document(document, user_id)
            members = document["entity"].get("members")
            if record.role is None and (members is None or len(members) >= _LISTED_MEMBERS):
                record = record.with_role(self.role_in(record.id))
            records.append(record)
        return records

    def space_called(self, space_id: str) -> SpaceRecord:
        """Ask for a space."""
        with self._calling("look up the space"):
            return SpaceRecord.from_document(self._client.spaces.get_details(space_id), self._tokens.user_id())

    def role_in(self, space_id: str) -> str | None:
        """Ask for the caller's role, which is not known of members of a group, or if the members may not be listed."""
        user_id = self._tokens.user_id()
        try:
            with self._calling("look up the caller's role"):
                found = self._client.spaces.get_member_details(space_id, user_id) if user_id else {}
                return None if found.get("role") is None else str(found["role"])
        except (AuthorizationError, NotFoundError):
            return None

    def create_space(
        self,
        name: str,
        *,
        description: str | None = None,
        runtime: InstanceRecord | None = None,
        storage: InstanceRecord | None = None,
        production: bool = False,
    ) -> SpaceRecord:
        """Start to create a space; IBM's older client would wait for it without end, and print."""
        names = self._client.spaces.ConfigurationMetaNames
        given = {
            names.NAME: name,
            names.DESCRIPTION: description,
            names.STAGE: {"production": True} if production else None,
            names.COMPUTE: None if runtime is None else {"name": runtime.name, "crn": runtime.crn},
            names.STORAGE: None if storage is None else {"resource_crn": storage.crn},
        }
        properties = {key: value for key, value in given.items() if value is not None}
        exchange: Exchange | None = None
        try:
            with self._calling("create the space") as exchange:
                made = self._client.spaces.store(properties, background_mode=True)
        except WMLDeployerError:
            # In the cloud it looks at the runtime afterwards: a failure of that does not undo the space.
            made = _created(exchange)
            if made is None:
                raise
        return SpaceRecord.from_document(made, self._tokens.user_id())

    def delete_space(self, space_id: str) -> None:
        """Delete a space with everything in it."""
        with self._calling("delete the space"):
            self._client.spaces.delete(space_id)

    def instances(self, service: str) -> Sequence[InstanceRecord]:
        """List the account's active instances of a service of IBM Cloud.

        Args:
            service: Its id in the catalogue: :data:`RUNTIME` or :data:`STORAGE`.

        """
        return [record for record in self._account_instances(service) if record.state == "active"]

    def _account_instances(self, service: str) -> Iterator[InstanceRecord]:
        url = f"{_CONTROLLER}/v2/resource_instances?{urlencode({'resource_id': service, 'limit': '100'})}"
        while url:
            response = request(self._transport, self._tokens, "GET", url)
            document = checked(response, "list the account's instances").document()
            for item in document.get("resources") or ():
                yield InstanceRecord.from_document(item)
            url = urljoin(_CONTROLLER, str(document.get("next_url") or "")) if document.get("next_url") else ""
            if url and urlsplit(url).netloc != urlsplit(_CONTROLLER).netloc:
                raise InvalidResponseError("The list of the account's instances goes on at another host.")


def _created(exchange: Exchange | None) -> Document | None:
    """Return the space that a call created before it failed."""
    for method, response in exchange.responses if exchange else ():
        if method == "POST" and response.status in {201, 202} and urlsplit(response.url).path == "/v2/spaces":
            document: Document = response.document()
            return document
    return None
