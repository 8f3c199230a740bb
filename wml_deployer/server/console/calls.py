"""Calls of a deployment to copy: curl, Python and JavaScript, each with how to get a token."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wml_deployer.server.console.rows import example_row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Call", "calls"]

_VERSION = "2026-08-17"


@dataclass(frozen=True)
class Call:
    """A call to copy.

    Attributes:
        name: Id of its element.
        title: What it is written in, and what it needs.
        text: The code.

    """

    name: str
    title: str
    text: str


def calls(
    url: str, deployment: str, username: str, folder: Path, fields: Sequence[tuple[str, str]]
) -> tuple[Call, ...]:
    """Return the calls of a deployment.

    Args:
        url: URL of the service.
        deployment: Id or serving name of the deployment.
        username: Name of the account.
        folder: The service's folder, in which the key and the certificate authority are.
        fields: Name and type of the columns; empty if unknown.

    """
    target = f"{url}/ml/v4/deployments/{deployment}/predictions?version={_VERSION}"
    block = {"fields": [name for name, _ in fields]} if fields else {}
    body = {"input_data": [{**block, "values": [example_row(fields) or [0]]}]}
    given = _Given(f"{url}/icp4d-api/v1/authorize", target, username, folder / "apikey", folder / "ca.pem", body)
    return (
        Call("curl", "curl", _curl(given)),
        Call("python", "Python, with requests", _python(given)),
        Call("javascript", "JavaScript, in Node.js", _javascript(given)),
    )


@dataclass(frozen=True)
class _Given:
    """What each of the calls says."""

    authorize: str
    target: str
    username: str
    key: Path
    authority: Path
    body: dict[str, list[dict[str, object]]]


def _curl(given: _Given) -> str:
    key, authority = shlex.quote(str(given.key)), shlex.quote(str(given.authority))
    user = json.dumps(json.dumps({"username": given.username})[:-1])[1:-1]
    body = shlex.quote(json.dumps(given.body, ensure_ascii=False))
    return f"""\
TOKEN=$(curl -sS --fail --cacert {authority} {shlex.quote(given.authorize)} \\
  -H "Content-Type: application/json" \\
  -d "{user}, \\"api_key\\": \\"$(cat {key})\\"}}" |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')

curl -sS --cacert {authority} \\
  {shlex.quote(given.target)} \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -d {body}
"""


def _python(given: _Given) -> str:
    return f"""\
from pathlib import Path

import requests

authority = {str(given.authority)!r}
login = {{"username": {given.username!r}, "api_key": Path({str(given.key)!r}).read_text().strip()}}
answer = requests.post({given.authorize!r}, json=login, verify=authority)
answer.raise_for_status()
headers = {{"Authorization": "Bearer " + answer.json()["token"]}}

rows = {given.body!r}
answer = requests.post({given.target!r}, json=rows, headers=headers, verify=authority)
answer.raise_for_status()
print(answer.json())
"""


def _javascript(given: _Given) -> str:
    key, username, authorize, target = (
        json.dumps(str(value), ensure_ascii=False)
        for value in (given.key, given.username, given.authorize, given.target)
    )
    return f"""\
// Save it as score.mjs; run it with: NODE_EXTRA_CA_CERTS={shlex.quote(str(given.authority))} node score.mjs
import {{ readFileSync }} from "node:fs";

async function post(url, body, token) {{
  const headers = {{ "Content-Type": "application/json" }};
  if (token) headers.Authorization = `Bearer ${{token}}`;
  const response = await fetch(url, {{ method: "POST", headers, body: JSON.stringify(body) }});
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}}

const api_key = readFileSync({key}, "utf8").trim();
const {{ token }} = await post({authorize}, {{ username: {username}, api_key }});
const rows = {json.dumps(given.body, ensure_ascii=False)};
console.log(JSON.stringify(await post({target}, rows, token)));
"""
