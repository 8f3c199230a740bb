"""Calls to copy: the request as curl sends it, and as Python does. Neither holds a secret."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wml_deployer._clients.direct import API_VERSION

if TYPE_CHECKING:
    from wml_deployer.schema import Schema

__all__ = ["curl_call", "python_call"]

_EXAMPLES: dict[str, object] = {"f": 0.0, "i": 0, "u": 0, "U": 0, "I": 0, "F": 0.0, "b": False}
"""First letter of a dtype -> a value of it; text for all others."""


def curl_call(url: str, schema: Schema | None) -> str:
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


def python_call(url: str, schema: Schema | None) -> str:
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
    return names, [_EXAMPLES.get(field.dtype[:1], "text") for field in fields] or [0.0]
