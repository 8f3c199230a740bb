"""Predictions. No transaction is open while a model computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from wml_deployer.server.deployments import models, snapshots
from wml_deployer.server.deployments.models import DeploymentError, NotReadyError, not_found
from wml_deployer.server.deployments.snapshots import serving_spec_of
from wml_deployer.server.deployments.verification import Answer, served_asset
from wml_deployer.server.errors import ServiceError
from wml_deployer.server.http.routing import JsonResponse
from wml_deployer.server.runtimes import LoadError, PredictionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wml_deployer.server.context import Context
    from wml_deployer.server.http.routing import StreamingCall
    from wml_deployer.server.storage.records import Record

__all__ = ["predict", "score"]


class _PredictionRefusedError(ServiceError):
    """An error of the runtime, which has its own status."""

    shows_status = False

    def __init__(self, error: PredictionError) -> None:
        super().__init__(error.message, code=error.code)
        self.status = error.status


async def predict(stream: StreamingCall) -> Response:
    """Predict with a deployment, given by its id or serving name."""
    return await score(
        stream.context, stream.path["deployment_id"], lambda: stream.body(stream.context.limits.document)
    )


async def score(context: Context, identifier: str, body: Callable[[], Awaitable[bytes]]) -> Response:
    """Predict with a deployment.

    Args:
        context: The running service.
        identifier: Id or serving name of the deployment.
        body: Returns the body of the request; called once the deployment is known to be ready.

    """
    with context.store.reading() as transaction:
        record = models.find(transaction, identifier)
    if record is None:
        raise not_found(identifier)
    script = context.control.scripts.next(record.id)
    if script is not None:
        return JsonResponse(script.status, script.body, compact=True).response()
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
    if context.answers.wants(record):
        _keep(context, record, Answer(content, answer))
    return Response(answer, media_type="application/json")


def _keep(context: Context, before: Record, answer: Answer) -> None:
    """Keep an answer, unless another version may have given it: the deployment must be as it was before."""
    with context.store.reading() as transaction:
        record = transaction.get(models.KIND, before.id)
    if record is not None and served_asset(record) == served_asset(before):
        context.answers.keep(record, answer)


def _require_ready(record: Record) -> None:
    status = record.entity["status"]
    if "online" not in record.entity:
        raise DeploymentError(f"Deployment with id '{record.id}' is a batch deployment. Score with a deployment job.")
    if status["state"] in ("initializing", "failed"):
        why = "".join(f" {error['message']}" for error in status.get("failure", {}).get("errors", ()))
        raise NotReadyError(f"Deployment with id '{record.id}' is not ready: its state is {status['state']}.{why}")
