"""Models that misbehave, as a user's may; workers import them by name, as they do a user's own package."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Any

import numpy as np


class Misbehaving:
    """Does what the first value of a row tells it to, and otherwise answers that value."""

    def predict(self, rows: Any) -> Any:
        for row in np.asarray(rows, dtype=object):
            deed = row[0]
            if isinstance(deed, str):
                getattr(self, deed)()
        return np.asarray(rows, dtype=object)[:, 0]

    def print(self) -> None:
        sys.stdout.write("noise\n" * 100_000)
        os.write(1, b"raw noise\n")

    def chdir(self) -> None:
        os.chdir("/")
        os.environ.clear()

    def exit(self) -> None:
        sys.exit(3)

    def leave(self) -> None:
        os._exit(3)

    def segfault(self) -> None:
        ctypes.string_at(0)

    def hang(self) -> None:
        time.sleep(600)

    def eat(self) -> None:
        self.eaten = bytearray(2**50)

    def fork(self) -> None:
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)

    def fail(self) -> None:
        raise KeyError("column")


class Fixed:
    """Predicts what it was made with, whatever it is asked."""

    def __init__(self, predictions: Any, probabilities: Any = None) -> None:
        self.predictions = predictions
        if probabilities is not None:
            self.predict_proba = lambda _: probabilities

    def predict(self, _: Any) -> Any:
        return self.predictions


class ExitsWhenLoaded:
    """Takes the process down while it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (7,)


class SleepsWhenLoaded:
    """Does not finish being unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return time.sleep, (600,)
