"""Methods of ``Deployer`` that check a model and store it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from wml_deployer._preflight.findings import (
    as_findings,
    life_findings,
    schema_findings,
    service_subject,
    size_findings,
    space_findings,
)
from wml_deployer._preflight.model import refuse
from wml_deployer._rollout.placing import place
from wml_deployer._rollout.preparing import prepare_model
from wml_deployer._rollout.promoting import fetch, is_elsewhere, refuse_foreign
from wml_deployer._rollout.rollback import find_version
from wml_deployer._transport.deadline import deadline
from wml_deployer.deployer._base import ROLLOUT_SECONDS, OpenProject, store_request
from wml_deployer.deployer._verb import verb
from wml_deployer.errors import ModelError, SpecificationError, WMLDeployerError
from wml_deployer.reports import CheckReport

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._rollout.placing import Placement
    from wml_deployer._rollout.preparing import PreparedModel, StoreRequest
    from wml_deployer.deployment import StoredModel
    from wml_deployer.metadata import Metadata, MetadataFile, Route
    from wml_deployer.reports import Finding
    from wml_deployer.specifications import Specification

__all__ = ["StoringVerbs"]


class StoringVerbs(OpenProject):
    """Check a model before anything is uploaded, and store it as a version."""

    @verb
    def check(
        self,
        model: Any,
        *,
        sample: Any = None,
        strict: bool = False,
        specification: str | None = None,
        route: Route | None = None,
        requirements: Sequence[str] | str | os.PathLike[str] | None = None,
        code: Sequence[str | os.PathLike[str]] | None = None,
        isolated: bool = False,
        unpickle: bool = False,
        timeout: float = ROLLOUT_SECONDS,
    ) -> CheckReport:
        r"""Find what would go wrong with a model before anything is uploaded.

        It looks at credentials, certificate, space, runtime, rights and quota; at the software specification and its
        life cycle; at the libraries here and in the runtime; at classes and functions that the runtime cannot import;
        and at the model's size and columns. With a sample it also rehearses a deployment in this process: it encodes
        the sample as :meth:`score` does, rebuilds the rows as the runtime does, and compares what the model answers to
        them with what it answers to the sample itself. An error about the model stops :meth:`store` as well.

        Args:
            model: Whatever :meth:`store` takes, or what it returned.
            sample: n rows × k fields, as :meth:`store` takes them.
            strict: Whether errors are raised instead of returned.
            specification: Name of the software specification, as :meth:`store` takes it.
            route: The way to go live, as :meth:`store` takes it.
            requirements: What to install beside the runtime's libraries, as :meth:`store` takes it.
            code: Own packages that go along, as :meth:`store` takes them.
            isolated: Whether to prove the model in a clean virtual environment of this machine as well: the runtime's
                libraries, the requirements and the code are installed there, the model is loaded and predicts. It
                takes a minute or so, and an index of packages.
            unpickle: Whether a path may be loaded into this process, as :meth:`store` takes it.
            timeout: Seconds for the whole call.

        Returns:
            Every finding, each with its next step.

        Raises:
            CheckError: ``strict`` was asked for, and there are errors.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> from sklearn.dummy import DummyClassifier
            >>> from wml_deployer import Deployer
            >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
            >>> _ = path.write_text("project_name: churn\nproject_version: v0.1\n")
            >>> with Deployer.local(path) as deployer:
            ...     report = deployer.check(DummyClassifier().fit([[0], [1]], [0, 1]))
            >>> [finding.subject for finding in report.findings if finding.subject in {"schema", "sample"}]
            ['schema', 'sample']

        """
        request = store_request(
            model,
            sample,
            None,
            specification,
            route=route,
            requirements=requirements,
            code=code,
            isolated=isolated,
            unpickle=unpickle,
        )
        with deadline(timeout):
            report = _check(lambda: self._project.client, self._file, request)
        if strict:
            refuse(report.findings, "check")
        return report

    @verb
    def store(
        self,
        model: Any,
        *,
        sample: Any = None,
        version: str | None = None,
        specification: str | None = None,
        route: Route | None = None,
        requirements: Sequence[str] | str | os.PathLike[str] | None = None,
        code: Sequence[str | os.PathLike[str]] | None = None,
        unpickle: bool = False,
        metrics: Mapping[str, float] | None = None,
        timeout: float = ROLLOUT_SECONDS,
    ) -> StoredModel:
        """Pack a model, upload it and freeze it as a revision; the same content is stored once.

        Args:
            model: A fitted estimator, or a path to a ``.joblib``, ``.pkl``, ``.tar.gz`` or directory; an
                ``onnx.ModelProto``, or a path to a ``.onnx``, ``.pmml``, ``.keras`` or ``.h5`` file or a SavedModel; a
                PyTorch module; or a model of MLflow, by its folder or a URI such as ``"models:/churn@champion"``.
            sample: n rows × k fields that a deployment of it must answer as the local model does, in any form that
                :meth:`score` takes; a few dozen do, and of more than 1000 rows 1000 are taken. They stay on this
                machine. The column names of a frame are the schema of a model that was fitted on a bare array.
            version: Name of the version; the project's version, counted up where it is taken, if not given.
            specification: Name of the software specification; the best supported one if not given.
            route: The way to go live: ``"native"``, as a model that a runtime of the service serves, or ``"function"``,
                as a Python function that carries the model and rebuilds its rows as they were at the fit. If not given,
                natively where a runtime answers as the model does here, as a function otherwise.
            requirements: What to install beside the runtime's libraries: a list such as ``["lightgbm==4.6.0"]``, the
                path of a requirements file, or ``"auto"`` for what the model's classes come from, at the versions of
                this process.
            code: Own packages that go along: folders such as ``"src/shop"``, and modules such as ``"helpers.py"``.
            unpickle: Whether a path may be loaded into this process to find schema and classes. Loading a
                pickle runs code that it brings along.
            metrics: What you measured of it, such as ``{"f1": 0.93}``; :meth:`diff` sets it side by side.
            timeout: Seconds for the whole call.

        Returns:
            The frozen revision.

        Raises:
            ModelError: It cannot be stored, or :meth:`check` finds an error in it; nothing was uploaded.
            ConflictError: Somebody else stored a model of this project at the same time.

        """
        request = store_request(
            model,
            sample,
            version,
            specification,
            route=route,
            requirements=requirements,
            code=code,
            unpickle=unpickle,
            metrics=metrics,
        )
        with self._storing(timeout) as project, self._prepared(project, request) as candidate:
            stored = project.versions.get(candidate, request)
        return self._stored(stored)

    @verb
    def version(self, name: str) -> StoredModel:
        r"""Return a stored version: to deploy it, or to take it to another space.

        ``production.release(staging.version("v0.2"))`` stores and serves in production the bytes that staging has: on
        the same software specification, with the same schema, classes and sample. The history there says where they
        come from. :meth:`store`, :meth:`deploy`, :meth:`update` and :meth:`candidate` take it in the same way.

        Args:
            name: Name, revision or digest of a version.

        Returns:
            The frozen revision.

        Raises:
            VersionError: There is no such version; the message lists what there is.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> from sklearn.dummy import DummyClassifier
            >>> from wml_deployer import Deployer
            >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
            >>> _ = path.write_text("project_name: churn\nproject_version: v0.1\n")
            >>> staging = Deployer.local(path, path.parent / "staging")
            >>> production = Deployer.local(path, path.parent / "production")
            >>> with staging, production:
            ...     _ = staging.release(DummyClassifier().fit([[0], [1]], [0, 1]))
            ...     production.release(staging.version("v0.1")).version
            'v0.1'

        """
        return self._stored(find_version(self.metadata, name, "version"))


T = TypeVar("T")
_ORDER = {"error": 0, "warning": 1}


class _Seen(NamedTuple):
    """What is known of a model, as far as it can be found out."""

    model_type: str | None = None
    specification: Specification | None = None
    route: Route | None = None
    why: str = ""


def _check(connect: Callable[[], Client], file: MetadataFile, request: StoreRequest) -> CheckReport:
    """Find what would go wrong with a model, as far as each step lets the next one look.

    Args:
        connect: Logs in; what it raises is a finding.
        file: The files of the project.
        request: The model and how to store it.

    """
    findings: list[Finding] = []
    metadata, source = file.read(), request.source
    client = _collect(findings, None, connect)
    if client is not None:
        _collect(findings, None, lambda: findings.extend(space_findings(client)))
    comes_along = request.stored is None
    if source is not None and client is not None:
        comes_along = bool(_collect(findings, "model", lambda: is_elsewhere(source, client, file)))
    look = _look_at_new if comes_along else _look_at_stored
    seen = look(findings, client, metadata, request)
    ordered = sorted(findings, key=lambda finding: _ORDER[finding.severity])
    name = seen.specification.name if seen.specification else None
    return CheckReport(tuple(ordered), seen.model_type, name, seen.route, seen.why)


def _look_at_new(findings: list[Finding], client: Client | None, metadata: Metadata, request: StoreRequest) -> _Seen:
    with ExitStack() as stack:
        prepared = _collect(findings, "model", lambda: stack.enter_context(_prepared(request, metadata)))
        if prepared is None:
            return _Seen()
        found, specification = prepared.findings, None
        if client is not None:
            try:
                promotion = prepared.promotion
                placement = place(client, prepared, request.specification or (promotion and promotion.runtime))
            except SpecificationError as error:
                findings += as_findings(error, request.specification or prepared.profile.model_type)
            except WMLDeployerError as error:
                findings += as_findings(error, "model" if isinstance(error, ModelError) else service_subject(error))
            else:
                prepared, specification, found = placement.prepared, placement.specification, placement.findings
                findings += life_findings(placement.base)
                if request.isolated:
                    _collect(findings, "isolation", lambda: _prove(placement))
        findings += found
        findings += schema_findings(
            prepared.profile.schema, sampled=request.sample is not None or prepared.sample is not None
        )
        findings += size_findings(prepared.package.size)
        return _Seen(prepared.profile.model_type, specification, prepared.route, prepared.why)


@contextmanager
def _prepared(request: StoreRequest, metadata: Metadata) -> Iterator[PreparedModel]:
    """Prepare a model of the caller's, or a version of another space."""
    if request.source is not None:
        refuse_foreign(request.source, metadata.project_name)
    with prepare_model(request, metadata) if request.source is None else fetch(request.source) as prepared:
        yield prepared


def _prove(placement: Placement) -> None:
    """Prove a model in a clean virtual environment."""
    from wml_deployer._environment.isolated import prove_in_isolation  # noqa: PLC0415 - only who asks for it needs it

    prepared = placement.prepared
    prove_in_isolation(
        prepared.package.path,
        prepared.sample,
        placement.specification,
        prepared.environment,
        prepared.profile.libraries,
        is_function=prepared.route == "function",
    )


def _look_at_stored(findings: list[Finding], client: Client | None, metadata: Metadata, request: StoreRequest) -> _Seen:
    version = _collect(findings, "model", lambda: find_version(metadata, str(request.stored), "check"))
    if version is None or client is None:
        return _Seen()
    offered = _collect(findings, None, client.specifications) or ()
    specification = next((each for each in offered if each.name == version.software_specification), None)
    if specification is not None:
        findings += life_findings(specification)
    return _Seen(version.model_type, specification, version.route)


def _collect(findings: list[Finding], subject: str | None, call: Callable[[], T]) -> T | None:
    """Return what a step gives; where it fails, that is a finding."""
    try:
        return call()
    except WMLDeployerError as error:
        findings += as_findings(error, subject or service_subject(error))
        return None
