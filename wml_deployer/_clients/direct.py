"""The calls that this library makes itself, with the client's own URL and token.

Each stands here because IBM's clients break the contract on it; the defect is named beside the call.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import orjson

from wml_deployer._clients.deployments import DeploymentCalls
from wml_deployer._clients.exchange import request
from wml_deployer._clients.records import (
    ARRAY_TYPE,
    FRAME_TYPE,
    UNKNOWN_TYPE,
    AssetKind,
    JobRecord,
    ModelProperties,
    ModelRecord,
)
from wml_deployer._clients.rest import API_VERSION
from wml_deployer._clients.rights import RightsCalls
from wml_deployer._transport.deadline import cleanup_deadline, remaining
from wml_deployer._transport.idempotency import send_once
from wml_deployer._transport.pool import READ_SECONDS
from wml_deployer._transport.responses import checked
from wml_deployer.errors import (
    InvalidResponseError,
    NotFoundError,
    WMLDeployerError,
)
from wml_deployer.monitoring._events import recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from wml_deployer._clients.documents import Document
    from wml_deployer._clients.protocol import Scope
    from wml_deployer._clients.tokens import TokenSource
    from wml_deployer._transport.pool import Transport
    from wml_deployer.schema import Schema

__all__ = ["DirectCalls", "input_schemas"]

Result = TypeVar("Result")
_JSON = {"Content-Type": "application/json"}


class DirectCalls(DeploymentCalls, RightsCalls):
    """Calls of the service's REST API on one deployment space."""

    def __init__(self, url: str, scope: Scope, transport: Transport, tokens: TokenSource) -> None:
        """Ask nothing yet."""
        super().__init__(url, scope, transport, tokens)
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

    def score(self, deployment_id: str, body: bytes) -> bytes:
        """Score. IBM's clients send NaN, change integers and dates, rewrite the caller's payload, and the older one
        opens a TLS connection a call and waits without end.
        """
        # The service takes the space from the deployment and refuses it here.
        url = f"{self.url}/ml/v4/deployments/{deployment_id}/predictions?version={API_VERSION}"
        # With a deadline of the caller, a slow model may take all of it.
        silence = READ_SECONDS if remaining() is None else None
        response = request(
            self._transport,
            self._tokens,
            "POST",
            url,
            headers=_JSON,
            body=body,
            repeatable=True,
            silence=silence,
            attempts=recorder(),
        )
        return checked(response, "score").body

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

        with self.needing_task_credentials():
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

    @property
    def is_crowded(self) -> bool:
        """Whether requests wait for their turn, because the service accepts no more."""
        return self._transport.is_crowded(self.url)

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


def input_schemas(schema: Schema) -> list[Document]:
    """Write the input schema that is stored with a model."""
    fields = [{"name": field.name, "type": field.dtype or UNKNOWN_TYPE} for field in schema.fields]
    return [{"id": "input", "type": FRAME_TYPE if schema.named else ARRAY_TYPE, "fields": fields}]


def _rev(revision: str | None) -> dict[str, str]:
    return {} if revision is None else {"rev": revision}
