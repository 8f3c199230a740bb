"""Turn a model into a version of the project, stored once for each content.

A version that would break the callers of the endpoint, by other columns or by numbers in place of classes, is refused.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from wml_deployer._preflight.findings import refuse_readers
from wml_deployer._preflight.model import refuse
from wml_deployer._rollout.assets import asset_of, is_there, revisions_left
from wml_deployer._rollout.deploying import deployment_of
from wml_deployer._rollout.derived import remove_unused
from wml_deployer._rollout.names import retired_names
from wml_deployer._rollout.placing import Placement, place
from wml_deployer._rollout.preparing import PreparedModel, StoreRequest, prepare_model
from wml_deployer._rollout.promoting import fetch, is_elsewhere, refuse_foreign
from wml_deployer._rollout.rollback import find_version
from wml_deployer._rollout.service_log import read_log, read_retired
from wml_deployer._rollout.storing import refuse_taken, store, stored_already
from wml_deployer.errors import ConflictError, Fault, ModelError, SchemaError, SpecificationError, VersionError
from wml_deployer.frameworks._sklearn import takes_any_columns
from wml_deployer.metadata import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._verification.sample import SampleFolder
    from wml_deployer.metadata import Metadata, MetadataFile
    from wml_deployer.schema import Schema

__all__ = ["Versions", "deployed_already", "refuse_schema_change", "stored_otherwise"]


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
        source = request.source
        if request.stored is None:
            with prepare_model(request, metadata) as prepared:
                yield prepared
        elif source is None or not is_elsewhere(source, self._client(), self._file):
            yield _find_stored(metadata, request)
        else:
            refuse_foreign(source, metadata.project_name)
            here = self._same_as(source.version, metadata, request.version)
            if here is not None:
                yield here
                return
            with fetch(source) as prepared:
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
        promotion = prepared.promotion
        if promotion is not None:
            metrics = {**promotion.metrics, **request.metrics}
            request = replace(request, version=request.version or promotion.name, metrics=metrics)
        version = stored_already(client, metadata, prepared, request.version, request.specification)
        if version is None:
            try:
                placement = place(client, prepared, request.specification or (promotion and promotion.runtime))
            except SpecificationError:
                # What the model itself is refused for helps more than a runtime for it would.
                refuse(prepared.findings, "store", prepared.cause)
                raise
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

    def _same_as(self, version: Version, metadata: Metadata, name: str | None) -> Version | None:
        """Return the version here with the content, the requirements and the runtime of another space's."""

        def content(one: Version) -> tuple[object, ...]:
            return one.digest, one.requirements, one.code, one.software_specification

        same = [one for one in metadata.versions if content(one) == content(version) and name in {None, one.name}]
        return same[-1] if same and is_there(self._client(), same[-1]) else None

    def _store(self, client: Client, metadata: Metadata, placement: Placement, request: StoreRequest) -> Version:
        refuse_readers(client)
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


def _find_stored(metadata: Metadata, request: StoreRequest) -> Version:
    """Find the version that a handle of this space names: by its revision where that is known, else by its name."""
    source = request.source
    if source is None:
        return find_version(metadata, str(request.stored), "store")
    wanted = asset_of(source.version)
    found = next((version for version in metadata.versions if asset_of(version) == wanted), None)
    if found is None:
        raise VersionError(
            f"Revision {source.version.revision} of model {source.version.model_id}, version {source.version.name}, is "
            "not in this metadata.lock: it was pruned, or the file is not the newest.",
            operation="store",
            next_step="Get the newest metadata.lock, or rebuild it from the space with recover().",
        )
    if request.version not in {None, found.name}:
        raise stored_otherwise(found.name, ["version="])
    return found


def stored_otherwise(name: str, refused: Sequence[str]) -> ModelError:
    """Make the error that refuses arguments for a version that is stored."""
    return ModelError(
        f"Version {name} is stored already, and does not change: {', '.join(refused)} came too late.",
        next_step="Give them to store(model), or give the model in place of what store returned.",
    )


def deployed_already(project: str) -> ConflictError:
    """Make the error that refuses a second deployment of a project."""
    return ConflictError(
        f"{project} is deployed already, with another version.",
        operation="deploy",
        next_step="Call update(model) to change what it serves, or release(model) to do what is needed.",
    )


MOST_FAULTS = 20


def refuse_schema_change(
    project: str, live: Version | None, new: PreparedModel | Version, model: object = None
) -> None:
    """Refuse a version that takes other columns than the live one, or is a regressor in place of a classifier.

    The order of columns, their dtypes and the names of classes may change: rows are put in order by name, and scores
    are named by the version that gave them. What is not known is not compared: versions that were stored as files which
    were never loaded, and columns of estimators that look at none.

    Args:
        project: Name of the project.
        live: The version that serves.
        new: What is to serve in its place.
        model: The new version's estimator, where that is at hand.

    Raises:
        SchemaError: Its ``faults`` say what would change.

    """
    described = new if not hasattr(new, "profile") else new.profile
    # Of a file that was not loaded, the pickle may tell the library that wrote it, and never the Python.
    if live is None or "python" not in live.libraries or "python" not in described.libraries:
        return
    faults = tuple(_changed_kind(live.schema, described.schema))
    if not takes_any_columns(model):
        faults = (*_changed_columns(live.schema, described.schema), *faults)
    if not faults:
        return
    more = len(faults) - MOST_FAULTS
    shown = faults if more <= 0 else (*faults[:MOST_FAULTS], Fault("", f"and {more} more"))
    raise SchemaError(
        f"This version of {project} changes what callers of the deployment send or get, under the same URL. Nothing "
        "was changed.",
        faults=shown,
        next_step="Pass allow_schema_change=True if all who score on it are ready for that, or "
        "deploy it as a project of its own.",
    )


def _changed_columns(live: Schema, new: Schema) -> Iterator[Fault]:
    before, after = ([field.name for field in schema.fields] for schema in (live, new))
    if before and after:
        yield from (Fault(f"column {name!r}", "is no longer taken") for name in before if name not in set(after))
        yield from (Fault(f"column {name!r}", "is new") for name in after if name not in set(before))


def _changed_kind(live: Schema, new: Schema) -> Iterator[Fault]:
    if bool(live.classes) != bool(new.classes):
        becomes = "a class instead of a number" if new.classes else "a number instead of a class"
        yield Fault("prediction", f"becomes {becomes}")
