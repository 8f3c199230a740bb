"""The door to ``ibm-watsonx-ai``, the client for Python from 3.11, every region, and Cloud Pak for Data from 5.0."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wml_deployer._clients.ibm import IBMClient
from wml_deployer.credentials import CloudCredentials, SoftwareCredentials

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WatsonxClient"]


class WatsonxClient(IBMClient):
    """One deployment space through ``ibm_watsonx_ai.APIClient``."""

    package = "ibm_watsonx_ai"
    extra = "watsonx"

    def _constructed(self, credentials: CloudCredentials | SoftwareCredentials) -> Any:
        from ibm_watsonx_ai import APIClient, Credentials  # noqa: PLC0415 - takes a second to import

        from wml_deployer._clients.httpx_stand_in import (  # noqa: PLC0415 - httpx comes with IBM's client
            asynchronous_client,
            synchronous_client,
        )

        given = Credentials(url=self.url, token=self._tokens.token())
        if isinstance(credentials, SoftwareCredentials):
            given.version = credentials.version
        return APIClient(given, httpx_client=synchronous_client(), async_httpx_client=asynchronous_client())

    def _hand_over(self, token: str) -> None:
        if self._client.credentials.token != token:
            self._client.set_token(token)

    def _specification_key(self) -> str:
        return str(self._client.repository.ModelMetaNames.SOFTWARE_SPEC_ID)

    @contextmanager
    def _over_our_transport(self) -> Iterator[None]:
        from ibm_watsonx_ai._wrappers.httpx import GlobalHttpxSettings as Settings  # noqa: PLC0415 - takes a second

        # Its constructor forgets the proxies that another client of this process was given.
        before = Settings.verify, Settings.proxies
        try:
            yield
        finally:
            Settings.verify, Settings.proxies = before
