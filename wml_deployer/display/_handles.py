"""Views of what lives on the service: a project, its deployment, a stored model."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wml_deployer._clients.rest import API_VERSION
from wml_deployer.display._card import Badge, Card, Code, Grid, Note, Tone, moment
from wml_deployer.display._view import View

if TYPE_CHECKING:
    import pandas as pd

    from wml_deployer.metadata import Metadata, Version
    from wml_deployer.schema import Schema

__all__ = ["deployer_view", "deployment_view", "model_view", "spaces_view"]

_TONES: dict[str, Tone] = {"ready": "good", "failed": "bad", "initializing": "warning", "updating": "warning"}


def deployer_view(metadata: Metadata, where: str, space: str | None, live: str | None) -> View:
    """Show a project as its files tell it; the service is not asked.

    Args:
        metadata: The project.
        where: Where it is deployed.
        space: Name of the deployment space there, if it is known.
        live: Name of the version that the log says is live, if any.

    """
    deployed = metadata.deployment_uid is not None
    facts = (
        ("Service", where),
        ("Space", space or "not known before it is used"),
        ("Deployment", metadata.deployment_uid or "none yet: deploy(model)"),
        ("Live version", (live if deployed else None) or "none"),
    )
    rows = tuple(_version_row(version, live if deployed else None) for version in reversed(metadata.versions))
    columns = ("Version", "State", "Revision", "Route", "Model type", "Specification", "Stored (UTC)")
    return View(
        Card(
            "Deployer",
            f"{metadata.project_name} {metadata.project_version}",
            Badge("deployed", "good") if deployed else Badge("not deployed"),
            facts,
            (Grid("Stored versions, newest first", columns, rows) if rows else Note("No version is stored yet."),),
        )
    )


def deployment_view(
    facts: dict[str, str | None], options: dict[str, Any], url: str, state: str, schema: Schema | None
) -> View:
    """Show a deployment as it was last looked at.

    Args:
        facts: ``name``, ``id``, ``version``, ``route``, ``model_id``, ``revision`` and ``space``.
        options: How it is served: ``serving_name``, ``description``, ``tags``, ``hardware`` and ``copies``.
        url: Where predictions are asked for.
        state: Its state.
        schema: Fields and classes of the version that serves, where known.

    """
    hardware = f" of hardware {options['hardware']}" if options["hardware"] else ""
    revision = f" (revision {facts['revision']})" if facts["revision"] else ""
    shown = (
        ("Id", facts["id"] or ""),
        ("Space", facts["space"] or ""),
        ("URL", url),
        ("Version", facts["version"] or "not of this project"),
        *((("Route", facts["route"]),) if facts.get("route") else ()),
        ("Model", f"{facts['model_id']}{revision}"),
        ("Copies", f"{options['copies']}{hardware}"),
        *((("Serving name", options["serving_name"]),) if options["serving_name"] else ()),
        *((("Description", options["description"]),) if options["description"] else ()),
        *((("Tags", ", ".join(options["tags"])),) if options["tags"] else ()),
        *_schema_facts(schema),
    )
    calls = (Code("Call it with curl", _curl_call(url, schema)), Code("Call it with Python", _python_call(url, schema)))
    return View(Card("Deployment", facts["name"] or "", Badge(state, _TONES.get(state, "neutral")), shown, calls))


def model_view(facts: tuple[tuple[str, str], ...], version: str, schema: Schema | None) -> View:
    """Show a stored model.

    Args:
        facts: Label and value.
        version: Its name in the project.
        schema: Its fields and classes, where known.

    """
    fields = tuple((field.name, field.dtype) for field in schema.fields) if schema else ()
    parts = (Grid("Input fields, in this order", ("Field", "dtype"), fields),) if fields else ()
    return View(Card("StoredModel", version, None, (*facts, *_schema_facts(schema)[1:]), parts))


def spaces_view(spaces: pd.DataFrame) -> View:
    """Show deployment spaces.

    Args:
        spaces: n spaces, as :func:`wml_deployer.list_spaces` returns them.

    """
    rows = spaces.astype(object).where(spaces.notna(), None).to_dict("records")
    title = "1 space" if len(rows) == 1 else f"{len(rows)} spaces"
    table = Grid("By name", ("Name", "Id", "State", "Runtime", "Your role"), tuple(map(_space_row, rows)))
    return View(Card("Spaces", title, None, (), (table if rows else Note("The key sees none."),)))


def _space_row(space: dict[Any, Any]) -> tuple[str | Badge, ...]:
    state = Badge(str(space["state"]), "good" if space["state"] == "active" else "warning")
    runtime = str(space["runtime"]) if space["runtime"] else Badge("none", "warning")
    return str(space["name"]), str(space["id"]), state, runtime, str(space["role"] or "not known")


def _version_row(version: Version, live: str | None) -> tuple[str | Badge, ...]:
    state = Badge("live", "good") if version.name == live else ""
    kind, specification = version.model_type, version.software_specification
    return version.name, state, version.revision, version.route, kind, specification, moment(version.stored_at)


def _schema_facts(schema: Schema | None) -> tuple[tuple[str, str], ...]:
    if schema is None:
        return ()
    fields = ("Input", f"{len(schema.fields)} fields" if schema.fields else "fields without names")
    return (fields, ("Classes", ", ".join(map(str, schema.classes)))) if schema.classes else (fields,)


_EXAMPLE_VALUES: dict[str, object] = {"f": 0.0, "i": 0, "u": 0, "U": 0, "I": 0, "F": 0.0, "b": False}
"""First letter of a dtype -> a value of it; text for all others."""


def _curl_call(url: str, schema: Schema | None) -> str:
    """Write the scoring request for a shell.

    Args:
        url: Where predictions are asked for.
        schema: The model's fields, where known.

    Returns:
        A command that takes the bearer token from ``WML_TOKEN`` and, away from IBM Cloud, the certificate
        authority's file from ``WML_CA_BUNDLE``.

    """
    public = (urlsplit(url).hostname or "").endswith(".cloud.ibm.com")
    target = url if "version=" in urlsplit(url).query else f"{url}?version={API_VERSION}"
    names, row = _example(schema)
    body = json.dumps({"input_data": [{**({"fields": names} if names else {}), "values": [row]}]}, ensure_ascii=False)
    lines = [
        f"curl -X POST {shlex.quote(target)}",
        *([] if public else ['--cacert "$WML_CA_BUNDLE"']),
        '-H "Authorization: Bearer $WML_TOKEN"',
        '-H "Content-Type: application/json"',
        f"--data {shlex.quote(body)}",
    ]
    return " \\\n  ".join(lines)


def _python_call(url: str, schema: Schema | None) -> str:
    """Write the same with this library.

    Args:
        url: Where predictions are asked for; on this machine it is the embedded service's.
        schema: The model's fields, where known.

    """
    local = urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
    made = 'Deployer.local("metadata.yaml")' if local else 'Deployer.from_files("credentials.yaml", "metadata.yaml")'
    names, row = _example(schema)
    columns = f", columns={names!r}" if names else ""
    return "\n".join(
        [
            "import pandas as pd",
            "from wml_deployer import Deployer",
            "",
            f"rows = pd.DataFrame([{row!r}]{columns})",
            f"{made}.score(rows)",
        ]
    )


def _example(schema: Schema | None) -> tuple[list[str], list[object]]:
    fields = schema.fields if schema else ()
    names = [field.name for field in fields]
    return names, [_EXAMPLE_VALUES.get(field.dtype[:1], "text") for field in fields] or [0.0]
