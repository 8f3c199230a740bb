"""Prepare a model for upload, on one of the ways to go live.

Natively a model is stored under one of the service's model types, and a runtime rebuilds its rows from JSON as well as
it can. As a function it carries a loader that rebuilds them as they were at the fit. A model goes natively where the
rehearsal finds no difference, and as a function otherwise:

    a model type? --yes--> the rehearsal agrees? --yes--> a runtime with its libraries? --yes--> native
         |no                        |no                                |no
         +--------------------------+----------------------------------+-----------------------> function

Only the last question is for the service (:mod:`~wml_deployer._rollout.placing`), so that a model that cannot be stored
fails before a login.
"""

from __future__ import annotations

import os
import platform
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from math import isfinite
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer._environment import Environment
from wml_deployer._environment.code import pack_code
from wml_deployer._environment.requirements import read_requirements
from wml_deployer._functions import is_score_function, modules_by_value, score_of
from wml_deployer._preflight.findings import input_findings
from wml_deployer._rollout.file_models import prepare_file, prepare_module
from wml_deployer._rollout.names import check_name
from wml_deployer._verification import user_code
from wml_deployer._verification.sample import Rehearsal
from wml_deployer._verification.sample_file import SampleFile
from wml_deployer.errors import ModelError, UnsupportedModelError
from wml_deployer.frameworks import ModelProfile, file_model, major_minor, recognise, unserved
from wml_deployer.frameworks import profile as profile_of
from wml_deployer.frameworks._inspection import roots
from wml_deployer.frameworks._mlflow import fetched, is_logged
from wml_deployer.frameworks._pytorch import is_module
from wml_deployer.frameworks._schema import names_as_given
from wml_deployer.frameworks._tensorflow import is_keras_file, load_keras
from wml_deployer.packaging import Package, pack
from wml_deployer.packaging._digest import digest
from wml_deployer.packaging._pickles import load_estimator, scan_pickles
from wml_deployer.schema import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wml_deployer._environment.code import Code
    from wml_deployer._rollout.file_models import PreparedFile
    from wml_deployer._rollout.sources import Promotion, VersionSource
    from wml_deployer._verification.rows import SampleRows
    from wml_deployer._verification.sample import Sample
    from wml_deployer.frameworks._mlflow import LoggedModel
    from wml_deployer.metadata import Metadata, Route
    from wml_deployer.reports import Finding

__all__ = ["PreparedModel", "StoreRequest", "imported_modules", "prepare_model"]


@dataclass(frozen=True)
class StoreRequest:
    """A model and how to store it, or the name of a stored version; see :meth:`wml_deployer.Deployer.store`."""

    model: Any
    stored: str | None = None
    source: VersionSource | None = None
    sample: Any = None
    version: str | None = None
    specification: str | None = None
    unpickle: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)
    route: Route | None = None
    requirements: Sequence[str] | str | os.PathLike[str] | None = None
    code: Sequence[str | os.PathLike[str]] | None = None
    isolated: bool = False

    def __post_init__(self) -> None:
        """Refuse a name or metrics that cannot be written, before anything is sent."""
        if self.version is not None:
            check_name(self.version)
        given: Mapping[str, Any] = self.metrics
        wrong = [name for name, value in given.items() if not isinstance(value, Real) or not isfinite(value)]
        if wrong:
            raise ModelError(
                f"Metrics must be finite numbers. Correct these: {', '.join(map(repr, wrong))}.",
                next_step="Give numbers by name, such as metrics={'f1': 0.93}.",
            )


@dataclass(frozen=True)
class PreparedModel:
    """A model that is ready to be stored.

    Attributes:
        profile: What is known of it.
        package: What is uploaded.
        sample: What to verify a deployment with, if there is a sample that the model can answer.
        findings: What would go wrong with its input or was found by its rehearsal.
        cause: What the model's own code raised, if it did.
        route: The way on which it goes live.
        why: Why on this one, where another one was possible.
        as_function: Makes a function of it, where it may become one, and takes the reason.
        environment: What is installed over the runtime.
        other_types: Further model types under which a runtime may serve it, best first.
        promotion: Where it comes from, if that is another space.

    """

    profile: ModelProfile
    package: Package
    sample: Sample | None = None
    findings: tuple[Finding, ...] = ()
    cause: BaseException | None = None
    route: Route = "native"
    why: str = ""
    as_function: Callable[[str], PreparedModel] | None = None
    environment: Environment = field(default_factory=Environment)
    other_types: tuple[str, ...] = ()
    promotion: Promotion | None = None

    @property
    def obstacle(self) -> str | None:
        """What keeps it from being stored on this way, in one line."""
        errors = [finding for finding in self.findings if finding.severity == "error"]
        return f"{errors[0].subject}: {errors[0].problem}" if errors else None


