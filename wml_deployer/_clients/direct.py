"""The calls that this library makes itself, with the client's own URL and token.

Each stands here because IBM's clients break the contract on it; the defect is named beside the call.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

from wml_deployer._clients.authorized import request
from wml_deployer._clients.changes import changing
from wml_deployer._clients.documents import is_document
from wml_deployer._clients.jobs import BatchCalls
from wml_deployer._clients.records import DeploymentRecord, ModelRecord, PlanRecord
from wml_deployer._transport.deadline import remaining
from wml_deployer._transport.pool import READ_SECONDS
from wml_deployer._transport.responses import Response, checked
from wml_deployer.errors import InvalidResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from wml_deployer._clients.documents import Document
    from wml_deployer._clients.scope import Scope
    from wml_deployer._clients.tokens import TokenSource
    from wml_deployer._transport.pool import Transport

__all__ = ["DirectCalls"]

API_VERSION = "2026-08-17"
PAGE = 200
Result = TypeVar("Result")
_JSON = {"Content-Type": "application/json"}


class DirectCalls(BatchCalls):
    """Calls of the service's REST API on one deployment space.

    Args:
        url: Base URL of the service.
        scope: The deployment space, or a project.
        transport: What to ask through.
        tokens: Where the bearer token comes from.

    """

    def __init__(self, url: str, scope: Scope, transport: Transport, tokens: TokenSource) -> None:
        """Ask nothing yet."""
        self.url = url.rstrip("/")
        self.scope = scope
        self._transport = transport
        self._tokens = tokens

    def replace_content(self, model_id: str, archive: Path) -> None:
        """Upload new content. IBM's clients do this without verifying TLS, and repeat a dropped upload as empty."""
        with archive.open("rb") as file:
            self._call(
                "PUT",
                f"/ml/v4/models/{model_id}/content",
                "upload the model",
                params={"content_format": "native"},
                headers={"Content-Type": "application/octet-stream"},
                body=file,
                repeatable=True,
            )

    def freeze_model(self, model_id: str, message: str) -> str:
        """Freeze a revision. IBM's clients cannot give it a commit message."""
        document = self._call(
            "POST",
            f"/ml/v4/models/{model_id}/revisions",
            "freeze the model",
            json={**self.scope.query, "commit_message": message},
        ).document()
        revision = ModelRecord.from_document(document).revision
        if revision is None:
            raise InvalidResponseError("The service froze a revision without telling its number.")
        return revision

    def revisions(self, model_id: str) -> Sequence[ModelRecord]:
        """List all revisions, newest first. IBM's clients return the creation time for each and drop the message."""
        path = f"/ml/v4/models/{model_id}/revisions"
        return [ModelRecord.from_document(item) for item in self._pages(path, "list the model's revisions")]

    def read_model(self, model_id: str, revision: str | None, read: Callable[[Iterator[bytes]], Result]) -> Result:
        """Download content. IBM's older client writes it to a path that it reports wrongly."""
        params = {"content_format": "native"} | ({} if revision is None else {"revision_id": revision})
        found: list[Result] = []
        self._call(
            "GET",
            f"/ml/v4/models/{model_id}/download",
            "download the model",
            params=params,
            read=lambda chunks: found.append(read(chunks)),
        )
        return found[-1]

    def model(self, model_id: str, revision: str | None = None) -> ModelRecord:
        """Ask for a model or a revision. IBM's clients ask up to six times, and take turns within a process."""
        params = {} if revision is None else {"rev": revision}
        path = f"/ml/v4/models/{model_id}"
        return ModelRecord.from_document(self._call("GET", path, "look up the model", params=params).document())

    def deployment(self, deployment_id: str) -> DeploymentRecord:
        """Ask for a deployment. IBM's clients take turns within a process; a look beside a score cannot wait."""
        path = f"/ml/v4/deployments/{deployment_id}"
        return DeploymentRecord.from_document(self._call("GET", path, "look up the deployment").document())

    def create_deployment(
        self, name: str, model_id: str, revision: str, custom: Document, tags: Sequence[str] = ()
    ) -> DeploymentRecord:
        """Start a deployment. IBM's clients send this again after a lost answer (two to four deployments), wait without
        end, look for the first time after five seconds, and print.
        """
        entity = {
            "name": name,
            **self.scope.query,
            "asset": {"id": model_id, "rev": revision},
            "online": {},
            "custom": custom,
            "tags": list(tags),
        }
        return DeploymentRecord.from_document(
            self._call("POST", "/ml/v4/deployments", "deploy", json=entity).document()
        )

    def serve(self, deployment_id: str, model_id: str, revision: str) -> DeploymentRecord:
        """Change what a deployment serves. IBM's older client returns nothing, looks at no failure and prints."""
        patch = [{"op": "replace", "path": "/asset", "value": {"id": model_id, "rev": revision}}]
        path = f"/ml/v4/deployments/{deployment_id}"
        with changing(deployment_id):
            changed = self._call("PATCH", path, "update the deployment", json=patch, repeatable=True)
        return DeploymentRecord.from_document(changed.document())

    def describe_deployment(self, deployment_id: str, custom: Document) -> None:
        """Change the free facts. IBM's newer client waits five seconds after this, and the older one prints."""
        patch = [{"op": "add", "path": "/custom", "value": custom}]
        path = f"/ml/v4/deployments/{deployment_id}"
        self._call("PATCH", path, "describe the deployment", json=patch, repeatable=True)

    def score(self, deployment_id: str, body: bytes) -> bytes:
        """Score. IBM's clients send NaN, change integers and dates, rewrite the caller's payload, and the older one
        opens a TLS connection a call and waits without end.
        """
        # The service takes the space from the deployment and refuses it here.
        url = f"{self.url}/ml/v4/deployments/{deployment_id}/predictions?version={API_VERSION}"
        # With a deadline of the caller, a slow model may take all of it.
        silence = READ_SECONDS if remaining() is None else None
        response = request(
            self._transport, self._tokens, "POST", url, headers=_JSON, body=body, repeatable=True, silence=silence
        )
        return checked(response, "score").body

    def plan(self, instance_id: str) -> PlanRecord:
        """Ask for a plan. IBM's older client tells of none on Cloud Pak for Data."""
        return PlanRecord.from_document(
            self._call("GET", f"/ml/v4/instances/{instance_id}", "look up the runtime instance").document()
        )

    def beside(self, work: Callable[[], None]) -> None:
        """Run something on a thread of its own, until :meth:`close` ends it."""
        self._transport.start(work)

    def close(self) -> None:
        """Wait for what runs beside the caller, and close every connection."""
        self._transport.close()

    def _pages(self, path: str, operation: str) -> Iterator[Document]:
        params: dict[str, str] = {"limit": str(PAGE)}
        while True:
            page = self._call("GET", path, operation, params=params).document()
            resources = page.get("resources") or []
            following = page.get("next") or {}
            if not isinstance(resources, list) or not isinstance(following, dict):
                raise InvalidResponseError("The service's list is not a list.", operation=operation)
            yield from filter(is_document, resources)
            if not isinstance(following.get("href"), str):
                return
            params = {"limit": str(PAGE), "start": _start_of(following["href"])}

    def _call(
        self,
        method: str,
        path: str,
        operation: str,
        *,
        params: dict[str, str] | None = None,
        json: object = None,
        headers: dict[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        **options: Any,
    ) -> Response:
        query = urlencode({"version": API_VERSION, **self.scope.query, **(params or {})})
        if json is not None:
            body, headers = orjson.dumps(json), _JSON
        url = f"{self.url}{path}?{query}"
        return checked(
            request(self._transport, self._tokens, method, url, headers=headers, body=body, **options), operation
        )


def _start_of(href: str) -> str:
    query = parse_qs(urlsplit(href).query)
    return (query.get("start") or query.get("bookmark") or [""])[0]
