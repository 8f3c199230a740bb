"""Scoring through the embedded service, beside the model itself and beside other servers of scikit-learn models.

``WML_DEPLOYER_PEERS`` names a Python interpreter with mlflow and vetiver and the same scikit-learn, which the session
``bench`` makes; without it the service is measured alone. All servers run at once and the rounds are interleaved, so
that what else the machine does falls on all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import json
import os
import socket
import ssl
import statistics
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wml_deployer.server import ServerInfo, join_or_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.bars import Bars

COLUMNS = [f"feature_{index}" for index in range(30)]
CALLS = 400
CONNECTIONS = 8
ROUNDS = 3
SECONDS, PAUSE = 2.0, 3.0

TIMES_THE_MODEL, MILLISECONDS_MORE = 2.5, 1.0
FASTER = {("mlflow", 1): 2.0, ("vetiver", 1): 1.3, ("mlflow", 1000): 5.0, ("vetiver", 1000): 5.0}
"""How many times the requests a second of others, by rows of a request. vetiver answers labels alone."""

MLFLOW = """
import sys, joblib, mlflow.sklearn
model, folder, port = sys.argv[1:]
mlflow.sklearn.save_model(joblib.load(model), folder + "/mlflow")
import subprocess
sys.exit(subprocess.call([sys.executable, "-m", "mlflow", "models", "serve", "-m", folder + "/mlflow", "-p", port,
                          "--env-manager", "local"]))
"""
VETIVER = """
import sys, joblib, vetiver, pandas
model, folder, port = sys.argv[1:]
frame = pandas.read_pickle(folder + "/frame.pkl")
vetiver.VetiverAPI(vetiver.VetiverModel(joblib.load(model), "model", prototype_data=frame)).run(port=int(port))
"""


@dataclass(frozen=True)
class Server:
    """Where a server answers predictions.

    Attributes:
        url: Its URL.
        headers: Headers of a request.
        ca_bundle: Whom to trust; None for plain HTTP.

    """

    url: str
    headers: dict[str, str]
    ca_bundle: str | None = None

    def tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.ca_bundle) if self.ca_bundle else None

    def message(self, body: bytes) -> bytes:
        """A whole request, ready to be sent again and again."""
        parts = urlsplit(self.url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {"Host": parts.netloc, "Content-Type": "application/json", **self.headers}
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


@pytest.fixture(scope="module")
def model() -> Any:
    """A scaler and a logistic regression over thirty columns."""
    frame = frame_of(2_000)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
    return pipeline.fit(frame, frame["feature_0"] + frame["feature_1"] > 0)


@pytest.fixture(scope="module")
def service(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The embedded service in a process of its own, with the model deployed."""
    info = join_or_start(tmp_path_factory.mktemp("service"))
    return Server(f"{info.url}{deploy(info, model)}?version=2024-01-01", authorization(info), str(info.ca_bundle))


