"""Software specifications that this library derives: made once for each content, shared, removed when unused.

The name of a derived specification contains the digest of what it adds to its base, so two versions with the same
needs find the same one, from any machine. Its package extensions are made first: a specification that exists is whole.
"""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from wml_deployer._environment import derived_name, is_derived_name
from wml_deployer._rollout.orphans import project_of
from wml_deployer._transport.deadline import cleanup_deadline
from wml_deployer._transport.idempotency import RETRYABLE, add_note
from wml_deployer.errors import ConflictError, NotFoundError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._environment import Environment
    from wml_deployer.specifications import Specification

__all__ = ["derived", "remove_unused"]

_log = logging.getLogger(__name__)

_EXTENSIONS = ("requirements", "code", "model")
"""How the names of package extensions end: what pip installs from an index, the own code, a large model."""


@contextmanager
def derived(
    client: Client, base: Specification, environment: Environment, offered: Sequence[Specification]
) -> Iterator[Specification]:
    """Find or make the specification that adds an environment to a base; remove a new one if the block fails.

    Args:
        client: The deployment space.
        base: The runtime.
        environment: What is installed over it; nothing leaves the base as it is.
        offered: The specifications that the service lists.

    Raises:
        ServiceError: The service refused; nothing is left behind.

    """
    found = _named(offered, derived_name(base.name, environment)) if environment else base
    if found is not None:
        yield found
        return
    specification = _derive(client, base, environment)
    try:
        yield specification
    except BaseException as error:
        _remove_new(client, specification, error)
        raise


def _derive(client: Client, base: Specification, environment: Environment) -> Specification:
    name = derived_name(base.name, environment)
    made: list[str] = []
    try:
        with TemporaryDirectory(prefix="wml_deployer-") as folder:
            for kind, path in _files(environment, Path(folder)):
                made.append(_uploaded(client, f"{name}-{path.stem}", kind, path))
        return client.derive_specification(name, base, made)
    except BaseException as error:
        # The answer may have been lost, and another machine may have been faster: what exists by now is as good.
        found = _found_after(client, name, error)
        if found is not None:
            return found
        _remove_extensions(client, [f"{name}-{stem}" for stem in _EXTENSIONS], error)
        raise


def remove_unused(client: Client, name: str | None = None) -> tuple[str, ...]:
    """Remove the derived specifications that no model of the space runs on any more, with their extensions.

    Args:
        client: The deployment space.
        name: Of which specification; all of them if not given.

    Returns:
        Their names.

    """
    listed = [one for one in client.specifications() if is_derived_name(one.name) and name in {None, one.name}]
    used = _used(client) if listed else set()
    return tuple(one.name for one in listed if one.id not in used and remove(client, one))


def remove(client: Client, specification: Specification) -> bool:
    """Remove a derived specification and its extensions; say whether it is gone."""
    extensions = [f"{specification.name}-{stem}" for stem in _EXTENSIONS]
    try:
        client.delete_specification(specification.id)
        for name in extensions:
            extension_id = client.extension_called(name)
            if extension_id is not None:
                client.delete_extension(extension_id)
    except (NotFoundError, ConflictError) as error:
        _log.warning("the software specification %s stays: %s", specification.name, error.message)
        return False
    return True


def _remove_new(client: Client, specification: Specification, error: BaseException) -> None:
    """Remove a specification that was made for a model that was not stored, unless another one runs on it by now."""
    try:
        with cleanup_deadline():
            if specification.id not in _used(client):
                remove(client, specification)
    except WMLDeployerError:
        add_note(error, f"The software specification {specification.name} may be left in {client.scope}.")


def _used(client: Client) -> set[str]:
    """Return the ids of the specifications that models run on, or their revisions, which may be served again."""
    used = set()
    for model in client.models():
        # Nobody else freezes revisions on what this library derives.
        listed = client.revisions(model.id) if project_of(model) else ()
        revisions = [client.model(model.id, item.revision) for item in listed]
        for document in (model.raw, *(revision.raw for revision in revisions)):
            used.add(str(document.get("entity", {}).get("software_spec", {}).get("id")))
    return used


def _files(environment: Environment, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the package extensions: what pip installs from an index first, then the own code, which may need it."""
    if environment.requirements:
        requirements = folder / "requirements.yml"
        # JSON is YAML. The channels are those of IBM's own examples for environments that pip alone fills.
        document = {"channels": ["empty", "nodefaults"], "dependencies": [{"pip": list(environment.requirements)}]}
        requirements.write_text(json.dumps(document, indent=1))
        yield "conda_yml", requirements
    if environment.code:
        code = folder / "code.zip"
        code.write_bytes(environment.code.archive)
        yield "pip_zip", code
    if environment.model:
        yield "pip_zip", environment.model.archive


def _uploaded(client: Client, name: str, kind: str, content: Path) -> str:
    """Upload an extension; what an interrupted call left under its name may be incomplete, and goes."""
    left = client.extension_called(name)
    if left is not None:
        client.delete_extension(left)
    return client.store_extension(name, kind, content)


def _named(specifications: Sequence[Specification], name: str) -> Specification | None:
    return next((one for one in specifications if one.name == name), None)


def _found_after(client: Client, name: str, error: BaseException) -> Specification | None:
    """Look for the specification after a failure that does not tell whether it was made."""
    if not isinstance(error, (*RETRYABLE, ConflictError, NotFoundError)):
        return None
    try:
        with cleanup_deadline():
            return _named(client.specifications(), name)
    except WMLDeployerError:
        return None


def _remove_extensions(client: Client, names: Sequence[str], error: BaseException) -> None:
    try:
        with cleanup_deadline():
            for name in names:
                extension_id = client.extension_called(name)
                if extension_id is not None:
                    client.delete_extension(extension_id)
    except WMLDeployerError:
        add_note(error, f"A package extension {names[0]} may be left in {client.scope}; the next call replaces it.")
