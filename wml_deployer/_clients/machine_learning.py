"""The door to ``ibm-watson-machine-learning``, the client for Python up to 3.12 and Cloud Pak for Data up to 5.0."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wml_deployer._clients.direct import DirectCalls
from wml_deployer._clients.isolation import isolated
from wml_deployer._clients.protocol import UNKNOWN_TYPE, DeploymentRecord, ModelProperties, ModelRecord, SpaceRecord
from wml_deployer._clients.requests_stand_in import Exchange, RequestsStandIn, exchanging
from wml_deployer._transport.deadline import grace
from wml_deployer._transport.responses import service_error
from wml_deployer.credentials import CloudCredentials, SoftwareCredentials
from wml_deployer.errors import (
    AuthorizationError,
    ClientNotInstalledError,
    InvalidResponseError,
    NotFoundError,
    ServiceError,
    WMLDeployerError,
)
from wml_deployer.specifications import LifeCycle, Specification

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wml_deployer._clients.tokens import TokenSource
    from wml_deployer._transport.pool import Transport

__all__ = ["MachineLearningClient"]

CLEAN_UP_SECONDS = 60.0
_PACKAGE = "ibm_watson_machine_learning"


class MachineLearningClient(DirectCalls):
    """One deployment space through ``ibm_watson_machine_learning.APIClient``.

    Args:
        credentials: Where the service is; how to log in is the token source's affair.
        transport: What every request goes through.
        tokens: Where the bearer token comes from.

    """

    def __init__(
        self, credentials: CloudCredentials | SoftwareCredentials, transport: Transport, tokens: TokenSource
    ) -> None:
        """Construct IBM's client and find the deployment space."""
        super().__init__(str(credentials.url), "", transport, tokens)
        with self._calling("connect"):
            self._client = _api_client(self._construction(credentials))
        self.space_id = credentials.space_id or self._space_named(credentials.space)
        with self._calling("choose the space"):
            self._client.set.default_space(self.space_id)

    def specifications(self) -> Sequence[Specification]:
        """Ask for the software specifications and their life cycle."""
        with self._calling("list the software specifications"):
            listed = self._client.software_specifications.get_details()["resources"]
        return [_specification(item) for item in listed]

    def specification(self, specification: Specification) -> Specification:
        """Ask for the packages that a listed specification includes; a derived one's are its base's."""
        with self._calling("look up the software specification"):
            details = self._client.software_specifications.get_details
            document = details(specification.id)
            base = _entity(document).get("base_software_specification", {}).get("guid")
            document, extensions = details(base) if base else document, _entity(document).get("package_extensions", ())
        named = tuple(str(item["metadata"]["name"]) for item in extensions)
        return replace(specification, packages=_packages(document), extensions=named)

    def space(self) -> SpaceRecord:
        """Ask for the deployment space."""
        with self._calling("look up the space"):
            return SpaceRecord.from_document(self._client.spaces.get_details(self.space_id))

    def role(self) -> str | None:
        """Ask for the caller's role; it is not told of who is in by a group, or who may not even see the members."""
        user_id = self._tokens.user_id()
        try:
            with self._calling("look up the caller's role"):
                found = self._client.spaces.get_member_details(self.space_id, user_id) if user_id else {}
        except (AuthorizationError, NotFoundError):
            return None
        return found.get("role")

    def store_model(self, archive: Path, properties: ModelProperties) -> ModelRecord:
        """Store a new model; when it fails nothing is left behind (IBM's client leaves a model without content)."""
        made: list[str] = []
        try:
            with self._calling("store the model", made):
                return ModelRecord.from_document(
                    self._client.repository.store_model(str(archive), self._properties(properties, new=True))
                )
        except WMLDeployerError:
            for model_id in made:
                self._forget(model_id)
            raise

    def change_model(self, model_id: str, archive: Path, properties: ModelProperties) -> None:
        """Give a model new content and new facts; its revisions stay as they are."""
        with self._calling("change the model"):
            self._client.repository.update_model(model_id, self._properties(properties, new=False))
        self.replace_content(model_id, archive)

    def model(self, model_id: str, revision: str | None = None) -> ModelRecord:
        """Ask for a model, or one of its revisions."""
        repository = self._client.repository
        with self._calling("look up the model"):
            if revision is None:
                return ModelRecord.from_document(repository.get_model_details(model_id))
            return ModelRecord.from_document(repository.get_model_revision_details(model_id, revision)["resources"][0])

    def models(self) -> Sequence[ModelRecord]:
        """List every model of the space; unless asked for all, IBM's client stops at 200 without a word."""
        with self._calling("list the models"):
            listed = self._client.repository.get_model_details(get_all=True)["resources"]
        return [ModelRecord.from_document(item) for item in listed]

    def delete_model(self, model_id: str) -> None:
        """Delete a model and all its revisions."""
        with self._calling("delete the model"):
            self._client.repository.delete(model_id)

    def deployment(self, deployment_id: str) -> DeploymentRecord:
        """Ask for a deployment."""
        with self._calling("look up the deployment"):
            return DeploymentRecord.from_document(self._client.deployments.get_details(deployment_id))

    def deployments(self) -> Sequence[DeploymentRecord]:
        """List every online deployment; unless asked for all, IBM's client stops at 200 without a word."""
        with self._calling("list the deployments"):
            listed = self._client.deployments.get_details(get_all=True)["resources"]
        return [DeploymentRecord.from_document(item) for item in listed if "online" in item["entity"]]

    def delete_deployment(self, deployment_id: str) -> None:
        """Delete a deployment."""
        with self._calling("delete the deployment"):
            self._client.deployments.delete(deployment_id)

    def _construction(self, credentials: CloudCredentials | SoftwareCredentials) -> dict[str, str]:
        given = {"url": self.url, "token": self._tokens.token()}
        if isinstance(credentials, SoftwareCredentials):
            given["instance_id"] = "openshift"
            if credentials.version:
                given["version"] = credentials.version
        return given

    def _properties(self, properties: ModelProperties, *, new: bool) -> dict[str, Any]:
        names = self._client.repository.ModelMetaNames
        given: dict[str, Any] = {
            names.NAME: properties.name,
            names.SOFTWARE_SPEC_UID: properties.specification_id,
            names.CUSTOM: properties.custom,
            names.TAGS: list(properties.tags),
        }
        if new:
            # The service keeps type and schema for a model's whole life: a patch of them is refused.
            given[names.TYPE] = properties.model_type
            if properties.schema.fields:
                fields = [
                    {"name": field.name, "type": field.dtype or UNKNOWN_TYPE} for field in properties.schema.fields
                ]
                given[names.INPUT_DATA_SCHEMA] = [{"id": "input", "type": "DataFrame", "fields": fields}]
        return given

    def _space_named(self, name: str | None) -> str:
        with self._calling("find the space"):
            listed = self._client.spaces.get_details(get_all=True)["resources"]
        found = [item["metadata"]["id"] for item in listed if item["entity"]["name"] == name]
        if len(found) != 1:
            names = ", ".join(sorted(item["entity"]["name"] for item in listed)) or "none"
            raise ServiceError(
                f"{len(found)} deployment spaces are named {name!r}; the key sees: {names}.",
                operation="find the space",
                next_step="Give space_id, or the name of exactly one space.",
            )
        return str(found[0])

    def _forget(self, model_id: str) -> None:
        try:
            with grace(CLEAN_UP_SECONDS):
                self.delete_model(model_id)
        except WMLDeployerError:
            # The failure that led here is the one to report; the next store finds the left-over.
            return

    @contextmanager
    def _calling(self, operation: str, made: list[str] | None = None) -> Iterator[None]:
        """Call into IBM's client: over our transport, quietly, with a valid token, its errors turned into ours."""
        with isolated(_PACKAGE), exchanging(self._transport) as exchange:
            wrapper = _requests_wrapper()
            real, wrapper.requests = wrapper.requests, RequestsStandIn(wrapper.requests)
            try:
                self._hand_token()
                yield
            except WMLDeployerError:
                raise
            except Exception as error:
                raise _translated(error, exchange, operation) from error
            finally:
                wrapper.requests = real
                if made is not None:
                    made += _made_models(exchange)

    def _hand_token(self) -> None:
        client = getattr(self, "_client", None)
        if client is not None:
            client.wml_credentials["token"] = client.wml_token = self._tokens.token()