@pytest.fixture(scope="module")
def peers(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Mlflow's and vetiver's servers with the same model, where there are any."""
    python = os.environ.get("WML_DEPLOYER_PEERS")
    folder = tmp_path_factory.mktemp("peers")
    joblib.dump(model, folder / "model.joblib")
    frame_of(10).to_pickle(folder / "frame.pkl")
    with contextlib.ExitStack() as running:
        if python is None:
            yield {}
            return
        mlflow = running.enter_context(started(python, MLFLOW, folder, "/invocations"))
        vetiver = running.enter_context(started(python, VETIVER, folder, "/predict"))
        yield {"mlflow": mlflow, "vetiver": vetiver}


def frame_of(rows: int) -> pd.DataFrame:
    frame: pd.DataFrame = pd.DataFrame(np.random.default_rng(rows).normal(size=(rows, len(COLUMNS))), columns=COLUMNS)
    return frame


def body_of(server: str, frame: pd.DataFrame) -> bytes:
    """The rows as each server wants them."""
    if server == "vetiver":
        return frame.to_json(orient="records", double_precision=15).encode()
    values = frame.to_numpy().tolist()
    if server == "mlflow":
        return json.dumps({"dataframe_split": {"columns": COLUMNS, "data": values}}).encode()
    return json.dumps({"input_data": [{"fields": COLUMNS, "values": values}]}).encode()


def test_one_row_takes_little_more_than_the_model(bars: Bars, model: Any, service: Server) -> None:
    """Median over a kept connection: at most 2.5 times predict and predict_proba, and a millisecond."""
    frame = frame_of(1)
    body = body_of("service", frame)
    through, alone = [], []
    with contextlib.closing(connected(service)) as connection:
        for _ in range(CALLS):
            through.append(seconds_of(lambda: post(connection, service, body)))
            alone.append(seconds_of(lambda: (model.predict(frame), model.predict_proba(frame))))
    served, own = statistics.median(through) * 1000, statistics.median(alone) * 1000
    bars.note("Serving 1 row", [f"the model alone {own:.2f} ms, through the embedded service {served:.2f} ms"])

    limit = TIMES_THE_MODEL * own + MILLISECONDS_MORE
    assert bars.at_most("serving 1 row, 2.5 × the model and 1 ms", limit, served, " ms")


@pytest.mark.parametrize("rows", [1, 1000])
def test_more_requests_than_others(bars: Bars, rows: int, service: Server, peers: dict[str, Server]) -> None:
    """Requests a second over eight kept connections, against those of others."""
    servers = {"service": service, **peers}
    frame = frame_of(rows)
    messages = {name: server.message(body_of(name, frame)) for name, server in servers.items()}
    for name, server in servers.items():
        asyncio.run(load(server, messages[name], SECONDS))
    # The service has started a second worker and a spare one by now.
    time.sleep(PAUSE)
    rounds = [
        {name: asyncio.run(load(server, messages[name], SECONDS)) for name, server in servers.items()}
        for _ in range(ROUNDS)
    ]
    found = {name: statistics.median(each[name] for each in rounds) for name in servers}
    told = [f"{name:<12}{value:>8.0f}" for name, value in found.items()]
    bars.note(f"Serving {rows:,} rows a request, requests a second on {CONNECTIONS} connections", told)

    ours = found.pop("service")
    job = f"serving {rows:,} rows, requests/s beside "
    reached = [bars.at_least(job + name, FASTER[name, rows], ours / value) for name, value in found.items()]
    assert all(reached)


async def load(server: Server, message: bytes, seconds: float) -> float:
    """Requests a second that all connections together got answered."""
    until = time.perf_counter() + seconds
    started = time.perf_counter()
    counts = await asyncio.gather(*(ask_again(server, message, until) for _ in range(CONNECTIONS)))
    return sum(counts) / (time.perf_counter() - started)


async def ask_again(server: Server, message: bytes, until: float) -> int:
    parts = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=server.tls())
    count = 0
    while time.perf_counter() < until:
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        count += 1
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return count


def seconds_of(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def connected(server: Server) -> http.client.HTTPSConnection:
    parts = urlsplit(server.url)
    return http.client.HTTPSConnection(str(parts.hostname), parts.port, context=server.tls(), timeout=60)


def post(connection: http.client.HTTPConnection, server: Server, body: bytes) -> bytes:
    parts = urlsplit(server.url)
    connection.request(
        "POST", f"{parts.path}?{parts.query}", body, {"Content-Type": "application/json", **server.headers}
    )
    response = connection.getresponse()
    answer = response.read()
    assert response.status == 200, answer
    return answer


@contextlib.contextmanager
def started(python: str, code: str, folder: Path, path: str) -> Iterator[Server]:
    """Another server, until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-c", code, str(folder / "model.joblib"), str(folder), str(port)]
    # mlflow starts a uvicorn that it looks for on the path.
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(python).parent), os.environ["PATH"]])}
    environment.pop("PYTHONPATH", None)
    process = subprocess.Popen(
        command, start_new_session=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_port(port)
        yield Server(f"http://127.0.0.1:{port}{path}", {})
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def wait_for_port(port: int, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    pytest.fail(f"nothing answers on port {port}")


def authorization(info: ServerInfo) -> dict[str, str]:
    login = json.dumps({"username": info.username, "api_key": info.apikey})
    answer = call(info, "POST", "/icp4d-api/v1/authorize", login.encode(), {})
    return {"Authorization": f"Bearer {answer['token']}"}


def deploy(info: ServerInfo, model: Any) -> str:
    """Store and deploy a model; returns the path of its predictions."""
    headers, scope = authorization(info), f"version=2024-01-01&space_id={info.space_id}"
    specification = call(info, "GET", f"/v2/software_specifications?{scope}&name=runtime-24.1-py3.11", b"", headers)
    stored = {
        "name": "benchmark",
        "type": "scikit-learn_1.3",
        "software_spec": {"id": specification["resources"][0]["metadata"]["asset_id"]},
        "space_id": info.space_id,
    }
    asset = call(info, "POST", f"/ml/v4/models?{scope}", json.dumps(stored).encode(), headers)["metadata"]["id"]
    call(info, "PUT", f"/ml/v4/models/{asset}/content?{scope}&content_format=native", packed(model), headers)
    wanted = {"name": "benchmark", "online": {}, "asset": {"id": asset}, "space_id": info.space_id}
    made = call(info, "POST", f"/ml/v4/deployments?{scope}", json.dumps(wanted).encode(), headers)
    path = f"/ml/v4/deployments/{made['metadata']['id']}"
    while call(info, "GET", f"{path}?{scope}", b"", headers)["entity"]["status"]["state"] != "ready":
        time.sleep(0.1)
    return f"{path}/predictions"


def packed(model: Any) -> bytes:
    pickled, archive = io.BytesIO(), io.BytesIO()
    joblib.dump(model, pickled)
    member = tarfile.TarInfo("model.joblib")
    member.size = pickled.tell()
    pickled.seek(0)
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.addfile(member, pickled)
    return archive.getvalue()


def call(info: ServerInfo, method: str, path: str, body: bytes, headers: dict[str, str]) -> Any:
    with contextlib.closing(connected(Server(info.url, {}, str(info.ca_bundle)))) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.read()
    assert response.status < 300, answer
    return json.loads(answer)
