"""Log in to the platform, ask for its release and its machine learning instance, and keep task credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import AuthenticationError
from wml_deployer.server.http.routing import JsonResponse, Route, form_fields
from wml_deployer.server.http.tokens import LIFETIME
from wml_deployer.server.platform import models

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call, StreamingCall

__all__ = [
    "RELEASE",
    "ROUTES",
    "authorize",
    "create_credentials",
    "delete_credentials",
    "exchange",
    "list_credentials",
    "list_instances",
    "list_service_instances",
    "show_credentials",
    "show_instance",
    "show_release",
]

RELEASE = "5.0.0"
"""Release of Cloud Pak for Data: the only one that both clients support."""

_FORM = 64 * 1024
"""Bytes of a form that are read at most."""
# The identity service is not part of Watson Machine Learning; its errors have another form.
_NOT_FOUND = {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}

_SINCE = "2020-01-01T00:00:00.000Z"
_ID = "99999999-9999-9999-9999-999999999999"

_REGIONS = ("us-south", "eu-de", "eu-gb", "jp-tok", "au-syd", "ca-tor")
_SERVICES = {
    "51c53b72-918f-4869-b834-2d99eb28422a": ("Watson Machine Learning", "pm-20", _REGIONS),
    "dff97f5c-bc5e-4455-b470-411c3edbe49c": ("Cloud Object Storage", "cloud-object-storage", ("global",)),
}
"""Id in the catalogue of IBM Cloud -> name, name in resource names, and regions of the account's instances."""


def show_release(_call: Call) -> JsonResponse:
    """Show the release of the service."""
    return JsonResponse(200, {"version": RELEASE})


def list_instances(call: Call) -> JsonResponse:
    """List the machine learning instances: there is one."""
    return JsonResponse(200, {"resources": [_document(_ID, call)]})


def list_service_instances(call: Call) -> JsonResponse:
    """List the account's instances of a service, as the resource controller of IBM Cloud does."""
    wanted = call.query.get("resource_id")
    found = [
        {
            "id": crn,
            "guid": _ID,
            "crn": crn,
            "name": name,
            "region_id": region,
            "resource_id": service,
            "state": "active",
            "type": "service_instance",
        }
        for service, (name, code, regions) in _SERVICES.items()
        for region in regions
        if wanted in {None, service}
        for crn in [f"crn:v1:bluemix:public:{code}:{region}:a/local:{_ID}::"]
    ]
    return JsonResponse(200, {"rows_count": len(found), "next_url": None, "resources": found})


def show_instance(call: Call) -> JsonResponse:
    """Show an instance: its plan and consumption."""
    return JsonResponse(200, _document(call.path["instance_id"], call))


def _document(identifier: str, call: Call) -> dict[str, Any]:
    """Return the document of an instance. All ids that spaces name are the same instance."""
    control = call.context.control
    return {
        "metadata": {"id": identifier, "created_at": _SINCE, "modified_at": _SINCE},
        "entity": {
            "name": "Watson Machine Learning",
            "plan": {"id": "3f6acf43-ede8-413a-ac69-f8af3bb0cbfe", "name": control.plan, "version": 2},
            "status": "active",
            "consumption": {
                "capacity_unit_hours": {"current": 0, "limit": -1},
                "deployment_job_count": {
                    "current": call.transaction.count("job"),
                    "limit": -1 if control.quota.jobs is None else control.quota.jobs,
                },
            },
        },
    }


def authorize(call: Call) -> JsonResponse:
    """Log in to Cloud Pak for Data with a user name and an API key or password."""
    account = call.context.account
    secret = call.fields.get("api_key") or call.fields.get("password")
    if not account.verify(secret, call.fields.get("username", "")):
        raise AuthenticationError("The user name or the API key is wrong.", code="invalid_credentials")
    token, _ = call.context.tokens.issue(account.username, "software")
    return JsonResponse(200, {"_messageCode_": "200", "message": "Success", "token": token}, compact=True)


async def exchange(stream: StreamingCall) -> JsonResponse:
    """Exchange an API key for a token, as the identity service of IBM Cloud does; the key is in the form or query."""
    form = form_fields(await stream.body(_FORM))
    context = stream.context
    if not context.account.verify(form.get("apikey") or stream.query.get("apikey")):
        return JsonResponse(400, _NOT_FOUND)
    token, expires = context.tokens.issue(context.account.username, "cloud")
    return JsonResponse(
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


def list_credentials(call: Call) -> JsonResponse:
    """List the task credentials of the caller: none, or one."""
    records = models.credentials_of(call.transaction, call.caller)
    return JsonResponse(200, {"credentials": [record.document for record in records]})


def create_credentials(call: Call) -> JsonResponse:
    """Store task credentials."""
    record = models.create(call.context, call.transaction, call.caller, call.fields)
    return JsonResponse(201, record.document)


def show_credentials(call: Call) -> JsonResponse:
    """Show task credentials, without the key."""
    return JsonResponse(200, models.find(call.transaction, call.caller, call.path["credentials_id"]).document)


def delete_credentials(call: Call) -> JsonResponse:
    """Delete task credentials."""
    call.transaction.remove(models.find(call.transaction, call.caller, call.path["credentials_id"]))
    return JsonResponse(204)


ROUTES = (
    Route("GET", "/ml/wml_services/v2/version", show_release, public=True, gives="200 Release"),
    Route("GET", "/ml/v4/instances", list_instances, gives="200 Instances"),
    Route("GET", "/ml/v4/instances/{instance_id}", show_instance, gives="200 Instance"),
    Route("GET", "/v2/resource_instances", list_service_instances, query="resource_id", gives="200 ServiceInstances"),
    Route("GET", "/v1/task_credentials", list_credentials, gives="200 ManyTaskCredentials"),
    Route(
        *("POST", "/v1/task_credentials", create_credentials),
        takes="NewTaskCredentials",
        gives="201 TaskCredentials",
    ),
    Route("GET", "/v1/task_credentials/{credentials_id}", show_credentials, gives="200 TaskCredentials"),
    Route("DELETE", "/v1/task_credentials/{credentials_id}", delete_credentials, gives="204"),
    Route("POST", "/icp4d-api/v1/authorize", authorize, public=True, takes="Login", gives="200 Token"),
    *(
        Route(
            *("POST", path, exchange),
            public=True,
            query="apikey",
            takes="KeyForm",
            gives="200 AccessToken, 400 IdentityError",
        )
        for path in ("/identity/token", "/oidc/token")
    ),
)
"""The routes of the platform."""
