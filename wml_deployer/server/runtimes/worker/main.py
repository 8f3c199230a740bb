"""The process of a worker: import what models need, load one, and serve requests until the service ends."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import resource
import select
import socket
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.frames import Kind, receive, send

if TYPE_CHECKING:
    from wml_deployer.server.runtimes.worker.registry import Score

__all__ = ["main", "serve", "warm_up"]

# Imported before the model is known: nearly every pickled pipeline needs them.
_WARM = (
    "joblib",
    "orjson",
    "pandas",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "sklearn.preprocessing",
)


def main(descriptor: int) -> None:
    """Serve one model over the inherited socket, in a process of its own.

    Args:
        descriptor: Descriptor of the socket.

    """
    serve(descriptor)


def serve(descriptor: int) -> None:
    """Serve one model over a socket until the service closes it, then exit.

    Args:
        descriptor: Descriptor of the socket.

    """
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.set_inheritable(descriptor, False)
    connection = socket.socket(fileno=descriptor)
    threading.Thread(target=_exit_with_service, args=(descriptor,), daemon=True).start()
    warm_up()
    score = _load(connection)
    while score is not None and (frame := receive(connection)) is not None:
        send(connection, *_answer(score, frame[1]))
    # Skip the shutdown of the interpreter, which threads of the model could block.
    os._exit(0)


def _exit_with_service(descriptor: int) -> None:
    """Exit when the service has ended, whatever the model is doing."""
    poll = select.poll()
    poll.register(descriptor, 0)
    poll.poll()
    os._exit(0)


def warm_up() -> None:
    """Import what nearly every model needs."""
    with contextlib.suppress(ImportError):
        for name in _WARM:
            import_module(name)


def _load(connection: socket.socket) -> Score | None:
    frame = receive(connection)
    if frame is None:
        return None
    try:
        score = _load_content(json.loads(frame[1]))
    except LoadError as error:
        send(connection, Kind.FAILED, json.dumps({"code": error.code, "message": error.message}).encode())
        return None
    except BaseException as error:  # noqa: BLE001 - user code runs here; SystemExit, too, is only this model's failure
        message = f"The model cannot be loaded: {_describe(error)}"
        send(connection, Kind.FAILED, json.dumps({"code": "model_load_failed", "message": message}).encode())
        return None
    send(connection, Kind.DONE, b"")
    return score


def _load_content(wanted: dict[str, Any]) -> Score:
    from wml_deployer.server.runtimes.archive import Bounds, unpack  # noqa: PLC0415 - after the warm-up
    from wml_deployer.server.runtimes.worker.registry import Request, find_runtime  # noqa: PLC0415

    if wanted["memory_bytes"] is not None:
        # A lower limit of the service remains in force; macOS ignores this one.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (wanted["memory_bytes"],) * 2)
    runtime = find_runtime(wanted["model_type"])
    directory = Path(wanted["directory"])
    bounds = Bounds(wanted["unpacked_bytes"], wanted["unpacked_files"])
    unpack(Path(wanted["artifact"]), directory, bounds)
    # Relative paths of user code refer to the content, not to the working directory of the service.
    os.chdir(directory)
    request = Request(
        directory, wanted["model_type"], wanted["specification"], bounds, wanted["input_type"], wanted["fields"]
    )
    return runtime.load(request)


def _answer(score: Score, body: bytearray) -> tuple[Kind, bytes]:
    from wml_deployer.server.runtimes.worker.answers import encode  # noqa: PLC0415 - needs numpy: after the warm-up
    from wml_deployer.server.runtimes.worker.payload import decode  # noqa: PLC0415

    try:
        return Kind.DONE, encode(score(decode(body)))
    except PredictionError as error:
        failure = error
    except MemoryError:
        failure = PredictionError(
            400, "model_out_of_memory", "The model ran out of memory. Score fewer rows at a time."
        )
    except ValueError as error:
        # The message of the framework, as on the real service: "X has 3 features, but ... is expecting 4 features".
        failure = PredictionError(400, "invalid_input_argument", _message_of(error) or "ValueError")
    except BaseException as error:  # noqa: BLE001 - user code runs here; SystemExit, too, fails this request alone
        failure = PredictionError(400, "model_prediction_failed", _describe(error))
    body_out = {"status": failure.status, "code": failure.code, "message": failure.message}
    return Kind.FAILED, json.dumps(body_out).encode()


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {_message_of(error)}"


def _message_of(error: BaseException) -> str:
    """Return the message of an error, whose ``__str__`` may be user code, too."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the original error is reported
        return "its message cannot be shown"
