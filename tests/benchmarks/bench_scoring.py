"""Scoring beside IBM's two clients and a bare kept-alive connection, on one embedded service, in one run.

Ways take turns, so that what else the machine does hits all of them; ratios of medians are held, times are shown.
Where the model's own ``predict`` dominates, a row of the table says what it takes.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import resource
import socket
import ssl
import statistics
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer._scoring.batches import score_rows
from wml_deployer._scoring.options import Batching
from wml_deployer._transport.pool import Transport
from wml_deployer.payload import encode
from wml_deployer.schema import Field, Schema
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FIELDS = [f"feature {number}" for number in range(30)]
ROUND_TRIP_SECONDS = 0.040


class Bench(NamedTuple):
    """One deployed model, and every way to score on it."""

    deployer: Deployer
    bare: Callable[[bytes], bytes]
    ways: dict[str, Callable[[pd.DataFrame], object]]
    model: Any


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """1,000 rows × 30 floats."""
    return pd.DataFrame(np.random.default_rng(0).normal(size=(1_000, 30)), columns=FIELDS)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, rows: pd.DataFrame) -> Iterator[Bench]:
    """Deploy a model and open each way to it."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "metadata.yaml").write_text("project_name: bench\nproject_version: v0.1\n")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, rows["feature 0"] > 0)
    with LocalServer() as server:
        info = server.info
        credentials = SoftwareCredentials(
            url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
        )
        with Deployer(credentials, folder / "metadata.yaml") as deployer:
            deployment = deployer.deploy(model, sample=rows.head(5))
            token = deployer._project.client._tokens.token()  # type: ignore[attr-defined]  # the bare way's own token
            bare = bare_connection(info.url, info.ca_bundle, deployment.id, token)
            yield Bench(deployer, bare, dict(ibm_ways(info, deployment.id)), model)


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


def ibm_ways(info: Any, deployment_id: str) -> Iterator[tuple[str, Callable[[pd.DataFrame], object]]]:
    """Construct IBM's clients and score as their documentation does, answers parsed into a frame."""
    import ibm_watson_machine_learning._wrappers.requests as wrapper  # noqa: PLC0415 - heavy
    from ibm_watson_machine_learning import APIClient as OldClient  # noqa: PLC0415

    wrapper.verify = str(info.ca_bundle)
    given = {"url": info.url, "username": info.username, "apikey": info.apikey, "instance_id": "openshift"}
    with contextlib.redirect_stdout(io.StringIO()):
        old = OldClient({**given, "version": "5.0"})
        old.set.default_space(info.space_id)
    yield "old client", partial(as_the_tutorial, old, deployment_id)
    with contextlib.suppress(ImportError):
        from ibm_watsonx_ai import APIClient, Credentials  # noqa: PLC0415

        key = Credentials(
            url=info.url, username=info.username, api_key=info.apikey, version="5.0", verify=str(info.ca_bundle)
        )
        yield "ibm-watsonx-ai", partial(as_the_tutorial, APIClient(key, space_id=info.space_id), deployment_id)


