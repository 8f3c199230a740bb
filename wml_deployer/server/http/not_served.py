"""The parts of the real service that the embedded one does not have, with the reasons.

A request for any of it is refused with 404, which both clients take for "not installed here", under a code of its own
and with the reason. The coverage page of the documentation shows the same list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wml_deployer.server.errors import NotFoundError

__all__ = ["MISSING_PARTS", "MissingPart", "NotServedError", "missing_part"]


@dataclass(frozen=True)
class MissingPart:
    """A part of the real service that is not here.

    Attributes:
        name: What users call it.
        reason: Why it is not here, and what to do instead.
        paths: What its paths begin with; ``*`` stands for any one part.

    """

    name: str
    reason: str
    paths: tuple[str, ...]

    def covers(self, path: str) -> bool:
        """Tell whether a path is one of its."""
        starts = (re.escape(start).replace(r"\*", "[^/]+") for start in self.paths)
        return any(re.match(f"{start}(?:/|$)", path) for start in starts)


class NotServedError(NotFoundError):
    """404: the real service has it, and this one does not."""

    code = "operation_not_served"


def missing_part(path: str) -> MissingPart | None:
    """Return the part of the real service at this path that is not here, if there is one."""
    return next((part for part in MISSING_PARTS if part.covers(path)), None)


MISSING_PARTS = (
    MissingPart(
        "Training, AutoAI and federated learning",
        "Nothing is trained here: fit where your code runs, and store what comes of it.",
        ("/ml/v4/trainings", "/ml/v4/remote_training_systems"),
    ),
    MissingPart(
        "Foundation models, prompts and their tuning",
        "They need models that no laptop holds; tests can script what a deployment predicts.",
        ("/ml/v1", "/ml/v1-beta", "/ml/gateway", "/ml/v4/custom_foundation_models", "/ml/v4/taxonomies", "/wx"),
    ),
    MissingPart(
        "Calls of AI services",
        "AI services are stored and shown; what can be deployed here are models and functions.",
        ("/ml/v4/deployments/*/ai_service", "/ml/v4/deployments/*/ai_service_stream"),
    ),
    MissingPart(
        "Model definitions of the training service",
        "Nothing is trained here; model definitions are kept as assets, under /v2/assets.",
        ("/ml/v4/model_definitions",),
    ),
    MissingPart(
        "Exports and imports of spaces",
        "Everything is in the service's folder: copy that while the service does not run.",
        ("/v2/asset_exports", "/v2/asset_imports"),
    ),
    MissingPart(
        "Connections, data sources and their drivers",
        "Jobs read and write data assets of the space, and rows in the request.",
        ("/v2/connections", "/v2/datasource_types", "/v2/asset_files/dbdrivers"),
    ),
    MissingPart("Storage volumes", "Upload files as data assets.", ("/zen-data", "/zen-volumes")),
    MissingPart("Parameter sets", "They are for flows, which do not run here.", ("/v2/parameter_sets",)),
    MissingPart(
        "Folders, trash and types of assets, and loose files",
        "Assets lie in a space or a project, of any type that their creator names, with their files attached; what is"
        " deleted is gone.",
        ("/v2/folder_assets", "/v2/trashed_assets", "/v2/asset_types", "/v2/asset_files"),
    ),
    MissingPart("Projects kept in Git", "Projects are kept in the service's folder.", ("/userfs",)),
    MissingPart("Members of projects", "There is one user, who may do everything.", ("/v2/projects/*/members",)),
    MissingPart("Model inventory and governance", "It is another product of the platform.", ("/v1/aigov",)),
    MissingPart("Task credentials", "Jobs run for the one user without any.", ("/v1/task_credentials",)),
    MissingPart(
        "Runs of platform jobs",
        "A job is looked at and deleted under /ml/v4/deployment_jobs, where the newer client goes on by itself.",
        ("/v2/jobs",),
    ),
    MissingPart("Runtime definitions", "Software specifications say what is installed.", ("/v2/runtime_definitions",)),
    MissingPart(
        "The first version endpoint",
        "The release is told under /ml/wml_services/v2/version, where both clients go on by themselves.",
        ("/ml/wml_services/version",),
    ),
    MissingPart(
        "The cluster's own login and public keys",
        "A user name with its key is exchanged under /icp4d-api/v1/authorize, where both clients go on by themselves,"
        " and an API key under /identity/token.",
        ("/idprovider", "/v1/preauth", "/auth", "/identity/keys", "/api/2.0"),
    ),
    MissingPart(
        "The interfaces before 2020",
        "The clients ask older releases for them, not this one.",
        (
            "/v3",
            "/ml/v4/spaces",
            "/ml/v4/runtimes",
            "/ml/v4/libraries",
            "/ml/v4/repository",
            "/ml/v4/functions/*/content",
        ),
    ),
)
"""What is not here."""
