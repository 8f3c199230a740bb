"""The door to ``ibm-watson-machine-learning``, the client for Python up to 3.12 and Cloud Pak for Data up to 5.0."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wml_deployer._clients.ibm import IBMClient
from wml_deployer._clients.requests_stand_in import RequestsStandIn
from wml_deployer.credentials import CloudCredentials, SoftwareCredentials

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MachineLearningClient"]


class MachineLearningClient(IBMClient):
    """One deployment space through ``ibm_watson_machine_learning.APIClient``."""

    package = "ibm_watson_machine_learning"
    extra = "wml"

    def _constructed(self, credentials: CloudCredentials | SoftwareCredentials) -> Any:
        from ibm_watson_machine_learning import APIClient  # noqa: PLC0415 - takes a second to import

        given = {"url": self.url, "token": self._tokens.token()}
        if isinstance(credentials, SoftwareCredentials):
            given["instance_id"] = "openshift"
            if credentials.version:
                given["version"] = credentials.version
        return APIClient(given)

    def _hand_over(self, token: str) -> None:
        self._client.wml_credentials["token"] = self._client.wml_token = token

    def _specification_key(self) -> str:
        return str(self._client.repository.ModelMetaNames.SOFTWARE_SPEC_UID)

    @contextmanager
    def _over_our_transport(self) -> Iterator[None]:
        import ibm_watson_machine_learning._wrappers.requests as wrapper  # noqa: PLC0415 - the client's one seam

        real, wrapper.requests = wrapper.requests, RequestsStandIn(wrapper.requests)
        try:
            yield
        finally:
            wrapper.requests = real