def _api_client(credentials: dict[str, str]) -> Any:
    from ibm_watson_machine_learning import APIClient  # noqa: PLC0415 - takes a second to import

    return APIClient(credentials)


def _requests_wrapper() -> Any:
    try:
        import ibm_watson_machine_learning._wrappers.requests as wrapper  # noqa: PLC0415 - the client's one seam
    except ImportError as error:
        raise ClientNotInstalledError(
            f"The IBM client for this platform cannot be imported: {error}",
            next_step='pip install "ibm-watson-machine-learning>=1.0.370"',
        ) from error
    return wrapper


def _specification(item: dict[str, Any]) -> Specification:
    metadata = item["metadata"]
    return Specification(
        id=metadata["asset_id"],
        name=metadata["name"],
        state=_state(metadata.get("life_cycle", {})),
        replacement=metadata.get("life_cycle", {}).get("replacement_name"),
        packages={},
    )


def _packages(document: dict[str, Any]) -> dict[str, str]:
    """Return version by name of what a runtime carries, its Python among it."""
    configuration = _entity(document).get("software_configuration", {})
    platform = configuration.get("platform", {})
    listed = {item["name"]: str(item.get("version", "")) for item in configuration.get("included_packages", ())}
    return listed | ({"python": str(platform["version"])} if platform.get("name") == "python" else {})


def _entity(document: dict[str, Any]) -> dict[str, Any]:
    entity: dict[str, Any] = document["entity"].get("software_specification", {})
    return entity


def _state(cycle: dict[str, Any]) -> LifeCycle:
    # The end of a life counts: a retired specification was deprecated before.
    ends: tuple[LifeCycle, ...] = ("retired", "constricted", "deprecated")
    return next((state for state in ends if state in cycle), "supported")


def _made_models(exchange: Exchange) -> list[str]:
    posted = [
        r for method, r in exchange.responses if method == "POST" and r.url.split("?")[0].endswith("/ml/v4/models")
    ]
    return [response.json()["metadata"]["id"] for response in posted if response.status == 201]  # noqa: PLR2004 - HTTP's


def _translated(error: Exception, exchange: Exchange, operation: str) -> WMLDeployerError:
    """Turn what came out of IBM's client into our error: by the failed exchange where there is one, not by its text."""
    if exchange.failure is not None:
        return exchange.failure
    refused = [response for _, response in exchange.responses if response.status >= 400]  # noqa: PLR2004 - HTTP's
    if refused:
        return service_error(refused[0], operation)
    if isinstance(error, KeyError | TypeError | ValueError | AttributeError):
        return InvalidResponseError(
            f"The service's answer has another shape than promised: {error!r}", operation=operation
        )
    return ServiceError(str(error), operation=operation)
