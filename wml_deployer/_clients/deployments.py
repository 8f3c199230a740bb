"""The calls on deployments that this library makes itself; the defect of IBM's clients is named beside each."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from wml_deployer._clients.documents import is_document, parts_of, required
from wml_deployer._clients.exchange import request
from wml_deployer._clients.records import DeploymentRecord
from wml_deployer._clients.rest import API_VERSION, RestCalls
from wml_deployer._transport.responses import checked
from wml_deployer.errors import InvalidResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wml_deployer._clients.documents import Document
    from wml_deployer.metadata import ServingOptions

__all__ = ["DeploymentCalls", "change_count", "changing"]

_counts: Counter[str] = Counter()


def change_count(deployment_id: str) -> int:
    """Return a number that is another one once this process has begun, or ended, to change the deployment."""
    return _counts[deployment_id]


@contextmanager
def changing(deployment_id: str) -> Iterator[None]:
    """Count a change of what a deployment serves.

    It counts when it begins and when it ends: what is looked up in between may still tell of the version before.

    Example:
        >>> before = change_count("3f2c")
        >>> with changing("3f2c"):
        ...     change_count("3f2c") == before
        False

    """
    _counts[deployment_id] += 1
    try:
        yield
    finally:
        _counts[deployment_id] += 1


class DeploymentCalls(RestCalls):
    """Create, look up and change deployments."""

    def deployment(self, deployment_id: str) -> DeploymentRecord:
        """Ask for a deployment. IBM's clients take turns within a process; a look beside a score cannot wait."""
        path = f"/ml/v4/deployments/{deployment_id}"
        return DeploymentRecord.from_document(self._call("GET", path, "look up the deployment").document())

    def create_deployment(
        self,
        name: str,
        model_id: str,
        revision: str,
        custom: Document,
        tags: Sequence[str] = (),
        *,
        options: ServingOptions | None = None,
    ) -> DeploymentRecord:
        """Start a deployment. IBM's clients send this again after a lost answer (two to four deployments), wait without
        end, look for the first time after five seconds, and print.
        """
        entity: Document = {
            "name": name,
            **self.scope.query,
            "asset": {"id": model_id, "rev": revision},
            "online": {},
            "custom": custom,
            "tags": [*tags, *((options and options.tags) or ())],
        }
        if options is not None and options.serving_name:
            entity["online"] = {"parameters": {"serving_name": options.serving_name}}
        if options is not None and options.description:
            entity["description"] = options.description
        if options is not None and options.hardware:
            entity["hardware_spec"] = {"name": options.hardware}
        return DeploymentRecord.from_document(
            self._call("POST", "/ml/v4/deployments", "deploy", json=entity).document()
        )

    def serve(self, deployment_id: str, model_id: str, revision: str) -> DeploymentRecord:
        """Change what a deployment serves. IBM's older client returns nothing, looks at no failure and prints."""
        patch = {"op": "replace", "path": "/asset", "value": {"id": model_id, "rev": revision}}
        with changing(deployment_id):
            return self._patched(deployment_id, "update the deployment", patch)

    def describe_deployment(self, deployment_id: str, custom: Document) -> None:
        """Change the free facts. IBM's newer client waits five seconds after this, and the older one prints."""
        self._patched(deployment_id, "describe the deployment", {"op": "add", "path": "/custom", "value": custom})

    def label_deployment(self, deployment_id: str, description: str, tags: Sequence[str]) -> DeploymentRecord:
        """Replace description and tags. IBM's newer client waits five seconds after this, and the older one prints."""
        values = {"description": description, "tags": list(tags)}
        patch = [{"op": "add", "path": f"/{name}", "value": value} for name, value in values.items()]
        return self._patched(deployment_id, "describe the deployment", *patch)

    def name_deployment(self, deployment_id: str, serving_name: str) -> DeploymentRecord:
        """Give a serving name. IBM's older client returns nothing and prints; the newer one waits without end."""
        patch = {"op": "add", "path": "/online/parameters", "value": {"serving_name": serving_name}}
        return self._patched(deployment_id, "give the deployment a serving name", patch)

    def scale_deployment(self, deployment_id: str, hardware: str, copies: int) -> DeploymentRecord:
        """Start to serve with another number of copies. IBM's older client returns nothing and looks at no failure."""
        patch = {"op": "add", "path": "/hardware_spec", "value": {"name": hardware, "num_nodes": copies}}
        return self._patched(deployment_id, "scale the deployment", patch)

    def is_serving_name_free(self, serving_name: str) -> bool:
        """Ask whether no deployment has this serving name. IBM's clients take any failure for yes."""
        query = urlencode({"version": API_VERSION, "serving_name": serving_name, "conflict": "true"})
        response = request(self._transport, self._tokens, "GET", f"{self.url}/ml/v4/deployments?{query}")
        if response.status == HTTPStatus.CONFLICT:
            return False
        checked(response, "look up the serving name")
        return True

    def hardware(self) -> Sequence[str]:
        """List the names of the hardware specifications. IBM's clients list them as a table, in print."""
        url = f"{self._platform_url()}/v2/hardware_specifications?{urlencode(self.scope.query)}"
        response = checked(request(self._transport, self._tokens, "GET", url), "list the hardware specifications")
        listed = response.document().get("resources") or []
        if not isinstance(listed, list):
            raise InvalidResponseError(
                "The service's list is not a list.", operation="list the hardware specifications"
            )
        return [required(parts_of(item)[0], "name") for item in filter(is_document, listed)]

    def create_batch_deployment(self, name: str, model_id: str, revision: str, custom: Document) -> DeploymentRecord:
        """Start a batch deployment of a revision."""
        entity = {
            "name": name,
            **self.scope.query,
            "asset": {"id": model_id, "rev": revision},
            "batch": {},
            "hardware_spec": {"name": "S", "num_nodes": 1},
            "custom": custom,
        }
        created = self._call("POST", "/ml/v4/deployments", "create the batch deployment", json=entity)
        return DeploymentRecord.from_document(created.document())

    def batch_deployments(self) -> Sequence[DeploymentRecord]:
        """List every batch deployment of the space."""
        listed = self._pages("/ml/v4/deployments", "list the batch deployments")
        return [DeploymentRecord.from_document(item) for item in listed if "batch" in item.get("entity", {})]

    def _patched(self, deployment_id: str, operation: str, *patch: Document) -> DeploymentRecord:
        path = f"/ml/v4/deployments/{deployment_id}"
        changed = self._call("PATCH", path, operation, json=patch, repeatable=True)
        return DeploymentRecord.from_document(changed.document())
