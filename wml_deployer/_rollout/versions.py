"""Turn a model into a version of the project, stored once for each content."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from wml_deployer._preflight.model import refuse
from wml_deployer._rollout.assets import revisions_left
from wml_deployer._rollout.deploying import deployment_of
from wml_deployer._rollout.derived import remove_unused
from wml_deployer._rollout.names import retired_names
from wml_deployer._rollout.placing import Placement, place
from wml_deployer._rollout.preparing import PreparedModel, StoreRequest, prepare_model
from wml_deployer._rollout.rollback import find_version
from wml_deployer._rollout.service_log import read_log, read_retired
from wml_deployer._rollout.storing import refuse_taken, store, stored_already
from wml_deployer.errors import ConflictError
from wml_deployer.metadata import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wml_deployer._clients.protocol import Client
    from wml_deployer._verification.sample import SampleFolder
    from wml_deployer.metadata import Metadata, MetadataFile

__all__ = ["Versions", "deployed_already"]


class Versions:
    """Stores versions and records them.

    Args:
        client: Connects to the deployment space, or returns it where that is done.
        file: The project's metadata.yaml; its lock is held by the caller.
        samples: Where the samples are kept.

    """

    def __init__(self, client: Callable[[], Client], file: MetadataFile, samples: SampleFolder) -> None:
        """Store nothing yet."""
        self._client = client
        self._file = file
        self._samples = samples
        self._stored: Version | None = None
        self._made_model = False

    @contextmanager
    def prepare(self, request: StoreRequest) -> Iterator[PreparedModel | Version]:
        """Inspect and pack a model, or find the stored version; nothing is sent.

        Raises:
            ModelError: The model cannot be stored.
            VersionError: There is no such stored version.

        """
        metadata = self._file.read()
        if request.stored is not None:
            yield find_version(metadata, request.stored, "store")
        else:
            with prepare_model(request, metadata) as prepared:
                yield prepared

    def get(self, prepared: PreparedModel | Version, request: StoreRequest, *, upload: bool = True) -> Version:
        """Return the version of a model, storing it unless its content is stored already.

        Args:
            prepared: What :meth:`prepare` gave.
            request: How to store it.
            upload: Whether new content may be stored.

        Raises:
            ConflictError: New content may not be stored, because something else is deployed.
            SpecificationError: No software specification of the service fits.

        """
        self._stored = None
        if isinstance(prepared, Version):
            return self._measured(prepared, request.metrics)
        metadata, client = self._file.read(), self._client()
        version = stored_already(client, metadata, prepared, request.version, request.specification)
        if version is None:
            placement = place(client, prepared, request.specification)
            prepared = placement.prepared
            version = stored_already(client, metadata, prepared, request.version, request.specification)
        if version is not None:
            refuse(prepared.findings, "store", prepared.cause)
        else:
            refuse_taken(metadata, prepared, request.version, request.specification)
            if not upload:
                raise deployed_already(metadata.project_name)
            version = self._store(client, metadata, placement, request)
        version = self._measured(version, request.metrics)
        if prepared.sample is not None:
            self._samples.keep(version.digest, prepared.sample)
        return version

    def discard(self, version: Version) -> None:
        """Remove a version that the last :meth:`get` stored in a model of its own, where nothing came of it.

        A model that another machine stored in as well stays. If that machine has removed the model meanwhile, as its
        own call failed, the version is no longer there, and is forgotten here.
        """
        if version != self._stored:
            return
        client = self._client()
        revisions = revisions_left(client, version.model_id)
        if revisions and (not self._made_model or len(revisions) > 1):
            return
        if revisions:
            client.delete_model(version.model_id)
            if version.requirements or version.code:
                remove_unused(client, version.software_specification)
        metadata = self._file.read()
        others = tuple(other for other in metadata.versions if other.name != version.name)
        self._file.write(metadata.model_copy(update={"versions": others, "model_uid": None}))

    def _store(self, client: Client, metadata: Metadata, placement: Placement, request: StoreRequest) -> Version:
        record = deployment_of(client, metadata) if client.scope.kind == "space" else None
        version, self._made_model = store(
            client,
            metadata,
            placement,
            name=request.version,
            metrics=request.metrics,
            logged=read_log(record) if record else (),
            retired=read_retired(record) if record else {},
            elsewhere=self._file.elsewhere(),
        )
        self._write_down(version)
        self._stored = version
        return version

    def _measured(self, version: Version, metrics: Mapping[str, float]) -> Version:
        """Add what was measured of a version since it was stored."""
        if metrics.items() <= version.metrics.items():
            return version
        measured = version.model_copy(update={"metrics": {**version.metrics, **metrics}})
        metadata = self._file.read()
        versions = tuple(measured if other.name == version.name else other for other in metadata.versions)
        self._file.write(metadata.model_copy(update={"versions": versions}))
        return measured

    def _write_down(self, version: Version) -> None:
        metadata = self._file.read()
        versions = (*(other for other in metadata.versions if other.name != version.name), version)
        added = {"versions": versions, "retired": retired_names(metadata, versions), "model_uid": version.model_id}
        self._file.write(metadata.model_copy(update=added))


def deployed_already(project: str) -> ConflictError:
    """Make the error that refuses a second deployment of a project."""
    return ConflictError(
        f"{project} is deployed already, with another version.",
        operation="deploy",
        next_step="Call update(model) to change what it serves, or release(model) to do what is needed.",
    )
