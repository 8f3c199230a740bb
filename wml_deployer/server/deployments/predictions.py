"""Predictions: no transaction is open while a model works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from wml_deployer.server.deployments import models, snapshots
from wml_deployer.server.deployments.models import DeploymentError, NotReadyError, not_found
from wml_deployer.server.deployments.snapshots import serving_spec_of
from wml_deployer.server.errors import ServiceError
from wml_deployer.server.http.routing import Answer
from wml_deployer.server.runtimes import LoadError, PredictionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wml_deployer.server.context import Context
    from wml_deployer.server.http.routing import Stream
    from wml_deployer.server.storage.records import Record

__all__ = ["ask", "predict"]


class _PredictionRefusedError(ServiceError):
    """A refusal by the runtime, with its own status."""

    shows_status = False

    def __init__(self, error: PredictionError) -> None:
        super().__init__(error.message, code=error.code)
        self.status = error.status


async def predict(stream: Stream) -> Response:
    """Answer a prediction request, by the deployment's id or its serving name."""
    return await ask(stream.context, stream.path["deployment_id"], lambda: stream.body(stream.context.limits.document))


async def ask(context: Context, identifier: str, body: Callable[[], Awaitable[bytes]]) -> Response:
    """Answer a prediction request.

    Args:
        context: The running service.
        identifier: The deployment's id or its serving name.
        body: Gets the request's JSON, once it is certain that somebody answers it.

    """
    with context.store.reading() as transaction:
        record = models.find(transaction, identifier)
    if record is None:
        raise not_found(identifier)
    script = context.control.scripts.next(record.id)
    if script is not None:
        return Answer(script.status, script.body, compact=True).response()
    _require_ready(record)
    content = await body()
    try:
        answer = await context.serving.predict(
            record.id, lambda: serving_spec_of(context, record, snapshots.SERVING), content
        )
    except PredictionError as error:
        raise _PredictionRefusedError(error) from error
    except LoadError as error:
        raise DeploymentError(error.message, code=error.code) from error
    return Response(answer, media_type="application/json")


def _require_ready(record: Record) -> None:
    status = record.entity["status"]
    if "online" not in record.entity:
        raise DeploymentError(f"Deployment with id '{record.id}' is a batch deployment: it is scored by jobs.")
    if status["state"] in ("initializing", "failed"):
        why = "".join(f" {error['message']}" for error in status.get("failure", {}).get("errors", ()))
        raise NotReadyError(f"Deployment with id '{record.id}' is not ready: its state is {status['state']}.{why}")
