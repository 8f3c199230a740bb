"""Models served by real worker processes, on an event loop that runs beside the tests as a service's does."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import os
import sys
import tarfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import joblib
import pytest

from wml_deployer.server.runtimes import ForkServer, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from types import ModuleType

T = TypeVar("T")
HERE = Path(__file__).parent
NEEDED = {
    "test_onnx_runtime.py": ("lightgbm", "onnx", "onnxmltools", "onnxruntime", "skl2onnx"),
    "test_pmml.py": ("jpype", "pypmml"),
}
"""What a file's runtime needs, which not every environment of a contributor has."""
collect_ignore = [file for file, packages in NEEDED.items() if not all(map(find_spec, packages))]


@dataclass(frozen=True)
class Loop:
    """An event loop on a thread of its own."""

    loop: asyncio.AbstractEventLoop

    def run(self, coroutine: Coroutine[Any, Any, T], seconds: float = 60) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)


@dataclass(frozen=True)
class Served:
    """A pool and the loop that it lives on."""

    pool: WorkerPool
    loop: Loop

    def send(self, body: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.loop.run(self.pool.predict(body)))
        return answer

    def predict(self, values: list[Any], fields: list[str] | None = None) -> dict[str, Any]:
        return self.send(body_of(values, fields))


def body_of(values: list[Any], fields: list[str] | None = None) -> bytes:
    """The bytes of a request with one block."""
    block = {"values": values} if fields is None else {"fields": fields, "values": values}
    return json.dumps({"input_data": [block]}).encode()


def packed(model: Any, directory: Path) -> Path:
    """A ``.tar.gz`` with the pickled model, as the clients upload it."""
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    path = directory / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("model.joblib")
        member.size = buffer.tell()
        buffer.seek(0)
        archive.addfile(member, buffer)
    return path


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """An event loop that runs as long as the session."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever, daemon=True)
    thread.start()
    yield Loop(running)
    running.call_soon_threadsafe(running.stop)
    thread.join()
    running.close()


@pytest.fixture(scope="session")
def fork_server(loop: Loop, misbehaving: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """Warm workers, so that a test does not wait for imports; they know where the misbehaving models are."""
    fork_server = ForkServer(tmp_path_factory.mktemp("fork_server"))
    loop.run(fork_server.open())
    yield fork_server
    loop.run(fork_server.close())


@pytest.fixture(scope="session")
def serving(loop: Loop, fork_server: ForkServer) -> Callable[..., Any]:
    """A context manager that serves an artifact for the time of its block."""

    @contextmanager
    def serve(artifact: Path, directory: Path, **options: Any) -> Iterator[Served]:
        described = {
            "model_type": "scikit-learn_1.3",
            "specification": "runtime-24.1-py3.11",
            "fork_server": fork_server,
        }
        starting = WorkerPool.start(artifact, directory=directory, **{**described, **options})
        pool = loop.run(starting)
        try:
            yield Served(pool, loop)
        finally:
            loop.run(pool.stop())

    return serve


@pytest.fixture(scope="session")
def misbehaving() -> Iterator[ModuleType]:
    """The module of misbehaving models, where workers find it, too."""
    with pytest.MonkeyPatch.context() as patch:
        inherited = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(HERE), inherited])))
        patch.syspath_prepend(HERE)
        yield importlib.import_module("misbehaving")
        sys.modules.pop("misbehaving")
