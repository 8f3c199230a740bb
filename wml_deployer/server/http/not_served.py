"""The parts of the real service that the embedded one does not have, with the reasons.

Requests for them get 404, which both clients take for "not installed here", with a code of its own and the reason. The
documentation shows the same list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wml_deployer.server.errors import NotFoundError

__all__ = ["MISSING_PARTS", "MissingPart", "NotServedError", "missing_part"]


@dataclass(frozen=True)
class MissingPart:
    """A part of the real service that is missing here.

    Attributes:
        name: Its name, as users know it.
        reason: Why it is missing, and what to do instead.
        paths: Prefixes of its paths; ``*`` matches one segment.

    """

    name: str
    reason: str
    paths: tuple[str, ...]

    def covers(self, path: str) -> bool:
        """Return whether a path belongs to this part."""
        starts = (re.escape(start).replace(r"\*", "[^/]+") for start in self.paths)
        return any(re.match(f"{start}(?:/|$)", path) for start in starts)


class NotServedError(NotFoundError):
    """404: the real service has this operation, the embedded one does not."""

    code = "operation_not_served"


def missing_part(path: str) -> MissingPart | None:
    """Return the missing part that a path belongs to, if any."""
    return next((part for part in MISSING_PARTS if part.covers(path)), None)


MISSING_PARTS = (
    MissingPart(
        "Training, AutoAI and federated learning",
        "Models are not trained here: fit them where your code runs, and store the result.",
        ("/ml/v4/trainings", "/ml/v4/remote_training_systems"),
    ),
    MissingPart(
        "Foundation models, prompts and their tuning",
        "They need models too large for a laptop; tests can script the predictions of a deployment.",
        ("/ml/v1", "/ml/v1-beta", "/ml/gateway", "/ml/v4/custom_foundation_models", "/ml/v4/taxonomies", "/wx"),
    ),
    MissingPart(
        "Calls of AI services",
        "AI services are stored and shown, but only models and functions can be deployed here.",
        ("/ml/v4/deployments/*/ai_service", "/ml/v4/deployments/*/ai_service_stream"),
    ),
    MissingPart(
        "Model definitions of the training service",
        "Models are not trained here; model definitions are kept as assets, under /v2/assets.",
        ("/ml/v4/model_definitions",),
    ),
    MissingPart(
        "Exports and imports of spaces",
        "All data is in the folder of the service: copy it while the service is stopped.",
        ("/v2/asset_exports", "/v2/asset_imports"),
    ),
    MissingPart(
        "Connections, data sources and their drivers",
        "Jobs read data assets of the space or rows in the request, and write data assets.",
        ("/v2/connections", "/v2/datasource_types", "/v2/asset_files/dbdrivers"),
    ),
    MissingPart("Storage volumes", "Upload files as data assets.", ("/zen-data", "/zen-volumes")),
    MissingPart("Parameter sets", "They belong to flows, which do not run here.", ("/v2/parameter_sets",)),
    MissingPart(
        "Folders, trash and types of assets, and loose files",
        "Assets are in a space or project, have any type, and hold their files as attachments; deleted assets cannot"
        " be restored.",
        ("/v2/folder_assets", "/v2/trashed_assets", "/v2/asset_types", "/v2/asset_files"),
    ),
    MissingPart("Projects kept in Git", "Projects are kept in the service's folder.", ("/userfs",)),
    MissingPart("Members of projects", "There is one user, who has all permissions.", ("/v2/projects/*/members",)),
    MissingPart("Model inventory and governance", "They are another product of the platform.", ("/v1/aigov",)),
    MissingPart(
        "Runs of platform jobs",
        "Jobs are shown and deleted under /ml/v4/deployment_jobs, which the newer client falls back to.",
        ("/v2/jobs",),
    ),
    MissingPart(
        "Runtime definitions", "Software specifications list the installed packages.", ("/v2/runtime_definitions",)
    ),
    MissingPart(
        "The first version endpoint",
        "The release is shown under /ml/wml_services/v2/version, which both clients fall back to.",
        ("/ml/wml_services/version",),
    ),
    MissingPart(
        "The cluster's own login and public keys",
        "Both clients fall back to /icp4d-api/v1/authorize for a user name with a key, and to /identity/token for an"
        " API key.",
        ("/idprovider", "/v1/preauth", "/auth", "/identity/keys", "/api/2.0"),
    ),
    MissingPart(
        "The interfaces before 2020",
        "The clients use them with older releases only.",
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
"""All missing parts."""
