"""Routes of the assets."""

from __future__ import annotations

from wml_deployer.server.assets import responses, searches
from wml_deployer.server.http.routing import Route

__all__ = ["ROUTES"]

_ASSET = "/v2/assets/{asset_id}"
_ATTACHMENT = f"{_ASSET}/attachments/{{attachment_id}}"

ROUTES = (
    Route("POST", "/v2/assets", responses.create, query="scope", takes="NewAsset", gives="201 Asset"),
    Route("GET", _ASSET, responses.show, query="scope revision_id", gives="200 Asset"),
    Route("PATCH", _ASSET, responses.update, query="scope", takes="AssetPatch", gives="200 Asset"),
    Route("DELETE", _ASSET, responses.delete, query="scope", gives="204"),
    Route(
        *("PATCH", f"{_ASSET}/attributes/{{attribute}}", responses.update_attributes),
        query="scope",
        takes="AttributePatch",
        gives="200 Attributes",
    ),
    Route(
        "POST", f"{_ASSET}/attachments", responses.attach, query="scope", takes="NewAttachment", gives="201 Attachment"
    ),
    Route("GET", _ATTACHMENT, responses.show_attachment, query="scope revision_id", gives="200 Attachment"),
    Route("DELETE", _ATTACHMENT, responses.detach, query="scope", gives="204"),
    Route("POST", f"{_ATTACHMENT}/complete", responses.complete, query="scope", gives="200 Attachment"),
    Route("POST", f"{_ASSET}/revisions", responses.commit, query="scope", takes="Commit", gives="201 Asset"),
    Route("GET", f"{_ASSET}/revisions", responses.list_revisions, query="scope", gives="200 AssetRevisions"),
    Route(
        "POST", "/v2/asset_types/{asset_type}/search", searches.search, query="scope", takes="Search", gives="200 Found"
    ),
)
"""What these operations are."""
