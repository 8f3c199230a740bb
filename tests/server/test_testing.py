"""What users' own tests get: the fixture, scripted predictions, seeded ids, the clock, reset."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from tests.server.conftest import RUNTIME, Client
from wml_deployer.server import EmbeddedServer
from wml_deployer.server.app import running
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUITE = """
from wml_deployer.testing import LocalServer

def test_one(wml_server: LocalServer) -> None:
    wml_server.fault("GET", "/", status=500, times=None)
    assert wml_server.requests == []

def test_two(wml_server: LocalServer) -> None:
    assert wml_server.url.startswith("https://127.0.0.1:")
    assert wml_server.requests == []
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A service that may be reset."""
    with LocalServer(tmp_path_factory.mktemp("own")) as server:
        yield server


@pytest.fixture
def user(own: LocalServer) -> Iterator[Client]:
    own.reset()
    client = Client(own)
    yield client
    client.close()


def test_the_fixture_is_there_for_who_asks(tmp_path: Path) -> None:
    """One line in the user's conftest.py; each test meets a service as on its first day."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["wml_deployer.testing"]\n', encoding="utf-8")
    (tmp_path / "test_users.py").write_text(SUITE, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
    ]

    child = subprocess.run(
        [*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )

    assert "2 passed" in child.stdout, child.stdout + child.stderr


def test_predictions_are_dictated_in_their_order(user: Client, own: LocalServer, archives: tuple[bytes, bytes]) -> None:
    """Each as often as said, then the model answers again."""
    deployment_id = user.deploy({"id": user.store(archives[0])})
    own.predict(deployment_id, [{"values": [["first"]]}], times=2)
    own.predict(deployment_id, status=503)

    answers = [user.predict(deployment_id, [[1.0, 2.0, 3.0, 4.0]]) for _ in range(4)]

    assert [200, 200, 503, 200] == [answer.status for answer in answers]
    assert [["first"]] == answers[1].json["predictions"][0]["values"]
    assert ["prediction", "probability"] == answers[3].json["predictions"][0]["fields"]


def test_a_seed_makes_the_same_ids(user: Client, own: LocalServer) -> None:
    """So that a snapshot of answers can be compared."""
    made = []
    for _ in range(2):
        own.reset()
        own.seed(7)
        made.append(user.make_space("seeded"))
    own.seed(None)

    assert made[0] == made[1]
    assert made[0] != user.make_space("unseeded")


def test_the_clock_stands_where_it_is_put(user: Client, own: LocalServer) -> None:
    """Times in answers are the clock's."""
    own.stop_clock(datetime(2030, 1, 2, 3, 4, 5, 678_000, tzinfo=timezone.utc))
    client = Client(own)
    created = client("POST", "/v2/spaces", {"name": "later"}).json["metadata"]["created_at"]
    own.restore_clock()
    client.close()

    assert "2030-01-02T03:04:05.678Z" == created


def test_a_reset_leaves_the_first_day(user: Client, own: LocalServer, archives: tuple[bytes, bytes]) -> None:
    """No models, contents, faults or moved specifications; the default space under its id; tokens stay good."""
    model_id = user.store(archives[0])
    user.deploy({"id": model_id})
    own.set_specification("runtime-25.1-py3.12", "retired")
    own.fault("POST", "/", status=500, times=None)
    own.reset()
    document = {"name": "m", "type": "scikit-learn_1.6", "software_spec": {"id": RUNTIME}, "space_id": user.space_id}

    assert 404 == user("GET", f"/ml/v4/models/{model_id}?{user.scope}").status
    assert [] == list((own._directory / "blobs").glob("??/*"))
    assert 201 == user("POST", "/ml/v4/models", document).status


def test_what_cannot_be_asked_for_is_told(own: LocalServer) -> None:
    """A wrong fault is the test's own mistake, and raised at once."""
    with pytest.raises(ValueError, match="must be a regular expression"):
        own.fault("GET", "(")


def test_a_folder_of_its_own_is_gone_afterwards() -> None:
    """Nothing is left of a service that was not told where to live."""
    with LocalServer() as server:
        directory = server._directory
        assert directory.exists()

    assert not directory.exists()


def test_a_folder_that_is_given_is_kept(tmp_path: Path) -> None:
    """And found again by the next one, which is told of it by its name."""
    with LocalServer(tmp_path) as server:
        before = server.info
    with LocalServer(str(tmp_path)) as server:
        assert before == server.info


@pytest.mark.parametrize(
    ("owner", "step"),
    [(running, "_listen"), (EmbeddedServer, "run"), (threading.Thread, "start"), (LocalServer, "_log_in")],
)
def test_a_service_that_fails_to_start_leaves_nothing(
    owner: object, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No folder, no thread, no lock on a folder that is to be kept, whatever step of its start fails."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of something")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(threading.enumerate())
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, fail)
        patch.setattr(threading, "excepthook", lambda _: None)
        for directory in (None, tmp_path / "kept"):
            with pytest.raises(RuntimeError), LocalServer(directory):
                pass
    with LocalServer(tmp_path / "kept"):
        pass

    assert ["kept"] == [path.name for path in tmp_path.iterdir()]
    # A thread of another service may have ended meanwhile.
    assert not set(threading.enumerate()) - before


