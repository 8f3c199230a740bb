"""The door to ``ibm-watson-machine-learning``, the client for Python up to 3.12 and Cloud Pak for Data up to 5.0."""

from __future__ import annotations

import io
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from wml_deployer._clients.exchange import Exchange, running
from wml_deployer._clients.ibm import IBMClient
from wml_deployer.credentials import CloudCredentials, SoftwareCredentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from wml_deployer._clients.documents import Document
    from wml_deployer._transport.responses import Response

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

    def _listed_spaces(self) -> list[Document]:
        spaces = self._client.spaces
        # Its get_details() does not take include=, and the members of each space would be a request of their own.
        listed: list[Document] = spaces._get_with_or_without_limit(  # noqa: SLF001
            self._client.service_instance._href_definitions.get_platform_spaces_href(),  # noqa: SLF001
            None,
            "spaces",
            summary=False,
            pre_defined=False,
            skip_space_project_chk=True,
            query_params={"include": "members"},
            _all=True,
        )["resources"]
        return listed

    @contextmanager
    def _over_our_transport(self) -> Iterator[None]:
        import ibm_watson_machine_learning._wrappers.requests as wrapper  # noqa: PLC0415 - the client's one seam

        real, wrapper.requests = wrapper.requests, RequestsStandIn(wrapper.requests)
        try:
            yield
        finally:
            wrapper.requests = real


_VERBS = frozenset({"delete", "get", "head", "options", "patch", "post", "put"})


class RequestsStandIn:
    """Looks like the ``requests`` module; calls made for somebody else reach the real one.

    Args:
        real: The module it stands in for.

    """

    def __init__(self, real: ModuleType) -> None:
        """Keep the real module for everybody else."""
        self.real = real

    def __getattr__(self, name: str) -> Any:
        """Answer the verbs for a call of this library, everything else from the real module."""
        exchange = running()
        if exchange is not None and name in _VERBS:
            return partial(_send, exchange, name.upper())
        return getattr(self.real, name)


def _send(exchange: Exchange, method: str, url: str, params: Any = None, data: Any = None, **options: Any) -> Any:
    """Take what ``requests`` takes, as far as IBM's client gives it, and answer as ``requests`` does."""
    # The link of a following page has a query already, and IBM's client adds its own.
    full = f"{url}{'&' if '?' in url else '?'}{urlencode(params, doseq=True)}" if params else url
    body = data.encode() if isinstance(data, str) else data
    headers = dict(options.get("headers") or {})
    if options.get("files"):
        body, headers["Content-Type"] = _form(options["files"])
    if isinstance(body, io.BufferedReader):
        headers["Content-Length"] = str(body.seek(0, io.SEEK_END))
        body.seek(0)
    return _as_requests(method, exchange.send(method, full, headers, body))


def _form(files: Any) -> tuple[bytes, str]:
    """Write files as a form, which Cloud Pak for Data takes; return its bytes and their type."""
    import requests  # noqa: PLC0415 - comes with IBM's client, and only it needs it

    prepared = requests.Request("PUT", "https://localhost", files=files).prepare()
    body = prepared.body or b""
    return body.encode() if isinstance(body, str) else body, str(prepared.headers["Content-Type"])


def _as_requests(method: str, response: Response) -> Any:
    import requests  # noqa: PLC0415 - comes with IBM's client, and only it needs it

    answer = requests.Response()
    answer.status_code = response.status
    answer._content = response.body  # noqa: SLF001 - requests has no public way to make a response
    answer.headers.update(response.headers)
    answer.url = response.url
    answer.encoding = "utf-8"
    answer.request = requests.Request(method, response.url).prepare()
    return answer