@contextmanager
def prepare_model(request: StoreRequest, metadata: Metadata) -> Iterator[PreparedModel]:
    """Find out what a model is and pack it, before anything is sent.

    Args:
        request: The model, and how to store it.
        metadata: The project: it names the type of a model that is only a path.

    Raises:
        ModelError: It cannot be stored.

    """
    if is_logged(request.model):
        with fetched(request.model) as logged, prepare_model(*_of_mlflow(logged, request, metadata)) as prepared:
            yield _signed(prepared, logged) if request.sample is None else prepared
        return
    packed = pack_code(request.code) if request.code else None

    def equipped(prepared: PreparedModel) -> PreparedModel:
        package = prepared.package
        requirements = read_requirements(request.requirements, imported_modules(package, packed))
        environment = Environment(requirements, packed, package.carrier)
        make = prepared.as_function
        function = None if make is None else lambda why: equipped(make(why))
        if environment and prepared.route == "native":
            prepared = replace(prepared, route="derived", why="further packages are installed over the runtime")
        return replace(prepared, environment=environment, as_function=function)

    with ExitStack() as stack:
        yield equipped(_prepare(stack, request, metadata))


def _prepare(stack: ExitStack, request: StoreRequest, metadata: Metadata) -> PreparedModel:
    model, rows, route = request.model, request.sample, request.route
    if is_score_function(model):
        return stack.enter_context(_own_function(model, metadata, rows))
    if isinstance(model, str | os.PathLike):
        _refuse_missing(Path(model))
    as_function = route == "function"
    found = file_model(model)
    if found is not None and not (as_function and is_keras_file(model)):
        if as_function:
            raise _not_a_function(found.source, next_step="Leave out route=: the service runs it as it is.")
        return _as_it_is(stack.enter_context(prepare_file(found, metadata, rows)))
    if is_keras_file(model):
        model = load_keras(Path(model))
    if is_module(model) and not as_function:
        return _module(stack, model, request, metadata)
    if not isinstance(model, str | os.PathLike):
        return _Ways(stack, model, metadata, rows, versions={}, path=None).choose(route)
    if not request.unpickle:
        if as_function:
            raise _not_a_function(os.fspath(model), next_step="Pass unpickle=True, or the fitted estimator.")
        return PreparedModel(_profile_of_path(model, metadata, rows), stack.enter_context(pack(model)))
    versions = _saved_with(model)
    estimator = load_estimator(model, versions)
    return _Ways(stack, estimator, metadata, rows, versions=versions, path=model).choose(route)


def _not_a_function(path: str, *, next_step: str) -> ModelError:
    return ModelError(
        f"{path} is not loaded, and a function carries the model itself.", operation="store", next_step=next_step
    )


def _as_it_is(file: PreparedFile, why: str = "", make: Callable[[str], PreparedModel] | None = None) -> PreparedModel:
    tested = (file.rehearsal.sample, file.findings, file.rehearsal.cause)
    prepared = PreparedModel(file.profile, file.package, *tested, why=why, as_function=make)
    return replace(prepared, other_types=file.other_types)


def _module(stack: ExitStack, module: Any, request: StoreRequest, metadata: Metadata) -> PreparedModel:
    """Prepare a PyTorch module: as an ONNX graph where it can be exported and answers alike, else as a function."""
    recognise(module)  # refuses one in training

    def as_function(why: str) -> PreparedModel:
        return _Ways(stack, module, metadata, request.sample, versions={}, path=None).function(why)

    try:
        file = stack.enter_context(prepare_module(module, metadata, request.sample))
    except UnsupportedModelError as error:
        if request.route == "native":
            raise
        return as_function(error.message)
    why = "exported to ONNX, which runs without PyTorch, in single precision; route='function' takes the module itself"
    prepared = _as_it_is(file, why, as_function)
    return prepared if prepared.obstacle is None or request.route == "native" else as_function(prepared.obstacle)


def _of_mlflow(logged: LoggedModel, request: StoreRequest, metadata: Metadata) -> tuple[StoreRequest, Metadata]:
    """Make the request to store a model of MLflow that for the model itself, or for its pickle."""
    model = logged.opened(unpickle=request.unpickle, is_untested=request.sample is None and request.route != "function")
    if not request.unpickle and metadata.model_type is None:
        metadata = metadata.model_copy(update={"model_type": logged.model_type})
    requirements = logged.requirements if request.requirements is None else request.requirements
    return replace(request, model=model, requirements=requirements), metadata


def _signed(prepared: PreparedModel, logged: LoggedModel) -> PreparedModel:
    """Add what a signature says of the model's columns, also to the function that may be made of it."""
    make = prepared.as_function
    function = None if make is None else lambda why: _signed(make(why), logged)
    return replace(prepared, profile=logged.signed(prepared.profile), as_function=function)


