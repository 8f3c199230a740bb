"""The calls that IBM's two clients make alike and that keep our contract."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from wml_deployer._clients.deployments import changing
from wml_deployer._clients.direct import DirectCalls, input_schemas
from wml_deployer._clients.documents import entity, packages, specification_of
from wml_deployer._clients.exchange import Exchange, exchanging, isolated, translated
from wml_deployer._clients.protocol import Scope, refuse_project
from wml_deployer._clients.records import (
    DeploymentRecord,
    ModelProperties,
    ModelRecord,
    SpaceRecord,
)
from wml_deployer._clients.spaces import SpaceCalls
from wml_deployer._install import install_command
from wml_deployer._transport.deadline import cleanup_deadline
from wml_deployer.errors import (
    ClientNotInstalledError,
    ConflictError,
    CredentialsError,
    NotFoundError,
    ServiceError,
    WMLDeployerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wml_deployer._clients.tokens import TokenSource
    from wml_deployer._transport.pool import Transport
    from wml_deployer.credentials import CloudCredentials, SoftwareCredentials
    from wml_deployer.specifications import Specification

__all__ = ["IBMClient"]

_NOT_FOUND = "Not Found"
"""What IBM's older client returns in place of an id; the newer one raises."""


class IBMClient(SpaceCalls, DirectCalls):
    """An account through one of IBM's ``APIClient`` classes; one deployment space of it, once that is chosen.

    Args:
        credentials: Where the service is; how to log in is the token source's affair.
        transport: What every request goes through.
        tokens: Where the bearer token comes from.

    """

    package: ClassVar[str]
    extra: ClassVar[str]

    def __init__(
        self, credentials: CloudCredentials | SoftwareCredentials, transport: Transport, tokens: TokenSource
    ) -> None:
        """Construct IBM's client."""
        super().__init__(str(credentials.url), Scope("space", ""), transport, tokens)
        self._client: Any = None
        self._flags: dict[str, bool] = {}
        self._import()
        with self._calling("connect"):
            self._client = self._constructed(credentials)
            self._flags = {
                "cloud_platform_spaces": self._client.CLOUD_PLATFORM_SPACES,
                "icp_platform_spaces": self._client.ICP_PLATFORM_SPACES,
            }

    def choose_scope(self, credentials: CloudCredentials | SoftwareCredentials) -> None:
        """Choose the deployment space, or the project, that the credentials name.

        Raises:
            CredentialsError: They name none, or not exactly one; the message lists what there is.

        """
        self.scope = self._chosen(credentials)
        with self._calling(f"choose the {self.scope.kind}") as exchange:
            choose = self._client.set
            (choose.default_project if self.scope.kind == "project" else choose.default_space)(self.scope.id)
        self.scope = self.scope._replace(name=self.scope.name or _name_in(exchange, self.scope.id))

    def space(self) -> SpaceRecord:
        """Ask for the deployment space."""
        return self.space_called(self.scope.id)

    def role(self) -> str | None:
        """Ask for the caller's role in the deployment space, where it is known."""
        return self.role_in(self.scope.id)

    def store_model(self, archive: Path, properties: ModelProperties) -> ModelRecord:
        """Store a new model; when it fails nothing is left behind (IBM's client leaves a model without content)."""
        if properties.kind == "function":
            return self.store_function(archive, properties)
        made: list[str] = []
        try:
            with self._calling("store the model", made):
                return self._known(
                    ModelRecord.from_document(
                        self._client.repository.store_model(str(archive), self._properties(properties, new=True))
                    )
                )
        except WMLDeployerError:
            for model_id in made:
                self._forget(model_id)
            raise

    def change_model(self, model_id: str, archive: Path, properties: ModelProperties) -> None:
        """Give a model new content and new facts; its revisions stay as they are."""
        if properties.kind == "function":
            self.change_function(model_id, archive, properties)
            return
        with self._calling("change the model"):
            self._client.repository.update_model(model_id, self._properties(properties, new=False))
        self.replace_content(model_id, archive)

    def models(self) -> Sequence[ModelRecord]:
        """List every model and function of the space; unless asked for all, IBM's client stops silently at 200."""
        with self._calling("list the models"):
            listed = self._client.repository.get_model_details(get_all=True)["resources"]
        return [*(self._known(ModelRecord.from_document(item)) for item in listed), *self.functions()]

    def delete_model(self, model_id: str) -> None:
        """Delete a model and all its revisions; IBM's client refuses what is deployed with an error of no kind."""
        try:
            with self._calling("delete the model"):
                self._client.repository.delete(model_id)
        except ServiceError as error:
            deployed = () if error.status else (*self.deployments(), *self.batch_deployments())
            if model_id not in {record.model_id for record in deployed}:
                raise
            raise ConflictError(
                f"Model {model_id} is deployed, and stays.",
                operation="delete the model",
                next_step="Delete its deployments first.",
            ) from error

    def deployments(self) -> Sequence[DeploymentRecord]:
        """List every online deployment; unless asked for all, IBM's client silently stops at 200."""
        refuse_project(self.scope.id if self.scope.kind == "project" else None)
        with self._calling("list the deployments"):
            listed = self._client.deployments.get_details(get_all=True)["resources"]
            return [DeploymentRecord.from_document(item) for item in listed if "online" in item["entity"]]

    def delete_deployment(self, deployment_id: str) -> None:
        """Delete a deployment."""
        with changing(deployment_id), self._calling("delete the deployment"):
            self._client.deployments.delete(deployment_id)

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

    def read_extension(self, extension_id: str, path: Path) -> None:
        """Download the file of a package extension."""
        with self._calling("download the package extension"):
            self._client.package_extensions.download(extension_id, str(path))

    def delete_extension(self, extension_id: str) -> None:
        """Delete a package extension."""
        with self._calling("delete the package extension"):
            self._client.package_extensions.delete(extension_id)

    @abstractmethod
    def _constructed(self, credentials: CloudCredentials | SoftwareCredentials) -> Any:
        """IBM's client, logged in with a ready token."""

    @abstractmethod
    def _specification_key(self) -> str:
        """Return the name that IBM's client has for the id of a software specification."""

    @abstractmethod
    def _over_our_transport(self) -> AbstractContextManager[None]:
        """Let IBM's client send what it asks within the block through the running exchange."""

    @abstractmethod
    def _hand_over(self, token: str) -> None:
        """Give IBM's client this token."""

    def _properties(self, properties: ModelProperties, *, new: bool) -> dict[str, Any]:
        names = self._client.repository.ModelMetaNames
        given: dict[str, Any] = {
            names.NAME: properties.name,
            self._specification_key(): properties.specification_id,
            names.CUSTOM: properties.custom,
            names.TAGS: list(properties.tags),
        }
        if new:
            # The service keeps type and schema for a model's whole life: a patch of them is refused.
            given[names.TYPE] = properties.model_type
            if properties.schema.fields:
                given[names.INPUT_DATA_SCHEMA] = input_schemas(properties.schema)
        return given

    def _chosen(self, credentials: CloudCredentials | SoftwareCredentials) -> Scope:
        if credentials.project_id is not None:
            return Scope("project", credentials.project_id)
        if credentials.space_id is not None:
            return Scope("space", credentials.space_id)
        return self._space_named(credentials.space)

    def _space_named(self, text: str | None) -> Scope:
        """Find the space of this name; an id is taken as well."""
        with self._calling("find the space"):
            listed = self._client.spaces.get_details(get_all=True)["resources"]
            names = {str(item["metadata"]["id"]): str(item["entity"]["name"]) for item in listed}
        found = [text] if text in names else [space_id for space_id, name in names.items() if name == text]
        if text is None or len(found) != 1:
            said = f"{len(found)} deployment spaces are called {text!r}" if text else "No deployment space is named"
            there = ", ".join(f"{name} ({space_id})" for space_id, name in sorted(names.items(), key=lambda it: it[1]))
            raise CredentialsError(
                f"{said}; those that the key sees: {there or 'none'}.",
                operation="find the space",
                next_step="Give space, the name of exactly one of them, or space_id."
                if names
                else "Create one with create_space(credentials, 'NAME'), and give its name as space.",
            )
        return Scope("space", str(found[0]), names[str(found[0])])

    def _forget(self, model_id: str) -> None:
        try:
            with cleanup_deadline():
                self.delete_model(model_id)
        except WMLDeployerError:
            # The failure that led here is the one to report; the next store finds the left-over.
            return

    @contextmanager
    def _calling(self, operation: str, made: list[str] | None = None) -> Iterator[Exchange]:
        """Call into IBM's client: over our transport, quietly, with a valid token, its errors turned into ours."""
        with (
            isolated(self.package, self._flags),
            exchanging(self._transport, self._tokens, self.url) as exchange,
            self._over_our_transport(),
        ):
            try:
                if self._client is not None:
                    self._hand_over(self._tokens.token())
                yield exchange
            except WMLDeployerError:
                raise
            except Exception as error:  # noqa: BLE001 - each becomes an error of ours
                failure = translated(error, exchange, operation)
                # The frames of IBM's client hold the token: they are left out.
                raise failure from (failure.__cause__ if failure is exchange.failure else error.with_traceback(None))
            finally:
                if made is not None:
                    made += exchange.made_models()

    def _import(self) -> None:
        """Import IBM's package before anything of it is kept, because what is not there cannot be put back."""
        try:
            with isolated(self.package, {}):
                import_module(self.package)
        except ImportError as error:
            raise ClientNotInstalledError(
                f"The IBM client for this platform cannot be imported: {error}",
                next_step=install_command(self.extra),
            ) from error


def _name_in(exchange: Exchange, space_id: str) -> str | None:
    """Return the name of a space, as IBM's client was told it while it chose the space."""
    for _, response in exchange.responses:
        if urlsplit(response.url).path.endswith(f"/v2/spaces/{space_id}"):
            return SpaceRecord.from_document(response.document()).name
    return None
