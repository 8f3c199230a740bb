"""Task credentials: the API key with which IBM Cloud runs the jobs of a user. Each user has one at most.

The key is compared with the account's and not stored: the jobs here need none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import ConflictError, InvalidRequestError, NotFoundError, wrong_field
from wml_deployer.server.http.not_served import NotServedError
from wml_deployer.server.storage.records import Record

if TYPE_CHECKING:
    from wml_deployer.server.context import Context
    from wml_deployer.server.http.tokens import Caller
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["create", "credentials_of", "find", "require_credentials"]

_KIND = "task_credentials"
_TYPE = "iam_api_key"


def credentials_of(transaction: Transaction, caller: Caller) -> list[Record]:
    """Return the task credentials of a caller.

    Raises:
        NotServedError: The caller takes the service for Cloud Pak for Data, which has none.

    """
    if caller.flavour != "cloud":
        raise NotServedError("Task credentials exist on IBM Cloud only. Jobs on Cloud Pak for Data need none.")
    return transaction.find(_KIND, caller.user_id)


def find(transaction: Transaction, caller: Caller, identifier: str) -> Record:
    """Return the task credentials with this id.

    Raises:
        NotFoundError: The caller has none with this id.

    """
    for record in credentials_of(transaction, caller):
        if record.id == identifier:
            return record
    raise NotFoundError(f"The task credentials with id '{identifier}' do not exist.")


def create(context: Context, transaction: Transaction, caller: Caller, fields: dict[str, Any]) -> Record:
    """Store task credentials.

    Raises:
        InvalidRequestError: A field is missing or invalid, or the key is not one of the account.
        ConflictError: The caller has some already.

    """
    if credentials_of(transaction, caller):
        raise ConflictError("The user has task credentials already.", code="task_credentials_exist")
    if fields.get("type") != _TYPE:
        raise wrong_field("type", f"The type of task credentials must be {_TYPE}.")
    name, secret = fields.get("name"), fields.get("secret")
    if not isinstance(name, str) or not name.strip():
        raise wrong_field("name", "The name of task credentials must be a non-empty string.")
    if not isinstance(secret, dict) or not context.account.verify(secret.get("api_key")):
        raise InvalidRequestError("The secret of task credentials must have an api_key of the account.")
    identifier = context.identifiers.new()
    document = {
        "id": identifier,
        "name": name,
        "description": str(fields.get("description") or ""),
        "type": _TYPE,
        "scope": {},
        "created_at": context.clock.stamp(),
    }
    record = Record(_KIND, identifier, caller.user_id, name, document)
    transaction.add(record)
    return record


def require_credentials(context: Context, transaction: Transaction, caller: Caller) -> None:
    """Require task credentials of a caller who starts a job, if the control API asks for that.

    Raises:
        InvalidRequestError: The caller has none. The code is IBM's; status and text are made up here.

    """
    needed = context.control.jobs_need_credentials and caller.flavour == "cloud"
    if needed and not credentials_of(transaction, caller):
        raise InvalidRequestError(
            "Task credentials are missing: the job cannot run on your behalf.", code="missing_task_credentials"
        )
