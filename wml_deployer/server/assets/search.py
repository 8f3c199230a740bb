"""The part of the search language that clients use: everything, or words of the metadata joined by AND."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Any

from wml_deployer.server.assets import models
from wml_deployer.server.errors import InvalidRequestError, wrong_field
from wml_deployer.server.http.paging import LARGEST
from wml_deployer.server.http.routing import Answer
from wml_deployer.server.spaces.containers import container_of

if TYPE_CHECKING:
    from typing import Any

    from wml_deployer.server.http.routing import Call

__all__ = ["Matcher", "matcher", "search"]

_TERM = re.compile(r'(?:asset\.)?(?:metadata\.)?([a-z_]+):\s*(?:"([^"]*)"|(\S+))')
_AND = re.compile(r"\s+AND\s+")
#: Far more than clients send; patterns that go back and forth over a query stay quick on so much.
_LONGEST = 2000


class Matcher:
    """Tells which assets match a query.

    Args:
        terms: What each field of the metadata must be; with ``*`` for any text.

    """

    def __init__(self, terms: dict[str, str]) -> None:
        """Match assets by these terms."""
        self._terms = terms

    def __call__(self, document: dict[str, Any]) -> bool:
        """Tell whether the asset matches."""
        return all(_holds(document["metadata"].get(field), pattern) for field, pattern in self._terms.items())


def matcher(query: Any) -> Matcher:
    """Read a query.

    Raises:
        InvalidRequestError: It is none that this service understands.

    Example:
        >>> matcher('asset.name:"churn*" AND tags:v1')({"metadata": {"name": "churn 2", "tags": ["v1"]}})
        True

    """
    if not isinstance(query, str) or not query.strip():
        raise wrong_field("query", "A search needs a query.")
    query = query.strip()
    if len(query) > _LONGEST:
        raise wrong_field("query", f"A query has at most {_LONGEST} characters.")
    if query == "*:*":
        return Matcher({})
    terms = {}
    for part in _AND.split(query):
        found = _TERM.fullmatch(part)
        if found is None:
            raise InvalidRequestError(
                f"The query '{query}' is not understood: this service takes *:* and field:value joined by AND."
            )
        terms[found[1]] = found[2] if found[2] is not None else found[3]
    return Matcher(terms)


def _holds(value: Any, pattern: str) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(isinstance(each, str) and fnmatch.fnmatchcase(each, pattern) for each in values)


def search(call: Call) -> Answer:
    """Search the assets of a type."""
    fields = call.fields
    meant = matcher(fields.get("query"))
    found = [
        each for each in models.of_type(call.transaction, container_of(call), call.path["asset_type"]) if meant(each)
    ]
    limit, start = _number(fields, "limit", LARGEST), _number(fields, "bookmark", 0)
    results = [{**document, "href": models.href(document["metadata"])} for document in found[start : start + limit]]
    answer: dict[str, Any] = {"total_rows": len(found), "results": results}
    if len(found) > start + limit:
        answer["next"] = {"query": fields["query"], "limit": limit, "bookmark": str(start + limit)}
    return Answer(200, answer)


def _number(fields: dict[str, Any], key: str, otherwise: int) -> int:
    """Return the limit, at most a page's size, or the bookmark."""
    value = fields.get(key, otherwise)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:  # noqa: PLR2004
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise wrong_field(key, f"The {key} of a search is a number.")
    return min(value, LARGEST) if key == "limit" else value
