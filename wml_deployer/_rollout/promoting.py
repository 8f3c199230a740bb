"""Take a stored version of another deployment space: the same bytes, on the same software, under the same name.

A version is frozen where it was stored, so a promotion needs nobody's model file: the content is downloaded there and
prepared as a model of the caller's would be, with the schema, the classes, the libraries and the sample that are
recorded of it. From then on it is stored, deployed and verified like any other; where it came from is written down with
it. For example, ``production.release(staging.version("v0.2"))`` reads::

    staging      revision 2 of model 9d0e...   content, checksum, own packages of its software specification
    metadata     v0.2                          schema, classes, libraries, parameters, metrics
    .wml/samples sha256:9a3f...                requests, and what the model answered where it was fitted
"""

from __future__ import annotations

import platform
import re
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from wml_deployer._environment import Environment, base_name
from wml_deployer._environment.code import unpack_code
from wml_deployer._rollout.assets import find
from wml_deployer._rollout.orphans import CUSTOM_KEY, archive_digest, checksum_of
from wml_deployer._rollout.preparing import PreparedModel
from wml_deployer._rollout.sources import Promotion
from wml_deployer.errors import ConflictError, VersionError
from wml_deployer.frameworks import ModelProfile
from wml_deployer.metadata import Origin
from wml_deployer.packaging import Package
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer._clients.protocol import Client
    from wml_deployer._environment.code import Code
    from wml_deployer._rollout.sources import VersionSource
    from wml_deployer.metadata import MetadataFile, Version

__all__ = ["fetch", "is_elsewhere", "refuse_foreign"]

_PYTHON = re.compile(r"-py(\d+\.\d+)")


def is_elsewhere(source: VersionSource, client: Client, file: MetadataFile) -> bool:
    """Say whether a stored version is in another space than this one.

    Args:
        source: The version, and where it is stored.
        client: This deployment space.
        file: The files of the project here.

    """
    # A service has several addresses, such as the public and the private one of a region; ids are unique everywhere.
    return source.file is not file and source.connect().scope.id != client.scope.id


def refuse_foreign(source: VersionSource, project: str) -> None:
    """Refuse a version of another project: its callers send other rows.

    Raises:
        VersionError: It is one.

    """
    theirs = source.file.read().project_name
    if theirs != project:
        raise VersionError(
            f"Version {source.version.name} is one of the project {theirs}, and this is {project}.",
            operation="store",
            next_step="Open both spaces with the metadata.yaml of one project.",
        )


@contextmanager
def fetch(source: VersionSource) -> Iterator[PreparedModel]:
    """Download a stored version from its space, and prepare it for another one; it is removed here afterwards.

    Raises:
        VersionError: It is no longer stored there.
        ConflictError: A rollout of it is not over there, or its revision does not hold what was recorded.

    """
    version, client = source.version, source.connect()
    _refuse_unfinished(source)
    _refuse_carried(client, version)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="wml_deployer-")))
        package = _downloaded(client, version, folder)
        code = _code_of(client, version, folder) if version.code else None
        space = source.file.space
        origin = Origin(
            service=space.service if space else client.url,
            space=client.scope.id,
            name=client.scope.name,
            model_id=version.model_id,
            revision=version.revision,
        )
        yield PreparedModel(
            ModelProfile(version.model_type, _libraries(version), version.schema, version.parameters),
            package,
            source.samples.find(version),
            route=version.route,
            why=f"as in {origin.place}",
            environment=Environment(version.requirements, code),
            promotion=Promotion(origin, version.name, base_name(version.software_specification), version.metrics),
        )


def _refuse_unfinished(source: VersionSource) -> None:
    pending = source.file.read().pending
    if pending is not None and pending.serves(source.version):
        raise ConflictError(
            f"The {pending.action} of version {source.version.name} in {_place(source)} is not over: nobody knows yet "
            "whether it answers as it should.",
            operation="store",
            next_step="Wait for it; or finish it by calling there again what was interrupted.",
        )


def _refuse_carried(client: Client, version: Version) -> None:
    """Refuse a function whose model is so large that it is in a separate package."""
    specification = version.software_specification
    if specification != base_name(specification) and client.extension_called(f"{specification}-model") is not None:
        raise VersionError(
            f"Version {version.name} carries its model in a package of its own, which is not taken to another space.",
            operation="store",
            next_step="Release the model itself.",
        )


def _downloaded(client: Client, version: Version, folder: Path) -> Package:
    """Download the content of a version, and compare it with what was recorded when it was stored."""
    is_function = version.route == "function"
    path = folder / ("function.py.gz" if is_function else "model.tar.gz")

    def save(chunks: Iterator[bytes]) -> bool:
        with path.open("wb") as file, stage("downloading", unit="bytes") as progress:
            for chunk in chunks:
                file.write(chunk)
                progress.advance(len(chunk))
        return True

    asset = version.model_id, version.revision
    facts = find(lambda: client.model(*asset).custom.get(CUSTOM_KEY, {}))
    if facts is None or find(lambda: client.read_model(*asset, save)) is None:
        raise VersionError(
            f"Version {version.name} is no longer stored in {client.scope.name or client.scope}: its model "
            f"{version.model_id} was pruned or deleted there.",
            operation="store",
            next_step="Release the model itself, or another version.",
        )
    with path.open("rb") as file:
        checksum = checksum_of(iter(lambda: file.read(1 << 20), b""))
    recorded = facts.get("checksum") if facts.get("digest") == version.digest else None
    same = checksum == recorded if recorded else archive_digest(client, *asset) == version.digest
    if not same:
        raise ConflictError(
            f"Revision {version.revision} of model {version.model_id} in {client.scope.name or client.scope} does not "
            f"hold what was stored as version {version.name}: its content has another digest.",
            operation="store",
            next_step="Release the model itself; nothing was uploaded.",
        )
    scan = None
    if is_function:
        from wml_deployer._functions.content import scan_function  # noqa: PLC0415 - deferred: pandas is slow to import

        scan = scan_function(path)
    return Package(path, version.digest, checksum, path.stat().st_size, _scan=scan)


def _code_of(client: Client, version: Version, folder: Path) -> Code:
    """Download the own packages that a version's software specification installs."""
    path = folder / "code.zip"
    extension_id = client.extension_called(f"{version.software_specification}-code")
    if extension_id is not None:
        client.read_extension(extension_id, path)
        code = unpack_code(path.read_bytes())
        if code.digest == version.code:
            return code
    raise ConflictError(
        f"The own packages of version {version.name} are not in {client.scope.name or client.scope} as they were "
        f"stored: its software specification {version.software_specification} was changed or removed.",
        operation="store",
        next_step="Release the model itself, and its packages with it.",
    )


def _libraries(version: Version) -> dict[str, str]:
    """Return the libraries of the fit; of a version that a script deployed, at least the Python of its runtime."""
    named = _PYTHON.search(version.software_specification)
    return {"python": named[1] if named else platform.python_version(), **version.libraries}


def _place(source: VersionSource) -> str:
    return source.file.space_name or str(source.connect().scope)
