"""Both of IBM's clients, unmodified, do on this service all that a user does, in both of their modes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wml_deployer.testing import LocalServer

SCRIPT = Path(__file__).with_name("flow.py")
PACKAGES = {"old": "ibm_watson_machine_learning", "new": "ibm_watsonx_ai"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["software", "cloud"])
@pytest.mark.parametrize("generation", PACKAGES)
def test_a_client_does_its_whole_flow(generation: str, mode: str, server: LocalServer, tmp_path: Path) -> None:
    """Spaces, models, functions, jobs, assets, package extensions, lists; predictions are the local model's."""
    if importlib.util.find_spec(PACKAGES[generation]) is None:
        pytest.skip(f"{PACKAGES[generation]} is not installed")
    bundle = str(server.info.ca_bundle)
    command = [sys.executable, str(SCRIPT), generation, mode, server.url, server.info.apikey, bundle]
    # These beat what a client is told.
    environ = {**os.environ, "REQUESTS_CA_BUNDLE": bundle, "CURL_CA_BUNDLE": bundle}

    flow = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=280, check=False)

    assert flow.stdout.endswith("done\n"), flow.stdout[-3000:] + flow.stderr[-5000:]
