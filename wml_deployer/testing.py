"""Test with the embedded service: a context manager, with faults, a log of requests, and a clean end.

A test that stores, deploys and scores needs no account and no network::

    from wml_deployer.testing import LocalServer

    with LocalServer() as server:
        server.fault("POST", r"/ml/v4/models$", status=503, times=1)
        ...
        assert ("POST", 503) in [(request.method, request.status) for request in server.requests]

With pytest, ``pytest_plugins = ["wml_deployer.testing"]`` in the top ``conftest.py`` brings the fixture ``wml_server``:
a service that is started once and is as on its first day in each test. Needs the extra ``local``.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import SecretStr
from typing_extensions import Self

from wml_deployer._transport.pool import Transport
from wml_deployer.server import EmbeddedServer, ServerInfo, ServerStartError, Settings

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from wml_deployer._transport.responses import Response

try:
    import pytest
except ImportError:  # unittest needs no fixture
    pytest = None  # type: ignore[assignment]

__all__ = ["LocalServer", "LoggedRequest"]

_CONTROL = "/control/v1"
_START_SECONDS = 30
_UNAUTHORIZED = 401


@dataclass(frozen=True)
class LoggedRequest:
    """One request that the service was asked.

    Attributes:
        method: HTTP method.
        path: Path, without the query.
        query: The query, as it was sent.
        status: Status of the answer; 0 where the connection was dropped instead.
        seconds: How long it took.
        connection: Number of the connection that it came by; the first one is 1.

    Example:
        >>> LoggedRequest("GET", "/v2/spaces", "limit=1", 200, 0.002, 1).status
        200

    """

    method: str
    path: str
    query: str
    status: int
    seconds: float
    connection: int


class LocalServer:
    """The embedded service, in a thread of this process, for as long as a ``with`` block lasts.

    Args:
        directory: The folder that it keeps everything in, and finds again; None takes one that is gone afterwards.
        port: The port; 0 takes any that is free.

    Raises:
        ImportError: The extra ``local`` is not installed.

    Example:
        >>> with LocalServer() as server:
        ...     server.url.startswith("https://127.0.0.1:")
        True

    """

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, port: int = 0) -> None:
        """Take the folder; the service starts with the ``with`` block."""
        self._kept = None if directory is None else Path(directory).absolute()
        self._port = port

    def __enter__(self) -> Self:
        """Start the service and wait until it answers.

        Raises:
            ServerStartError: It cannot start, or does not in time; nothing of it is left.

        """
        with contextlib.ExitStack() as undo:
            self._directory = self._kept or Path(tempfile.mkdtemp(prefix="wml-"))
            if self._kept is None:
                undo.callback(shutil.rmtree, self._directory, ignore_errors=True)
            self._server = EmbeddedServer(Settings(self._directory, port=self._port, controllable=True))
            undo.callback(self._server.close)
            self._start(undo)
            self._transport = Transport(self.info.ca_bundle, pauses=())
            undo.callback(self._transport.close)
            self._token = self._log_in()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the service; a folder of its own making is removed."""
        self._undo.close()

    @property
    def info(self) -> ServerInfo:
        """The address of the service: URL, certificate authority, user name, key and the id of a space."""
        info: ServerInfo = self._server.info
        return info

    @property
    def url(self) -> str:
        """The URL of the service."""
        return self.info.url

    def console_link(self) -> str:
        """Return an address that shows the service's console to the first who opens it, within an hour."""
        link: str = self._server.console_link()
        return link

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests so far, in the order of the responses, without those of this object."""
        return [LoggedRequest(**entry) for entry in self._call("GET", "/requests")["resources"]]

    def fault(
        self,
        method: str | None,
        path: str,
        *,
        status: int | None = None,
        times: int | None = 1,
        skip: int = 0,
        drop: Literal["before", "within", "after"] | None = None,
        stall: float = 0.0,
        slow: float = 0.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Let requests go wrong.

        Args:
            method: Which HTTP method; any when None.
            path: Regular expression that is searched for in the request's path.
            status: Answer with this status instead of doing the work.
            times: How many requests; all that follow when None.
            skip: How many matching requests go well first.
            drop: Close the connection ``before`` the work, or do it and close ``after``, without an answer, or
                ``within`` the answer's body.
            stall: Wait so many seconds before anything else.
            slow: Spread the body of the answer over so many seconds.
            headers: Headers of the answer with `status`, ``Retry-After`` for one.

        Example:
            >>> with LocalServer() as server:
            ...     server.fault("GET", "^/v2/spaces$", status=503, headers={"Retry-After": "1"})

        """
        fault = {
            "method": method,
            "path": path,
            "status": status,
            "times": times,
            "skip": skip,
            "drop": drop,
            "stall": stall,
            "slow": slow,
            "headers": dict(headers or {}),
        }
        self._call("POST", "/faults", fault)

    def clear_faults(self) -> None:
        """Let everything go well again."""
        self._call("DELETE", "/faults")

    def clear_requests(self) -> None:
        """Forget what was asked so far, and what of it is not answered yet."""
        self._call("DELETE", "/requests")

    def predict(
        self, deployment: str, predictions: Sequence[Any] | None = None, *, status: int = 200, times: int | None = 1
    ) -> None:
        """Dictate what a deployment answers next, in place of its model.

        Args:
            deployment: Its id or serving name.
            predictions: The blocks of the answer; an error without a text when None.
            status: HTTP status of the answer.
            times: For how many requests; for all that follow when None.

        """
        body = {"predictions": list(predictions)} if predictions is not None else {"errors": []}
        self._call("POST", "/predictions", {"deployment": deployment, "body": body, "status": status, "times": times})

    def pace(self, kind: Literal["deployment", "job", "space"], *, seconds: float = 0.0, looks: int = 0) -> None:
        """Set how long resources of a kind take to change their state, beside their own work.

        Args:
            kind: Which resources.
            seconds: This time.
            looks: Until they were shown so often in their old state.

        """
        self._call("PUT", f"/paces/{kind}", {"seconds": seconds, "looks": looks})

    def advance_clock(self, seconds: float) -> None:
        """Move the service's clock forward: tokens expire, later resources are younger."""
        self._call("PUT", "/clock", {"advance": seconds})

    def stop_clock(self, moment: datetime) -> None:
        """Let the service's clock stand at a moment."""
        self._call("PUT", "/clock", {"stop": moment.isoformat()})

    def restore_clock(self) -> None:
        """Let the service's clock tell the real time again."""
        self._call("PUT", "/clock", {})

    def seed(self, seed: int | str | None) -> None:
        """Let the service make the same ids again from here on; None returns to unpredictable ones."""
        self._call("PUT", "/seed", {"seed": seed})

    def limit(
        self,
        *,
        deployments: int | None = None,
        jobs: int | None = None,
        requests_per_second: float | None = None,
        plan: str = "standard",
        task_credentials: bool = False,
    ) -> None:
        """Set the limits of the plan; None for no limit.

        Args:
            deployments: Beyond so many, new ones are refused with 403.
            jobs: Beyond so many, new ones are refused with 403, until others are deleted.
            requests_per_second: Beyond so many, requests are refused with 429 and ``Retry-After``.
            plan: Name of the plan, as the instance shows it: ``lite``, ``essentials`` or ``standard``.
            task_credentials: Whether jobs of those who logged in as to IBM Cloud are refused without task credentials.

        Example:
            >>> with LocalServer() as server:
            ...     server.limit(requests_per_second=2, plan="lite", task_credentials=True)

        """
        limits = {"deployments": deployments, "jobs": jobs, "requests_per_second": requests_per_second}
        self._call("PUT", "/limits", {**limits, "plan": plan, "task_credentials": task_credentials})

    def set_specification(self, name: str, state: str) -> None:
        """Let a base software specification be elsewhere in its life.

        Args:
            name: Its name.
            state: ``available``, ``supported`` and ``deprecated`` ones take new models; ``constricted``, ``retired``,
                ``withdrawn`` ones and those in any other state do not.

        """
        self._call("PUT", f"/software_specifications/{name}", {"state": state})

    def reset(self) -> None:
        """Be as on the first day: the default space, empty, and nothing else; no faults, no limits, the real time."""
        self._call("POST", "/reset")

    def _start(self, undo: contextlib.ExitStack) -> None:
        """Run the service in a thread of its own until it is stopped."""
        answering, over = threading.Event(), threading.Event()

        def run() -> None:
            try:
                self._server.run(lambda _info: answering.set())
            finally:
                over.set()
                answering.set()

        def stop() -> None:
            self._server.stop()
            thread.join()

        thread = threading.Thread(target=run, name="LocalServer", daemon=True)
        thread.start()
        undo.callback(stop)
        if not answering.wait(_START_SECONDS) or over.is_set():
            raise ServerStartError("The embedded service did not start; its log says why.")

    def _log_in(self) -> str:
        body = json.dumps({"username": self.info.username, "api_key": self.info.apikey}).encode()
        # Logging in by itself would stand in the log; the control API has its own way.
        answer = self._transport.request("POST", f"{self.url}{_CONTROL}/authorize", body=body)
        return str(answer.document()["token"])

    def _call(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> Any:
        answer = self._ask(method, path, document)
        if answer.status == _UNAUTHORIZED:
            # The clock was moved, and the token is from another time.
            self._token = self._log_in()
            answer = self._ask(method, path, document)
        if answer.status >= 400:  # noqa: PLR2004
            raise ValueError(f"The embedded service refused {method} {path}: {answer.body.decode()}")
        return answer.json() if answer.body else None

    def _ask(self, method: str, path: str, document: Mapping[str, Any] | None) -> Response:
        return self._transport.request(
            method,
            f"{self.url}{_CONTROL}{path}",
            body=None if document is None else json.dumps(document).encode(),
            token=SecretStr(self._token),
        )


if pytest is not None:

    @pytest.fixture(scope="session")
    def _wml_session_server() -> Iterator[LocalServer]:
        """Start one service for all tests: that takes longer than to reset it."""
        with LocalServer() as server:
            yield server

    @pytest.fixture
    def wml_server(_wml_session_server: LocalServer) -> LocalServer:
        """Give a test the service, as on its first day."""
        _wml_session_server.reset()
        return _wml_session_server
