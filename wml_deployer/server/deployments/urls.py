"""Routes of the deployments."""

from __future__ import annotations

from wml_deployer.server.deployments import responses
from wml_deployer.server.deployments.predictions import predict
from wml_deployer.server.routing import Route

__all__ = ["ROUTES"]

ROUTES = (
    Route("POST", "/ml/v4/deployments/{deployment_id}/predictions", predict),
    Route("POST", "/ml/v4/deployments", responses.create),
    Route("GET", "/ml/v4/deployments", responses.listing),
    Route("GET", "/ml/v4/deployments/{deployment_id}", responses.show),
    Route("PATCH", "/ml/v4/deployments/{deployment_id}", responses.update),
    Route("DELETE", "/ml/v4/deployments/{deployment_id}", responses.delete),
)
"""What these operations are."""
