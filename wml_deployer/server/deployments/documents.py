"""What answers show of a deployment: the stored document, and the URLs where it answers now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.deployments.models import serving_name_of

if TYPE_CHECKING:
    from wml_deployer.server.http.caller import Flavour
    from wml_deployer.server.storage.records import Record

__all__ = ["document"]

# Both texts are recorded; the old client fails on an empty list of warnings.
_WARNINGS: dict[Flavour, str] = {
    "software": "online_url is deprecated and will be removed in a future release. Use serving_urls instead.",
    "cloud": (
        "online_url and serving_urls are deprecated and will be removed in a future release. Use inference instead."
    ),
}


def document(record: Record, url: str, flavour: Flavour) -> dict[str, Any]:
    """Return a deployment's public document.

    Args:
        record: The deployment.
        url: Where the caller reaches the service.
        flavour: Whose answer it is: the cloud's says more.

    """
    if "online" not in record.entity:
        return record.document
    collection = f"{url}/ml/v4/deployments"
    names = [name for name in (record.id, serving_name_of(record)) if name is not None]
    urls = [f"{collection}/{name}/predictions" for name in names]
    status = {**record.entity["status"], "online_url": {"url": urls[0]}, "serving_urls": urls}
    if flavour == "cloud":
        status["inference"] = [{"url": each} for each in urls]
    return {
        "metadata": record.metadata,
        "entity": {**record.entity, "status": status},
        "system": {"warnings": [{"id": "Deprecated", "message": _WARNINGS[flavour]}]},
    }
