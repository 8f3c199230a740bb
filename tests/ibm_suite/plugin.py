"""What IBM's tests need to run here: sleeps that do not last, and for the cloud the way to this service.

Loaded by pytest in the process that runs them (``-p plugin``). The tests themselves are not touched.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

_SHORT, _LONGEST = 0.05, 1.0
_sleep = time.sleep


class _Sleeps:
    """Sleeps that are short, unless one function sleeps again and again: it looks whether something is done by now.

    Such loops give up after a number of looks. Each of their sleeps is a little longer than the one before, so that
    they wait for a minute in all, which a large model may take to be loaded.
    """

    def __init__(self) -> None:
        self._sleeper: FrameType | None = None
        self._cap = _SHORT

    def __call__(self, seconds: float) -> None:
        sleeper = sys._getframe(1)
        self._cap = min(self._cap * 1.05, _LONGEST) if sleeper is self._sleeper else _SHORT
        self._sleeper = sleeper
        _sleep(min(seconds, self._cap))


time.sleep = _Sleeps()  # type: ignore[assignment]


def _pictures() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return noise in the shape of the pictures that Keras would fetch from the network."""
    import numpy as np  # noqa: PLC0415 - a dependency of those who ask

    dice = np.random.default_rng(0)
    pictures, labels = dice.integers(0, 255, (600, 28, 28), dtype="uint8"), dice.integers(0, 10, 600)
    return (pictures, labels), (pictures[:100], labels[:100])


def pytest_configure() -> None:
    """Bring the pictures along, and lead the client to the service where its cloud mode knows IBM's hosts only."""
    if os.environ["IBM_SUITE_KERAS"]:
        from tensorflow.keras.datasets import mnist  # noqa: PLC0415 - only where it is installed

        mnist.load_data = _pictures
    if os.environ["IBM_SUITE_MODE"] != "cloud":
        return
    import certifi  # noqa: PLC0415 - the client comes after the patches
    from ibm_watson_machine_learning import APIClient, href_definitions  # noqa: PLC0415

    APIClient._internal = True
    href_definitions.IAM_TOKEN_URL = os.environ["IBM_SUITE_URL"] + "/oidc/token"
    # The generated client that uploads objects trusts certifi's bundle and nothing else.
    certifi.where = lambda: os.environ["WML_CLIENT_VERIFY_REQUESTS"]
