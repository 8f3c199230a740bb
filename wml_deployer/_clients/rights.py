"""The calls about what the caller may do: the plan's limits, and the credentials of long-running tasks."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from wml_deployer._clients.documents import is_document
from wml_deployer._clients.exchange import request
from wml_deployer._clients.records import PlanRecord
from wml_deployer._clients.rest import RestCalls
from wml_deployer._transport.idempotency import send_once
from wml_deployer._transport.responses import checked
from wml_deployer.credentials._regions import find_region
from wml_deployer.errors import (
    AuthorizationError,
    BadRequestError,
    CredentialsError,
    InvalidResponseError,
    NotFoundError,
    WMLDeployerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NO_TASK_CREDENTIALS", "RightsCalls"]

PATH = "/v1/task_credentials"
NO_TASK_CREDENTIALS = "Call create_task_credentials() once: IBM Cloud runs jobs with them alone."
"""What to do where there are none."""


class RightsCalls(RestCalls):
    """Ask what the caller may do, and let IBM Cloud act for the caller."""

    def plan(self, instance_id: str) -> PlanRecord:
        """Ask for a plan. IBM's older client tells of none on Cloud Pak for Data."""
        return PlanRecord.from_document(
            self._call("GET", f"/ml/v4/instances/{instance_id}", "look up the runtime instance").document()
        )

    def has_task_credentials(self) -> bool | None:
        """Ask whether IBM Cloud can run jobs for the caller; ``None`` where it needs nothing, or does not tell."""
        if find_region(self.url) is None:
            return None
        try:
            return self._has_task_credentials()
        except (AuthorizationError, NotFoundError):
            return None

    def create_task_credentials(self) -> bool:
        """Let IBM Cloud keep the caller's key to run jobs; return whether that was needed.

        IBM's newer client sends the key that it was constructed with, and it is constructed with a token here; neither
        of them can tell afterwards whether a lost response had done the work.

        Raises:
            CredentialsError: The credentials have a token in place of a key.

        """
        if find_region(self.url) is None or self._has_task_credentials():
            return False
        body = self._tokens.task_credentials()
        if body is None:
            raise CredentialsError(
                "Task credentials are an API key that IBM Cloud keeps, and these credentials have a token.",
                operation="create the task credentials",
                next_step="Give the credentials an apikey, or create them on the platform's page Profile and settings.",
            )

        def create() -> bool:
            url, headers = f"{self._platform_url()}{PATH}", {"Content-Type": "application/json"}
            response = request(self._transport, self._tokens, "POST", url, headers=headers, body=body)
            checked(response, "create the task credentials")
            return True

        return send_once(create, lambda: self._has_task_credentials() or None)

    @contextmanager
    def needing_task_credentials(self) -> Iterator[None]:
        """Give what is refused in the block the right next step, if the caller has no task credentials.

        IBM does not document how a job without them is refused: whatever the service calls the reason, it is looked up.
        """
        try:
            yield
        except (AuthorizationError, BadRequestError) as error:
            with suppress(WMLDeployerError):
                if self.has_task_credentials() is False:
                    error.next_step = NO_TASK_CREDENTIALS
            raise

    def _has_task_credentials(self) -> bool:
        url = f"{self._platform_url()}{PATH}"
        response = checked(request(self._transport, self._tokens, "GET", url), "look up the task credentials")
        listed = response.document().get("credentials") or []
        if not isinstance(listed, list):
            raise InvalidResponseError("The service's list is not a list.", operation="look up the task credentials")
        return any(filter(is_document, listed))
