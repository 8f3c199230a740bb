"""How clients get tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.server.errors import AuthenticationError
from wml_deployer.server.routing import Answer

if TYPE_CHECKING:
    from wml_deployer.server.routing import Call

__all__ = ["authorize"]


def authorize(call: Call) -> Answer:
    """Log in to Cloud Pak for Data with a name and a key or a password."""
    account = call.context.account
    secret = call.fields.get("api_key") or call.fields.get("password")
    if not account.owns(secret, call.fields.get("username", "")):
        raise AuthenticationError("The user name or the key is wrong.", code="invalid_credentials")
    token, _ = call.context.tokens.issue(account.username, "software")
    return Answer(200, {"_messageCode_": "200", "message": "Success", "token": token})
