"""What IBM's tests need to run here: sleeps that do not last, and for the cloud the way to this service.

Loaded by pytest in the process that runs them (``-p plugin``). The tests themselves are not touched.
"""

from __future__ import annotations

import os
import time

_LONGEST = 0.05
_sleep = time.sleep


def _short_sleep(seconds: float) -> None:
    _sleep(min(seconds, _LONGEST))


time.sleep = _short_sleep  # type: ignore[assignment]


def pytest_configure() -> None:
    """Lead the client to the service where its cloud mode knows IBM's hosts only."""
    if os.environ["IBM_SUITE_MODE"] != "cloud":
        return
    import certifi  # noqa: PLC0415 - the client comes after the patches
    from ibm_watson_machine_learning import APIClient, href_definitions  # noqa: PLC0415

    APIClient._internal = True
    href_definitions.IAM_TOKEN_URL = os.environ["IBM_SUITE_URL"] + "/oidc/token"
    # The generated client that uploads objects trusts certifi's bundle and nothing else.
    certifi.where = lambda: os.environ["WML_CLIENT_VERIFY_REQUESTS"]