def as_the_tutorial(client: Any, deployment_id: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Score a frame by hand: lists in, lists out, a frame made of them."""
    payload = {"input_data": [{"fields": frame.columns.to_list(), "values": frame.to_numpy().tolist()}]}
    answer = client.deployments.score(deployment_id, payload)["predictions"][0]["values"]
    return pd.DataFrame([[label, *probabilities] for label, probabilities in answer], index=frame.index)


def medians(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Take turns; return each way's median in seconds."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def show(title: str, found: dict[str, float]) -> None:
    """Print one table."""
    ours = found["wml_deployer"]
    lines = [f"\n{title}, {os.cpu_count()} cores", f"{'way':<26}{'ms':>10}{'x ours':>9}"]
    lines += [f"{way:<26}{seconds * 1e3:>10.2f}{seconds / ours:>9.2f}" for way, seconds in found.items()]
    sys.stdout.write("\n".join(lines) + "\n")


def measured(bench: Bench, frame: pd.DataFrame, rounds: int) -> dict[str, float]:
    """Measure every way on one frame."""
    body = encode(frame)
    ways: dict[str, Callable[[], object]] = {
        "wml_deployer": partial(bench.deployer.score, frame),
        "bare kept-alive POST": partial(bench.bare, body),
        "predict + predict_proba": lambda: (bench.model.predict(frame), bench.model.predict_proba(frame)),
        **{name: partial(way, frame) for name, way in bench.ways.items()},
    }
    for way in ways.values():
        way()
    return medians(ways, rounds)


def test_one_row(bench: Bench, rows: pd.DataFrame) -> None:
    """Frame to frame, at most 2.2 times a bare POST; the model's own time, which no client can save, is left out."""
    found = measured(bench, rows.head(1), 60)
    show("score of 1 row x 30 floats, loopback", found)

    assert found["wml_deployer"] <= 2.2 * found["bare kept-alive POST"]
    own = found["predict + predict_proba"]
    assert found["old client"] - own >= 2 * (found["wml_deployer"] - own)


def test_a_thousand_rows(bench: Bench, rows: pd.DataFrame) -> None:
    """What the service itself takes is in every row of the table."""
    found = measured(bench, rows, 20)
    show("score of 1,000 rows x 30 floats, loopback", found)

    assert found["wml_deployer"] <= 2.2 * found["bare kept-alive POST"]
    assert found["old client"] > 2 * found["wml_deployer"]


class Canned:
    """A TLS server that answers so many rows in no time, after a delay like that of a network."""

    def __init__(self, certificate: ssl.SSLContext, delay: float = 0.0) -> None:
        """Listen on a free port."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.certificate, self.delay = self.listener.getsockname()[1], certificate, delay
        self.connections = self.requests = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        """Serve each connection on a thread."""
        with contextlib.suppress(OSError):
            while True:
                raw, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(raw,), daemon=True).start()

    def serve(self, raw: socket.socket) -> None:
        """Answer until the client closes."""
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), self.certificate.wrap_socket(raw, server_side=True) as connection:
            file = connection.makefile("rb")
            while line := file.readline():
                length = 0
                while (line := file.readline().strip().lower()) != b"":
                    if line.startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                count = file.read(length).count(b"],[") + 1
                self.requests += 1
                time.sleep(self.delay)
                row = b"[1,[0.06057910314628456,0.9394208968537154]],"
                body = (
                    b'{"predictions":[{"fields":["prediction","probability"],"values":[' + (row * count)[:-1] + b"]}]}"
                )
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@pytest.fixture
def canned(tmp_path: Path) -> Iterator[Callable[[float], tuple[Canned, Transport]]]:
    """Start canned servers with a certificate of their own authority."""
    import trustme  # noqa: PLC0415 - comes with the embedded service

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    started: list[Canned] = []

    def start(delay: float) -> tuple[Canned, Transport]:
        started.append(Canned(context, delay))
        return started[-1], Transport(tmp_path / "ca.pem")

    yield start
    for server in started:
        server.listener.close()


def test_a_round_trip(canned: Callable[[float], tuple[Canned, Transport]], rows: pd.DataFrame) -> None:
    """At 40 ms a call takes one round trip and opens no connection."""
    server, transport = canned(ROUND_TRIP_SECONDS)
    ask = partial(posted, transport, f"https://127.0.0.1:{server.port}/predictions")
    ask(encode(rows.head(1)))
    before = server.connections
    start = time.perf_counter()
    for _ in range(20):
        score_rows(rows.head(1), ask, None, Batching())
    each = (time.perf_counter() - start) / 20
    sys.stdout.write(
        f"\n1 row at 40 ms round trip: {each * 1e3:.1f} ms, {server.connections - before} new connections\n"
    )

    assert (before, True) == (server.connections, each < 1.25 * ROUND_TRIP_SECONDS)


def posted(transport: Transport, url: str, body: bytes) -> bytes:
    return transport.request("POST", url, body=body, repeatable=True).body


def test_a_million_rows(canned: Callable[[float], tuple[Canned, Transport]]) -> None:
    """Chunk by chunk, memory stays bounded and does not grow with the rows."""
    server, transport = canned(0.0)
    ask = partial(posted, transport, f"https://127.0.0.1:{server.port}/predictions")
    chunk = pd.DataFrame(np.random.default_rng(0).normal(size=(50_000, 30)), columns=FIELDS)
    schema = Schema(tuple(Field(name, "float64") for name in FIELDS), (0, 1))
    score_rows(chunk, ask, schema, Batching())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start, scored = time.perf_counter(), 0
    for _ in range(20):
        scored += len(score_rows(chunk, ask, schema, Batching()))
    seconds = time.perf_counter() - start
    extra = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    by_hand = hand_written_seconds(chunk, ask) * 20
    sys.stdout.write(
        f"\n{scored:,} rows x 30 against a canned server: {seconds:.2f} s, {extra:.0f} MB more at the peak; by hand in "
        f"calls of 10,000 rows with the json module: {by_hand:.1f} s ({by_hand / seconds:.1f} x)\n"
    )

    assert (1_000_000, True, True) == (scored, extra <= 120, by_hand > 5 * seconds)


def hand_written_seconds(chunk: pd.DataFrame, ask: Callable[[bytes], bytes]) -> float:
    """Encode and decode 50,000 rows as the tutorial does, over the same kept-alive connection."""
    import json  # noqa: PLC0415 - the way that is measured

    start = time.perf_counter()
    for first in range(0, len(chunk), 10_000):
        part = chunk.iloc[first : first + 10_000]
        body = json.dumps({"input_data": [{"fields": FIELDS, "values": part.to_numpy().tolist()}]}).encode()
        answer = json.loads(ask(body))["predictions"][0]["values"]
        pd.DataFrame([[label, *probabilities] for label, probabilities in answer])
    return time.perf_counter() - start


def test_where_the_time_of_one_row_goes(bench: Bench, rows: pd.DataFrame) -> None:
    """A profile to read: encoding, the round trip, decoding."""
    from wml_deployer.payload import decode  # noqa: PLC0415

    row = rows.head(1)
    body = encode(row)
    answer = bench.bare(body)
    found = medians(
        {
            "wml_deployer": partial(bench.deployer.score, row),
            "  encode": partial(encode, row),
            "  bare POST and model": partial(bench.bare, body),
            "  decode": partial(decode, answer, classes=(False, True)),
        },
        100,
    )
    show("where 1 row's time goes", found)

    assert orjson.loads(answer)["predictions"][0]["fields"] == ["prediction", "probability"]
