"""The calls that this library makes itself, with the client's own URL and token.

Each stands here because IBM's clients break the contract on it; the defect is named beside the call.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

from wml_deployer._clients.documents import is_document
from wml_deployer._clients.exchange import request
from wml_deployer._clients.records import (
    ARRAY_TYPE,
    FRAME_TYPE,
    UNKNOWN_TYPE,
    AssetKind,
    DeploymentRecord,
    JobRecord,
    ModelProperties,
    ModelRecord,
    PlanRecord,
)
from wml_deployer._transport.deadline import cleanup_deadline, remaining
from wml_deployer._transport.idempotency import send_once
from wml_deployer._transport.pool import READ_SECONDS
from wml_deployer._transport.responses import Response, checked
from wml_deployer.errors import InvalidResponseError, NotFoundError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from wml_deployer._clients.documents import Document
    from wml_deployer._clients.protocol import Scope
    from wml_deployer._clients.tokens import TokenSource
    from wml_deployer._transport.pool import Transport
    from wml_deployer.schema import Schema

__all__ = ["DirectCalls", "change_count", "changing", "input_schemas"]

API_VERSION = "2026-08-17"
PAGE = 200
Result = TypeVar("Result")
_JSON = {"Content-Type": "application/json"}


class DirectCalls:
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
        self._kinds: dict[str, AssetKind] = {}

    def replace_content(self, model_id: str, archive: Path) -> None:
        """Upload new content. IBM's clients do this without verifying TLS, and repeat a dropped upload as empty."""

        def replace(kind: AssetKind) -> None:
            with archive.open("rb") as file:
                self._call(
                    "PUT",
                    f"/ml/v4/{kind}s/{model_id}/{'content' if kind == 'model' else 'code'}",
                    f"upload the {kind}",
                    params={"content_format": "native"} if kind == "model" else {},
                    headers={"Content-Type": "application/octet-stream"},
                    body=file,
                    repeatable=True,
                )

        self._of_its_kind(model_id, replace)

    def store_function(self, content: Path, properties: ModelProperties) -> ModelRecord:
        """Store a new function; when it fails nothing is left behind. IBM's clients take the text of a function's own
        code, without what it refers to, and leave a function without content where the upload fails.
        """
        document = {
            "name": properties.name,
            "software_spec": {"id": properties.specification_id},
            "type": "python",
            "custom": properties.custom,
            "tags": list(properties.tags),
            **self.scope.query,
        }
        if properties.schema.fields:
            document["schemas"] = {"input": input_schemas(properties.schema), "output": []}
        made = self._call("POST", "/ml/v4/functions", "store the function", json=document).document()
        record = ModelRecord.from_document(made, "function")
        self._kinds[record.id] = "function"
        try:
            self.replace_content(record.id, content)
        except WMLDeployerError:
            with cleanup_deadline(), contextlib.suppress(WMLDeployerError):
                self._call("DELETE", f"/ml/v4/functions/{record.id}", "delete the function")
            raise
        return record

    def change_function(self, function_id: str, content: Path, properties: ModelProperties) -> None:
        """Give a function new content and new facts; its revisions stay as they are."""
        values = {
            "name": properties.name,
            "software_spec": {"id": properties.specification_id},
            "custom": properties.custom,
            "tags": list(properties.tags),
        }
        # Replacing what is there and adding what is not is the same operation in a JSON patch.
        patch = [{"op": "add", "path": f"/{name}", "value": value} for name, value in values.items()]
        self._call("PATCH", f"/ml/v4/functions/{function_id}", "change the function", json=patch, repeatable=True)
        self.replace_content(function_id, content)

    def functions(self) -> Sequence[ModelRecord]:
        """List every function of the space. IBM's clients stop at 200 unless asked for all."""
        listed = self._pages("/ml/v4/functions", "list the functions")
        return [self._known(ModelRecord.from_document(item, "function")) for item in listed]

    def freeze_model(self, model_id: str, message: str) -> str:
        """Freeze a revision. IBM's clients cannot give it a commit message."""
        document = self._of_its_kind(
            model_id,
            lambda kind: self._call(
                "POST",
                f"/ml/v4/{kind}s/{model_id}/revisions",
                f"freeze the {kind}",
                json={**self.scope.query, "commit_message": message},
            ),
        ).document()
        revision = ModelRecord.from_document(document).revision
        if revision is None:
            raise InvalidResponseError("The service froze a revision without telling its number.")
        return revision

    def revisions(self, model_id: str) -> Sequence[ModelRecord]:
        """List all revisions, newest first. IBM's clients return the creation time for each and drop the message."""

        def listed(kind: AssetKind) -> Sequence[ModelRecord]:
            pages = self._pages(f"/ml/v4/{kind}s/{model_id}/revisions", f"list the {kind}'s revisions")
            return [ModelRecord.from_document(item, kind) for item in pages]

        return self._of_its_kind(model_id, listed)

    def read_model(self, model_id: str, revision: str | None, read: Callable[[Iterator[bytes]], Result]) -> Result:
        """Download content. IBM's older client writes it to a path that it reports wrongly."""
        frozen = {} if revision is None else {"revision_id": revision}
        found: list[Result] = []

        def download(kind: AssetKind) -> Result:
            self._call(
                "GET",
                f"/ml/v4/{kind}s/{model_id}/{'download' if kind == 'model' else 'code'}",
                f"download the {kind}",
                # The cloud calls a function's revision otherwise.
                params={"content_format": "native", **frozen} if kind == "model" else {**frozen, **_rev(revision)},
                read=lambda chunks: found.append(read(chunks)),
            )
            return found[-1]

        return self._of_its_kind(model_id, download)

    def model(self, model_id: str, revision: str | None = None) -> ModelRecord:
        """Ask for a model or a revision. IBM's clients ask up to six times, and take turns within a process."""

        def look(kind: AssetKind) -> ModelRecord:
            path = f"/ml/v4/{kind}s/{model_id}"
            found = self._call("GET", path, f"look up the {kind}", params=_rev(revision)).document()
            return ModelRecord.from_document(found, kind)

        return self._of_its_kind(model_id, look)

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

    def start_job(self, deployment_id: str, name: str, body: bytes) -> JobRecord:
        """Start a job on ``input_data`` bytes, once: after a lost response the job of this name is looked for.

        IBM's clients send the creation of a job again after a lost response.
        """
        head = {"name": name, **self.scope.query, "deployment": {"id": deployment_id}}
        # The rows are not decoded only to be encoded again.
        document = orjson.dumps(head)[:-1] + b',"scoring":' + body + b"}"
        headers = {"Content-Type": "application/json"}

        def start() -> JobRecord:
            started = self._call("POST", "/ml/v4/deployment_jobs", "start the job", body=document, headers=headers)
            return JobRecord.from_document(started.document())

        return send_once(start, lambda: next((job for job in self.jobs() if job.name == name), None))

    def job(self, job_id: str) -> JobRecord:
        """Ask for a job."""
        return JobRecord.from_document(
            self._call("GET", f"/ml/v4/deployment_jobs/{job_id}", "look up the job").document()
        )

    def jobs(self) -> Sequence[JobRecord]:
        """List the space's jobs that score rows; the service keeps the newest few hundred."""
        listed = self._pages("/ml/v4/deployment_jobs", "list the jobs")
        return [JobRecord.from_document(item) for item in listed if "scoring" in item.get("entity", {})]

    def cancel_job(self, job_id: str) -> None:
        """Stop a job and forget it; one that is gone already is stopped."""
        path = f"/ml/v4/deployment_jobs/{job_id}"
        try:
            self._call("DELETE", path, "cancel the job", params={"hard_delete": "true"}, repeatable=True)
        except NotFoundError:
            return

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

    def _known(self, record: ModelRecord) -> ModelRecord:
        """Remember in which of the service's two collections a model is."""
        self._kinds[record.id] = record.kind
        return record

    def _of_its_kind(self, model_id: str, call: Callable[[AssetKind], Result]) -> Result:
        """Make a call for a model that may be a function: which one is found out with the first call."""
        kind = self._kinds.get(model_id)
        if kind is not None:
            return call(kind)
        try:
            found = call("model")
        except NotFoundError as error:
            try:
                found = call("function")
            except NotFoundError:
                raise error from None
            self._kinds[model_id] = "function"
        else:
            self._kinds[model_id] = "model"
        return found

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


def input_schemas(schema: Schema) -> list[Document]:
    """Write the input schema that is stored with a model."""
    fields = [{"name": field.name, "type": field.dtype or UNKNOWN_TYPE} for field in schema.fields]
    return [{"id": "input", "type": FRAME_TYPE if schema.named else ARRAY_TYPE, "fields": fields}]


def _rev(revision: str | None) -> dict[str, str]:
    return {} if revision is None else {"rev": revision}


def _start_of(href: str) -> str:
    query = parse_qs(urlsplit(href).query)
    return (query.get("start") or query.get("bookmark") or [""])[0]


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
