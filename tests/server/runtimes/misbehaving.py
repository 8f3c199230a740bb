"""Models that misbehave, as a user's may; workers import them by name, as they do a user's own package."""

from __future__ import annotations

import ctypes
import gc
import os
import socket
import struct
import sys
import time
from typing import Any

TRANSFORMED: list[int] = []


def note(rows: Any) -> Any:
    """Pass rows through, and note how many they were."""
    TRANSFORMED.append(len(rows))
    return rows


class Misbehaving:
    """Does what the first value of its last row tells it to; answers the first value of each row."""

    def predict(self, rows: Any) -> list[Any]:
        action = rows[-1][0]
        if isinstance(action, str):
            getattr(self, action)()
        return [row[0] for row in rows]

    def print(self) -> None:
        sys.stdout.write("noise\n" * 100_000)
        os.write(1, b"raw noise\n")

    def change_directory(self) -> None:
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

    def doze(self) -> None:
        time.sleep(0.3)

    def eat(self) -> None:
        self.eaten = bytearray(2**50)

    def leave_a_child(self) -> None:
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)

    def raise_key_error(self) -> None:
        raise KeyError("column")

    def raise_half_a_character(self) -> None:
        raise ValueError("caf\u00e9 \ud800")

    def raise_what_has_no_text(self) -> None:
        raise _NoTextError

    def raise_a_novel(self) -> None:
        raise RuntimeError("word " * 10_000_000)

    def announce_a_giant_answer(self) -> None:
        _to_the_service(struct.pack("<BQ", 3, 3 * 2**30))
        time.sleep(600)

    def send_nonsense(self) -> None:
        _to_the_service(b"\xff" * 9)
        time.sleep(600)

    def answer_twice(self) -> None:
        _to_the_service(struct.pack("<BQ", 3, 2) + b"{}")
        time.sleep(0.2)


class _NoTextError(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


def _to_the_service(frame: bytes) -> None:
    """Write past the worker into the socket that it shares with the service."""
    (own,) = (each for each in gc.get_objects() if type(each) is socket.socket and each.fileno() >= 0)
    own.sendall(frame)


class Reporting:
    """Answers what it finds in its process under the name that it is asked for."""

    def predict(self, rows: Any) -> list[Any]:
        time.sleep(0.05)
        return [self.report(row[0]) for row in rows]

    def report(self, name: str) -> Any:
        facts = {"pid": os.getpid, "working directory": os.getcwd}
        return facts[name]() if name in facts else os.environ.get(name)


class Fixed:
    """Predicts what it was made with, whatever it is asked."""

    def __init__(self, predictions: Any) -> None:
        self.predictions = predictions

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
