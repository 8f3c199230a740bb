"""Routes of the jobs."""

from __future__ import annotations

from wml_deployer.server.http.routing import Route
from wml_deployer.server.jobs import responses

__all__ = ["ROUTES"]

ROUTES = (
    Route("POST", "/ml/v4/deployment_jobs", responses.create, query="scope", takes="NewJob", gives="202 Job"),
    Route(
        *("GET", "/ml/v4/deployment_jobs", responses.listing),
        query="scope page name state deployment_id include",
        gives="200 Jobs",
    ),
    Route("GET", "/ml/v4/deployment_jobs/{job_id}", responses.show, query="scope include", gives="200 Job"),
    Route("DELETE", "/ml/v4/deployment_jobs/{job_id}", responses.delete, query="scope hard_delete", gives="204"),
)
"""What these operations are."""
