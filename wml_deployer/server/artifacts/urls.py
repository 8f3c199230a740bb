"""Routes of the artifacts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wml_deployer.server.artifacts import responses
from wml_deployer.server.artifacts.kinds import KINDS, MODEL
from wml_deployer.server.http.routing import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.server.artifacts.kinds import Kind


__all__ = ["ROUTES"]


def _routes(kind: Kind) -> Iterator[Route]:
    collection = f"/ml/v4/{kind.collection}"
    one = f"{collection}/{{artifact_id}}"
    new = "NewModel" if kind is MODEL else "NewArtifact" if kind.runs else "NewComposition"
    shown, narrowed = "Artifact", "scope page name tag software_spec"
    yield Route("POST", collection, partial(responses.create, kind), query="scope", takes=new, gives=f"201 {shown}")
    yield Route("GET", collection, partial(responses.listing, kind), query=narrowed, gives="200 Artifacts")
    yield Route("GET", one, partial(responses.show, kind), query="scope rev", gives=f"200 {shown}")
    patched = partial(responses.update, kind)
    yield Route("PATCH", one, patched, query="scope", takes="ArtifactPatch", gives=f"200 {shown}")
    yield Route("DELETE", one, partial(responses.delete, kind), query="scope", gives="204")
    revisions = f"{one}/revisions"
    yield Route("POST", revisions, partial(responses.commit, kind), query="scope", takes="Commit", gives=f"201 {shown}")
    listed = partial(responses.list_revisions, kind)
    yield Route("GET", revisions, listed, query="scope page", gives="200 Revisions")
    if kind.content is not None:
        upload, content = partial(responses.upload, kind), f"{one}/{kind.content}"
        yield Route("PUT", content, upload, query="scope content_format", takes="bytes", gives="201 Uploaded")
        download = partial(responses.download, kind)
        yield Route("GET", f"{one}/{kind.download}", download, query="scope revision_id", gives="200 bytes")


ROUTES = tuple(route for kind in KINDS.values() for route in _routes(kind))
"""What these operations are."""
