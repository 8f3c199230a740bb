"""Routes of the tokens."""

from __future__ import annotations

from wml_deployer.server.http.routing import Route
from wml_deployer.server.tokens import responses

__all__ = ["ROUTES"]

ROUTES = (
    Route("POST", "/icp4d-api/v1/authorize", responses.authorize, public=True, takes="Login", gives="200 Token"),
    *(
        Route(
            *("POST", path, responses.exchange),
            public=True,
            query="apikey",
            takes="KeyForm",
            gives="200 AccessToken, 400 IdentityError",
        )
        for path in ("/identity/token", "/oidc/token")
    ),
)
"""What these operations are."""