def imported_modules(package: Package, code: Code | None) -> set[str]:
    """Return the top-level modules that loading a model imports, but for the caller's own."""
    own = code.modules if code else ()
    return {module.partition(".")[0] for module, _ in package.scan().globals}.difference(own)


class _Ways:
    """The ways of one model to go live.

    Args:
        stack: Removes what is packed.
        estimator: The model.
        metadata: The project.
        rows: n rows × k fields, or ``None``.
        versions: Versions of the libraries that saved it, where it came as a path.
        path: Where it came from, if from a path.

    """

    def __init__(
        self,
        stack: ExitStack,
        estimator: Any,
        metadata: Metadata,
        rows: Any,
        *,
        versions: Mapping[str, str],
        path: str | os.PathLike[str] | None,
    ) -> None:
        self._estimator, self._versions, self._path, self._stack = estimator, versions, path, stack
        with user_code(
            "Describing the model", "See that get_params() and classes_ of the model work, and store it again."
        ):
            self._profile = profile_of(estimator)
            self._unserved = unserved(estimator)
            self._input_findings = tuple(input_findings(estimator))
        named = self._profile.saved_with(versions).model_type
        if metadata.model_type not in {None, named}:
            raise ModelError(
                f"metadata.yaml says model_type: {metadata.model_type}, but the model is {named}.",
                operation="store",
                next_step=f"Set model_type: {named}, or remove the key, or fit with the version it names.",
            )
        if "pandas" in roots(rows) and hasattr(rows, "columns") and self._profile.schema.fields:
            fields = self._profile.schema.fields
            given = names_as_given(estimator, [each.name for each in fields], [str(each) for each in rows.columns])
            renamed = tuple(replace(each, name=name) for each, name in zip(fields, given, strict=True))
            self._profile = replace(self._profile, schema=replace(self._profile.schema, fields=renamed))
        self._rows: SampleRows | None = None if rows is None else self._read(rows)
        if self._rows is not None:
            self._profile = profile_of(estimator, self._rows.frame if self._rows.named else None)

    def choose(self, route: Route | None) -> PreparedModel:
        """Take the native way unless something stands in it, or another one is asked for."""
        if route == "native" and self._unserved is not None:
            raise UnsupportedModelError(
                f"The model cannot be stored natively: {self._unserved}.",
                next_step="Leave out route=: it then goes live as a function.",
            )
        if route == "native":
            return self._native()
        if route == "function" or self._unserved is not None:
            return self.function(self._unserved or "it was asked for")
        try:
            native = self._native()
        except ModelError as error:
            return self.function(error.message, instead_of=error)
        if native.obstacle is None:
            return replace(native, as_function=self.function if self._is_of_this_process else None)
        return self._function_instead(native) if self._is_of_this_process else native

    def _function_instead(self, native: PreparedModel) -> PreparedModel:
        """Make a function of a model that would answer otherwise natively, if that helps."""
        try:
            function = self.function(native.obstacle or "")
        except ModelError:
            return native
        return native if function.obstacle else function

    @property
    def _is_of_this_process(self) -> bool:
        """Whether the model was saved with the libraries that are here, if it was saved at all."""
        return self._versions.items() <= self._profile.libraries.items()

    def _native(self) -> PreparedModel:
        findings = self._input_findings
        profile = self._profile.saved_with(self._versions)
        rehearsal = Rehearsal(None, findings)
        if self._rows is not None and not findings:
            from wml_deployer._verification.rehearsal import rehearse  # noqa: PLC0415 - deferred: pandas is slow to import

            rehearsal = rehearse(self._estimator, self._rows, profile.schema)
        package = self._stack.enter_context(pack(self._estimator if self._path is None else self._path))
        if self._path is not None and self._is_of_this_process:
            # Saved with the libraries of this process, it is the version that the estimator itself would be.
            package = replace(package, digest=digest(self._estimator))
        return PreparedModel(profile, package, rehearsal.sample, rehearsal.findings, rehearsal.cause)

    def function(self, why: str, instead_of: ModelError | None = None) -> PreparedModel:
        """Make a function of the model, and rehearse with the very module that is stored."""
        # Deferred: pandas is slow to import.
        from wml_deployer._functions.content import pack_function  # noqa: PLC0415
        from wml_deployer._functions.description import describe, form_of  # noqa: PLC0415
        from wml_deployer._verification.rehearsal import rehearse  # noqa: PLC0415
        from wml_deployer._verification.runtimes import FunctionRuntime  # noqa: PLC0415

        rows, profile = self._rows, self._profile
        named = rows is None or rows.named
        try:
            description = describe(self._estimator, None if rows is None else rows.frame, profile.schema, named=named)
            identity = digest(self._estimator, by_value=modules_by_value(self._estimator))
            package = self._stack.enter_context(pack_function(self._estimator, description, identity))
        except ModelError as error:
            if instead_of is None or instead_of is error:
                raise
            raise instead_of from instead_of.__cause__
        if package.carrier is not None:
            size = package.size / 1024**2
            why = f"{why}; its {size:,.0f} MiB travel in a package, which is installed where the version first runs"
        runtime = FunctionRuntime(package)
        form = form_of(self._estimator, named=named)
        schema = replace(profile.schema, named=form == "frame")
        if form == "series" and not schema.fields:
            schema = replace(schema, fields=(Field("text", "object"),))
        profile = replace(profile, schema=schema)
        # A function makes a series of texts, which no runtime does.
        findings = () if form == "series" else self._input_findings
        rehearsal = Rehearsal(None, findings)
        if rows is not None and not findings:
            rehearsal = rehearse(self._estimator, rows, schema, runtime)
        return PreparedModel(profile, package, rehearsal.sample, rehearsal.findings, rehearsal.cause, "function", why)

    def _read(self, rows: Any) -> SampleRows:
        from wml_deployer._functions.description import form_of  # noqa: PLC0415 - deferred: pandas is slow to import
        from wml_deployer._verification.rows import read_rows  # noqa: PLC0415

        if isinstance(rows, SampleFile):
            rows = rows.typed(self._estimator)
        return read_rows(rows, self._profile.schema, texts=form_of(self._estimator) == "series")


