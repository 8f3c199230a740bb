"""Views of what lives on the service: a project, its deployment, a stored model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer._display.calls import curl_call, python_call
from wml_deployer._display.parts import Badge, Card, Code, Note, Table, Tone
from wml_deployer._display.view import View
from wml_deployer._display.words import moment

if TYPE_CHECKING:
    from wml_deployer.metadata import Metadata, Version
    from wml_deployer.schema import Schema

__all__ = ["deployer_view", "deployment_view", "model_view"]

_TONES: dict[str, Tone] = {"ready": "good", "failed": "bad", "initializing": "warning", "updating": "warning"}


def deployer_view(metadata: Metadata, where: str, live: str | None) -> View:
    """Show a project as its files tell it; the service is not asked.

    Args:
        metadata: The project.
        where: Where it is deployed.
        live: Name of the version that the log says is live, if any.

    """
    deployed = metadata.deployment_uid is not None
    facts = (
        ("Service", where),
        ("Deployment", metadata.deployment_uid or "none yet: deploy(model)"),
        ("Live version", (live if deployed else None) or "none"),
    )
    rows = tuple(_version_row(version, live if deployed else None) for version in reversed(metadata.versions))
    columns = ("Version", "State", "Revision", "Model type", "Specification", "Stored (UTC)")
    return View(
        Card(
            "Deployer",
            f"{metadata.project_name} {metadata.project_version}",
            Badge("deployed", "good") if deployed else Badge("not deployed"),
            facts,
            (Table("Stored versions, newest first", columns, rows) if rows else Note("No version is stored yet."),),
        )
    )


def deployment_view(
    facts: dict[str, str | None], url: str, state: str, raw: dict[str, Any], schema: Schema | None
) -> View:
    """Show a deployment as it was last looked at.

    Args:
        facts: ``name``, ``id``, ``version``, ``model_id`` and ``revision``.
        url: Where predictions are asked for.
        state: Its state.
        raw: The service's document.
        schema: Fields and classes of the version that serves, where known.

    """
    copies = raw.get("entity", {}).get("hardware_spec", {}).get("num_nodes") or 1
    revision = f" (revision {facts['revision']})" if facts["revision"] else ""
    shown = (
        ("Id", facts["id"] or ""),
        ("URL", url),
        ("Version", facts["version"] or "not of this project"),
        ("Model", f"{facts['model_id']}{revision}"),
        ("Copies", str(copies)),
        *_schema_facts(schema),
    )
    calls = (Code("Call it with curl", curl_call(url, schema)), Code("Call it with Python", python_call(url, schema)))
    return View(Card("Deployment", facts["name"] or "", Badge(state, _TONES.get(state, "neutral")), shown, calls))


def model_view(facts: tuple[tuple[str, str], ...], version: str, schema: Schema | None) -> View:
    """Show a stored model.

    Args:
        facts: Label and value.
        version: Its name in the project.
        schema: Its fields and classes, where known.

    """
    fields = tuple((field.name, field.dtype) for field in schema.fields) if schema else ()
    parts = (Table("Input fields, in this order", ("Field", "dtype"), fields),) if fields else ()
    return View(Card("StoredModel", version, None, (*facts, *_schema_facts(schema)[1:]), parts))


def _version_row(version: Version, live: str | None) -> tuple[str | Badge, ...]:
    state = Badge("live", "good") if version.name == live else ""
    kind, specification = version.model_type, version.software_specification
    return version.name, state, version.revision, kind, specification, moment(version.stored_at)


def _schema_facts(schema: Schema | None) -> tuple[tuple[str, str], ...]:
    if schema is None:
        return ()
    fields = ("Input", f"{len(schema.fields)} fields" if schema.fields else "fields without names")
    return (fields, ("Classes", ", ".join(map(str, schema.classes)))) if schema.classes else (fields,)
