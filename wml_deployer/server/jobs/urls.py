"""Routes of the jobs."""

from __future__ import annotations

from wml_deployer.server.jobs import responses
from wml_deployer.server.routing import Route

__all__ = ["ROUTES"]

ROUTES = (
    Route("POST", "/ml/v4/deployment_jobs", responses.create),
    Route("GET", "/ml/v4/deployment_jobs", responses.listing),
    Route("GET", "/ml/v4/deployment_jobs/{job_id}", responses.show),
    Route("DELETE", "/ml/v4/deployment_jobs/{job_id}", responses.delete),
)
"""What these operations are."""
