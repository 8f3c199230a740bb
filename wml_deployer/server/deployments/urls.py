"""Routes of the deployments."""

from __future__ import annotations

from wml_deployer.server.deployments import responses
from wml_deployer.server.deployments.predictions import predict
from wml_deployer.server.http.routing import Route

__all__ = ["ROUTES"]

ROUTES = (
    Route("POST", "/ml/v4/deployments/{deployment_id}/predictions", predict, takes="Rows", gives="200 Predictions"),
    Route("POST", "/ml/v4/deployments", responses.create, query="scope", takes="NewDeployment", gives="202 Deployment"),
    Route(
        *("GET", "/ml/v4/deployments", responses.listing),
        query="scope page name state tag asset_id",
        gives="200 Deployments, 204",
    ),
    Route("GET", "/ml/v4/deployments/{deployment_id}", responses.show, query="scope", gives="200 Deployment"),
    Route(
        *("PATCH", "/ml/v4/deployments/{deployment_id}", responses.update),
        query="scope",
        takes="DeploymentPatch",
        gives="200 Deployment, 202 Deployment",
    ),
    Route("DELETE", "/ml/v4/deployments/{deployment_id}", responses.delete, query="scope", gives="204"),
)
"""What these operations are."""
