"""Routes of the assets."""

from __future__ import annotations

from wml_deployer.server.assets import responses, searches
from wml_deployer.server.routing import Route

__all__ = ["ROUTES"]

_ASSET = "/v2/assets/{asset_id}"
_ATTACHMENT = f"{_ASSET}/attachments/{{attachment_id}}"

ROUTES = (
    Route("POST", "/v2/assets", responses.create),
    Route("GET", _ASSET, responses.show),
    Route("PATCH", _ASSET, responses.update),
    Route("DELETE", _ASSET, responses.delete),
    Route("PATCH", f"{_ASSET}/attributes/{{attribute}}", responses.update_attributes),
    Route("POST", f"{_ASSET}/attachments", responses.attach),
    Route("GET", _ATTACHMENT, responses.show_attachment),
    Route("DELETE", _ATTACHMENT, responses.detach),
    Route("POST", f"{_ATTACHMENT}/complete", responses.complete),
    Route("POST", f"{_ASSET}/revisions", responses.commit),
    Route("GET", f"{_ASSET}/revisions", responses.list_revisions),
    Route("POST", "/v2/asset_types/{asset_type}/search", searches.search),
)
"""What these operations are."""