ORPHANS = """
import ctypes, pathlib, sys, time
from tests.server.conftest import Client, archive
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from wml_deployer.testing import LocalServer

# Whatever nobody waits for becomes this process's child, as it does of the first process of a container.
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
with LocalServer() as server:
    client = Client(server)
    model = client.store(archive(LogisticRegression(solver="newton-cg").fit(*load_iris(return_X_y=True))))
    for _ in range(2):
        client.deploy({"id": model})
    client.close()
time.sleep(0.5)
children = pathlib.Path("/proc/self/task")
left = [child for task in children.iterdir() for child in (task / "children").read_text().split()]
print([pathlib.Path(f"/proc/{child}/stat").read_text().split()[2] for child in left])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="adopts orphans, and reads the states of processes from /proc")
def test_no_worker_is_left_for_others_to_wait_for() -> None:
    """In a container whose first process waits for nobody, they would stay zombies."""
    run = subprocess.run([sys.executable, "-c", ORPHANS], capture_output=True, text=True, timeout=100, check=False)

    assert "[]" == run.stdout.strip(), run.stdout + run.stderr


def test_a_reset_ends_all_waiting(user: Client, own: LocalServer, archives: tuple[bytes, bytes]) -> None:
    """What was to take an hour does not hold the service's end or a later resource back."""
    own.pace("space", seconds=3600)
    created = user("POST", "/v2/spaces", {"name": "slow"}).json
    assert "preparing" == created["entity"]["status"]["state"]
    waiting = own._server._context.control.pacing._waiting
    own.reset()
    deadline = time.monotonic() + 10
    while waiting and time.monotonic() < deadline:
        time.sleep(0.01)

    assert {} == waiting


def test_a_faster_pace_counts_for_what_waits_already(user: Client, own: LocalServer) -> None:
    """A test that has seen enough of a state can end it."""
    own.pace("space", seconds=3600)
    space_id = user("POST", "/v2/spaces", {"name": "hurried"}).json["metadata"]["id"]
    own.pace("space")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        state = user("GET", f"/v2/spaces/{space_id}").json["entity"]["status"]["state"]
        if state == "active":
            break

    assert "active" == state


def test_the_control_api_is_for_tests_only(tmp_path: Path) -> None:
    """A service that was not started for tests does not have it."""
    command = [sys.executable, "-m", "wml_deployer.server", "--data-dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    with process.stdout:
        document = json.loads(process.stdout.readline())
    context = ssl.create_default_context(cafile=document["ca_bundle"])
    connection = http.client.HTTPSConnection("127.0.0.1", int(document["url"].rsplit(":", 1)[1]), context=context)
    connection.request("POST", "/control/v1/reset")
    status = connection.getresponse().status
    connection.close()
    process.terminate()
    process.wait(20)

    assert 404 == status
