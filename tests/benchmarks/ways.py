"""The ways that scoring is measured against: a bare kept-alive connection, and IBM's two clients used by hand."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import statistics
import time
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["bare_connection", "ibm_ways", "medians"]


def bare_connection(url: str, ca_bundle: Path, deployment_id: str, token: str) -> Callable[[bytes], bytes]:
    """Keep one connection open and post on it: nothing can be faster from here."""
    host, port = url.removeprefix("https://").split(":")
    connection = http.client.HTTPSConnection(host, int(port), context=ssl.create_default_context(cafile=ca_bundle))
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    path = f"/ml/v4/deployments/{deployment_id}/predictions?version=2026-08-17"
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def post(body: bytes) -> bytes:
        connection.request("POST", path, body, headers)
        return connection.getresponse().read()

    return post


def ibm_ways(
    info: Any, deployment_id: str, ca_bundle: Path, url: str | None = None
) -> Iterator[tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]]:
    """Construct IBM's clients and score as their documentation does, answers parsed into a frame.

    Args:
        info: The embedded service, where they log in.
        deployment_id: What to score on.
        ca_bundle: Whom they trust.
        url: Where they ask for scores instead, if elsewhere.

    """
    import ibm_watson_machine_learning._wrappers.requests as wrapper  # noqa: PLC0415 - heavy
    from ibm_watson_machine_learning import APIClient as OldClient  # noqa: PLC0415

    wrapper.verify = str(ca_bundle)
    given = {"url": info.url, "username": info.username, "apikey": info.apikey, "instance_id": "openshift"}
    with contextlib.redirect_stdout(io.StringIO()):
        old = OldClient({**given, "version": "5.0"})
        old.set.default_space(info.space_id)
    old.wml_credentials["url"] = url or info.url
    yield "old client", partial(as_the_tutorial, old, deployment_id)
    with contextlib.suppress(ImportError):
        from ibm_watsonx_ai import APIClient, Credentials  # noqa: PLC0415

        key = Credentials(
            url=info.url, username=info.username, api_key=info.apikey, version="5.0", verify=str(ca_bundle)
        )
        new = APIClient(key, space_id=info.space_id)
        new._href_definitions.url = url or info.url
        yield "ibm-watsonx-ai", partial(as_the_tutorial, new, deployment_id)


def as_the_tutorial(client: Any, deployment_id: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Score a frame by hand: lists in, lists out, a frame made of them."""
    payload = {"input_data": [{"fields": frame.columns.to_list(), "values": frame.to_numpy().tolist()}]}
    answer = client.deployments.score(deployment_id, payload)["predictions"][0]["values"]
    return pd.DataFrame([[label, *probabilities] for label, probabilities in answer], index=frame.index)


def medians(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Let each way begin warm, then take turns; the median of each in seconds.

    The order changes from round to round: whoever comes after the slowest finds nothing in the processor's caches.
    """
    for way in ways.values():
        way()
    times: dict[str, list[float]] = {name: [] for name in ways}
    order, chance = list(ways.items()), Random(0)
    for _ in range(rounds):
        chance.shuffle(order)
        for name, way in order:
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}
