"""Scores while another process switches what serves: no row stands under the name of another version's class."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.contract.switching import KINDS, Found, model_of, read, second_checkout, write
from wml_deployer import Deployer, SoftwareCredentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wml_deployer.testing import LocalServer

SPAWN = multiprocessing.get_context("spawn")


def threads() -> Executor:
    """Let all ways to score share what the process knows."""
    return ThreadPoolExecutor(len(KINDS))


def processes() -> Executor:
    """Let each way to score know for itself."""
    return ProcessPoolExecutor(len(KINDS), mp_context=SPAWN)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("switches", "readers"),
    [
        pytest.param(12, threads, id="threads"),
        pytest.param(200, processes, id="processes", marks=pytest.mark.exhaustive),
    ],
)
def test_no_row_stands_under_a_wrong_name(
    server: LocalServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    switches: int,
    readers: Callable[[], Executor],
    record_property: Callable[[str, object], None],
) -> None:
    """A handle, a scorer, a deployer and a second checkout score rows of every class all the time."""
    info = server.info
    credentials: dict[str, Any] = {
        "url": info.url,
        "username": info.username,
        "apikey": info.apikey,
        "ca_bundle": str(info.ca_bundle),
        "space_id": info.space_id,
    }
    for name, value in credentials.items():
        monkeypatch.setenv(f"WML_{name.upper()}", value)
    path, over = tmp_path / "metadata.yaml", tmp_path / "over"
    path.write_text(f"project_name: switching-{uuid4().hex}\nproject_version: v1\n")
    with Deployer(SoftwareCredentials(**credentials), path) as deployer:
        deployer.deploy(model_of("v1"))
    paths = dict.fromkeys(KINDS, path) | {"second checkout": second_checkout(path)}

    writer = SPAWN.Process(target=write, args=(credentials, path, switches, over))
    with readers() as pool:
        futures = [pool.submit(read, kind, credentials, paths[kind], over) for kind in KINDS]
        writer.start()
        writer.join()
        over.touch()
        found: dict[str, Found] = {kind: future.result() for kind, future in zip(KINDS, futures, strict=True)}
    record_property("calls", {kind: one.calls for kind, one in found.items()})

    assert ({kind: [] for kind in KINDS}, 0) == ({kind: one.wrong for kind, one in found.items()}, writer.exitcode)
    assert {kind: {"v1", "v2", "v3"} for kind in KINDS} == {kind: one.versions for kind, one in found.items()}
