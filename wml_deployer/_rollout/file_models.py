"""Prepare models that are stored as the files that they are: ONNX, PMML, TensorFlow's."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from wml_deployer._functions import modules_by_value
from wml_deployer._verification.sample import Rehearsal
from wml_deployer._verification.sample_file import SampleFile
from wml_deployer.errors import ModelError, UnsupportedModelError
from wml_deployer.frameworks import ModelProfile
from wml_deployer.frameworks._inspection import roots
from wml_deployer.frameworks._pytorch import ask_module, export_module
from wml_deployer.packaging import Package, pack_files
from wml_deployer.packaging._digest import digest
from wml_deployer.schema import Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wml_deployer.frameworks._file_model import FileModel
    from wml_deployer.metadata import Metadata
    from wml_deployer.reports import Finding

__all__ = ["PreparedFile", "prepare_file", "prepare_module"]


class PreparedFile(NamedTuple):
    """A file that is ready to be stored.

    Attributes:
        profile: What is known of the model in it.
        package: What is uploaded.
        rehearsal: What was found with the sample.
        findings: What no runtime takes, and what the rehearsal found.
        other_types: Further model types under which a runtime may serve it, best first.

    """

    profile: ModelProfile
    package: Package
    rehearsal: Rehearsal
    findings: tuple[Finding, ...]
    other_types: tuple[str, ...]


@contextmanager
def prepare_file(
    model: FileModel, metadata: Metadata, rows: Any, original: Sequence[Any] | None = None
) -> Iterator[PreparedFile]:
    """Pack a model in its framework's own format, and rehearse it where it can be run here.

    Args:
        model: The model.
        metadata: The project.
        rows: A sample, or ``None``.
        original: What the model answers to the sample that it was exported from, an array for each output.

    Raises:
        ModelError: metadata.yaml names a type of another framework, or the sample does not fit.

    """
    types, findings = model.types, model.findings
    if metadata.model_type is not None:
        if metadata.model_type.rpartition("_")[0] not in model.frameworks:
            raise ModelError(
                f"metadata.yaml says model_type: {metadata.model_type}, but {model.source} is {types[0]}.",
                operation="store",
                next_step=f"Set model_type: {types[0]}, or remove the key.",
            )
        # A type that is named is the caller's word for what the service takes.
        types, findings = (metadata.model_type,), findings if metadata.model_type in types else ()
    if isinstance(rows, SampleFile):
        rows = rows.fitting(model.schema.fields)
    profile = ModelProfile(types[0], dict(model.libraries), model.schema)
    rehearsal = Rehearsal()
    if rows is not None and not any(finding.severity == "error" for finding in findings):
        from wml_deployer._verification.graphs import rehearse_file  # noqa: PLC0415 - deferred: pandas is slow to import

        if not model.schema.fields and "pandas" in roots(rows) and hasattr(rows, "columns"):
            # The names of a frame put the columns of a tensor in order.
            fields = tuple(Field(str(name), str(dtype)) for name, dtype in rows.dtypes.items())
            profile = replace(profile, schema=replace(model.schema, fields=fields, named=False))
        rehearsal = rehearse_file(replace(model, schema=profile.schema), rows, original)
    with pack_files(model.files, archived=model.is_archived) as package:
        yield PreparedFile(profile, package, rehearsal, (*findings, *rehearsal.findings), types[1:])


@contextmanager
def prepare_module(module: Any, metadata: Metadata, rows: Any) -> Iterator[PreparedFile]:
    """Export a PyTorch module to ONNX, and rehearse the graph against the module.

    Args:
        module: The module, out of training.
        metadata: The project.
        rows: A sample, or ``None``.

    Raises:
        UnsupportedModelError: It cannot be exported, or not be rehearsed here.
        ModelError: The sample does not fit.

    """
    if rows is None or find_spec("onnxruntime") is None:
        lacking = "without a sample" if rows is None else "without onnxruntime"
        raise UnsupportedModelError(
            f"A PyTorch module is exported to ONNX where the graph can be rehearsed, which is not possible {lacking}.",
            next_step="Pass sample=, and install onnxruntime; or leave out route=: it then goes live as a function.",
        )
    from wml_deployer._verification.rows import as_array  # noqa: PLC0415 - deferred: pandas is slow to import

    array = as_array(rows)
    graph = export_module(module, array)
    original = ask_module(module, array)
    with prepare_file(graph, metadata, rows, original) as file:
        # What the exporter writes may change; the version is the module.
        identity = f"onnx\n{digest(module, by_value=modules_by_value(module))}"
        yield file._replace(package=replace(file.package, digest=hashlib.sha256(identity.encode()).hexdigest()))
