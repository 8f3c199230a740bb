"""Routes of the artifacts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wml_deployer.server.artifacts import responses
from wml_deployer.server.artifacts.kinds import KINDS
from wml_deployer.server.routing import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.server.artifacts.kinds import Kind


__all__ = ["ROUTES"]


def _routes(kind: Kind) -> Iterator[Route]:
    collection = f"/ml/v4/{kind.collection}"
    one = f"{collection}/{{artifact_id}}"
    yield Route("POST", collection, partial(responses.create, kind))
    yield Route("GET", collection, partial(responses.listing, kind))
    yield Route("GET", one, partial(responses.show, kind))
    yield Route("PATCH", one, partial(responses.update, kind))
    yield Route("DELETE", one, partial(responses.delete, kind))
    yield Route("POST", f"{one}/revisions", partial(responses.commit, kind))
    yield Route("GET", f"{one}/revisions", partial(responses.list_revisions, kind))
    if kind.content is not None:
        yield Route("PUT", f"{one}/{kind.content}", partial(responses.upload, kind))
        yield Route("GET", f"{one}/{kind.download}", partial(responses.download, kind))


ROUTES = tuple(route for kind in KINDS.values() for route in _routes(kind))
"""What these operations are."""
