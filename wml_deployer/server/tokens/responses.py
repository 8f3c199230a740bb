"""How clients get tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.server.errors import AuthenticationError
from wml_deployer.server.http.codings import form_fields
from wml_deployer.server.http.routing import Answer
from wml_deployer.server.tokens.models import LIFETIME

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call, Stream

_FORM = 64 * 1024
# The identity service is not part of Watson Machine Learning and words its errors in its own way.
_NOT_FOUND = {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}

__all__ = ["authorize", "exchange"]


def authorize(call: Call) -> Answer:
    """Log in to Cloud Pak for Data with a name and a key or a password."""
    account = call.context.account
    secret = call.fields.get("api_key") or call.fields.get("password")
    if not account.owns(secret, call.fields.get("username", "")):
        raise AuthenticationError("The user name or the key is wrong.", code="invalid_credentials")
    token, _ = call.context.tokens.issue(account.username, "software")
    return Answer(200, {"_messageCode_": "200", "message": "Success", "token": token}, compact=True)


async def exchange(stream: Stream) -> Answer:
    """Give IBM Cloud's token for an API key, as its identity service does: the key is in the form, or in the query."""
    form = form_fields(await stream.body(_FORM))
    context = stream.context
    if not context.account.owns(form.get("apikey") or stream.query.get("apikey")):
        return Answer(400, _NOT_FOUND)
    token, expires = context.tokens.issue(context.account.username, "cloud")
    return Answer(
        200,
        {
            "access_token": token,
            "refresh_token": "not_supported",
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "expiration": expires,
            "scope": "ibm openid",
        },
        compact=True,
    )