@contextmanager
def _own_function(function: Callable[..., Any], metadata: Metadata, rows: Any) -> Iterator[PreparedModel]:
    """Pack a function that takes a payload, and rehearse it with the very module that is stored."""
    # Deferred: pandas is slow to import.
    from wml_deployer._functions.content import pack_score_function  # noqa: PLC0415
    from wml_deployer._verification.rows import rehearse_payloads  # noqa: PLC0415
    from wml_deployer._verification.runtimes import FunctionRuntime  # noqa: PLC0415

    if metadata.model_type is not None:
        raise ModelError(
            f"metadata.yaml says model_type: {metadata.model_type}, but {function.__name__} is a function.",
            operation="store",
            next_step="Remove the key.",
        )
    libraries = {"python": platform.python_version()}
    profile = ModelProfile(f"python_{major_minor(libraries['python'])}", libraries, Schema())
    with user_code("Calling the function without arguments", "Let it return the function that takes a payload."):
        score = score_of(function)
    with pack_score_function(function, digest(function, by_value=modules_by_value(function))) as package:
        runtime = FunctionRuntime(package)
        rehearsal = Rehearsal() if rows is None else rehearse_payloads(score, rows, runtime)
        found = (rehearsal.sample, rehearsal.findings, rehearsal.cause)
        yield PreparedModel(profile, package, *found, "function", "it takes a payload")


def _saved_with(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read which versions of which libraries saved a model, where its pickles say so."""
    found = scan_pickles(path).versions
    for library, versions in found.items():
        if len(versions) > 1:
            raise ModelError(
                f"{os.fspath(path)} was saved by several versions of {library}: {', '.join(sorted(versions))}.",
                operation="store",
                next_step=f"Save the whole model with one version of {library}.",
            )
    return {library: version for library, (version,) in found.items()}


def _refuse_missing(path: Path) -> None:
    if path.exists():
        return
    there = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, there, n=1)
    raise ModelError(
        f"There is no file or folder {path}.",
        operation="store",
        next_step=f"Did you mean {path.with_name(near[0])}?" if near else "Save the model first, or correct the path.",
    )


def _profile_of_path(path: str | os.PathLike[str], metadata: Metadata, rows: Any) -> ModelProfile:
    if metadata.model_type is not None and rows is None:
        versions = _saved_with(path)
        profile = ModelProfile(metadata.model_type, versions, Schema(()))
        saved = profile.saved_with(versions)
        if saved == profile:
            return profile
        raise ModelError(
            f"metadata.yaml says model_type: {metadata.model_type}, but {os.fspath(path)} was saved by "
            f"{' and '.join(map(' '.join, versions.items()))}.",
            operation="store",
            next_step=f"Set model_type: {saved.model_type}, or save the model with the version that the file names.",
        )
    unknown = "what it should answer to the sample" if metadata.model_type else "its framework"
    raise ModelError(
        f"{os.fspath(path)} is a path, and a path is not unpickled unasked: {unknown} is not known.",
        operation="store",
        next_step=(
            "Pass unpickle=True; or set model_type in metadata.yaml (such as scikit-learn_1.6), and give no sample."
        ),
    )
