"""Predictions: the path that is taken most, and the one that keeps no transaction open while a model works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from wml_deployer.server.deployments import held, models
from wml_deployer.server.deployments.errors import DeploymentError, NotReadyError, absent
from wml_deployer.server.deployments.plans import plan_of
from wml_deployer.server.errors import ServiceError
from wml_deployer.server.routing import Answer
from wml_deployer.server.runtimes import LoadError, PredictionError

if TYPE_CHECKING:
    from wml_deployer.server.records import Record
    from wml_deployer.server.routing import Stream

__all__ = ["predict"]


class _PredictionRefusedError(ServiceError):
    """What the runtime says of a request, with the status that it says it with."""

    shows_status = False

    def __init__(self, error: PredictionError) -> None:
        super().__init__(error.message, code=error.code)
        self.status = error.status


async def predict(stream: Stream) -> Response:
    """Answer a prediction request, by the deployment's id or its serving name."""
    identifier = stream.path["deployment_id"]
    with stream.context.store.reading() as transaction:
        record = models.find(transaction, identifier)
    if record is None:
        raise absent(identifier)
    script = stream.context.control.scripts.next(record.id)
    if script is not None:
        return Answer(script.status, script.body).response()
    _require_ready(record)
    body = await stream.body(stream.context.limits.document)
    try:
        answer = await stream.context.serving.predict(
            record.id, lambda: plan_of(stream.context, record, held.SERVING), body
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
