"""Search for assets, in the part of the query language that clients use: everything, or fields joined by AND."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Any

from wml_deployer.server.assets import models
from wml_deployer.server.errors import InvalidRequestError, wrong_field
from wml_deployer.server.http.paging import LARGEST
from wml_deployer.server.http.routing import JsonResponse
from wml_deployer.server.spaces.containers import requested_container

if TYPE_CHECKING:
    from typing import Any

    from wml_deployer.server.http.routing import Call

__all__ = ["Matcher", "matcher", "search"]

_TERM = re.compile(r'(?:asset\.)?(?:metadata\.)?([a-z_]+):\s*(?:"([^"]*)"|(\S+))')
_AND = re.compile(r"\s+AND\s+")
#: Far more than clients send; limits the time that the regular expressions take.
_LONGEST = 2000


class Matcher:
    """Matches assets against a query.

    Args:
        terms: Pattern for each field of the metadata; ``*`` matches any text.

    """

    def __init__(self, terms: dict[str, str]) -> None:
        """Match assets by these terms."""
        self._terms = terms

    def __call__(self, document: dict[str, Any]) -> bool:
        """Return whether an asset matches."""
        return all(_holds(document["metadata"].get(field), pattern) for field, pattern in self._terms.items())


def matcher(query: Any) -> Matcher:
    """Parse a query.

    Raises:
        InvalidRequestError: It is not in the supported part of the query language.

    Example:
        >>> matcher('asset.name:"churn*" AND tags:v1')({"metadata": {"name": "churn 2", "tags": ["v1"]}})
        True

    """
    if not isinstance(query, str) or not query.strip():
        raise wrong_field("query", "The query must be a non-empty string.")
    query = query.strip()
    if len(query) > _LONGEST:
        raise wrong_field("query", f"The query can have at most {_LONGEST} characters.")
    if query == "*:*":
        return Matcher({})
    terms = {}
    for part in _AND.split(query):
        found = _TERM.fullmatch(part)
        if found is None:
            raise InvalidRequestError(f"The query '{query}' is not supported: use *:*, or field:value joined by AND.")
        terms[found[1]] = found[2] if found[2] is not None else found[3]
    return Matcher(terms)


def _holds(value: Any, pattern: str) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(isinstance(each, str) and fnmatch.fnmatchcase(each, pattern) for each in values)


def search(call: Call) -> JsonResponse:
    """Search the assets of a type."""
    fields = call.fields
    matches = matcher(fields.get("query"))
    found = [
        each
        for each in models.list_documents(call.transaction, requested_container(call), call.path["asset_type"])
        if matches(each)
    ]
    limit, start = _number(fields, "limit", LARGEST), _number(fields, "bookmark", 0)
    results = [{**document, "href": models.href(document["metadata"])} for document in found[start : start + limit]]
    result: dict[str, Any] = {"total_rows": len(found), "results": results}
    if len(found) > start + limit:
        result["next"] = {"query": fields["query"], "limit": limit, "bookmark": str(start + limit)}
    return JsonResponse(200, result)


def _number(fields: dict[str, Any], key: str, otherwise: int) -> int:
    """Return the limit, at most the largest page size, or the bookmark."""
    value = fields.get(key, otherwise)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:  # noqa: PLR2004
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise wrong_field(key, f"The {key} of a search must be a non-negative integer.")
    return min(value, LARGEST) if key == "limit" else value
