"""The process of the fork server: import what models need once, then fork a worker on request."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import select
import signal
import socket
import threading

from wml_deployer.server.runtimes.frames import ENDED, EVENT, STARTED
from wml_deployer.server.runtimes.worker.main import serve, warm_up

__all__ = ["main"]


def main(descriptor: int) -> None:
    """Fork workers on request until the service closes the socket.

    Args:
        descriptor: Descriptor of the socket to the service; each request on it contains the descriptors of the
            worker's own socket and of its output.

    """
    os.set_inheritable(descriptor, False)
    service = socket.socket(fileno=descriptor)
    wakeup, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _warm_up(descriptor)
    # Exclude the imported objects from garbage collection in the workers, which would copy their memory pages.
    gc.freeze()
    workers: set[int] = set()
    while True:
        ready, _, _ = select.select([descriptor, wakeup], [], [])
        if wakeup in ready:
            os.read(wakeup, 4096)
            _report_ended(service, workers)
        if descriptor in ready:
            message, descriptors, _, _ = socket.recv_fds(service, 1, 2)
            if not message:
                _end(workers)
            workers.add(_fork(service, *descriptors))


def _warm_up(descriptor: int) -> None:
    """Import what models need, or exit with the service: a thread watches it, which has ended before the first fork."""
    reading, writing = os.pipe()
    watch = threading.Thread(target=_exit_with_service, args=(descriptor, reading), daemon=True)
    watch.start()
    warm_up()
    os.close(writing)
    watch.join()
    os.close(reading)


def _exit_with_service(descriptor: int, warm: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)
    poll.register(warm, 0)
    if descriptor in dict(poll.poll()):
        os._exit(0)


def _end(workers: set[int]) -> None:
    """End all workers, wait for them, and exit."""
    for worker in workers:
        # A new worker may not have created its process group yet.
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(worker, signal.SIGKILL)
    for worker in workers:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(worker, 0)
    os._exit(0)


def _fork(service: socket.socket, connection: int, output: int) -> int:
    child = os.fork()
    if child == 0:
        service.close()
        _run_worker(connection, output)
    os.close(connection)
    os.close(output)
    _notify(service, STARTED, child, 0)
    return child


def _run_worker(connection: int, output: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    _reseed()
    try:
        serve(connection)
    finally:
        # Never return to the loop of the fork server.
        os._exit(1)


def _reseed() -> None:
    # Otherwise all workers would draw the same random numbers.
    import numpy as np  # noqa: PLC0415 - after the warm-up

    random.seed()
    np.random.seed()  # noqa: NPY002 - models draw from the old generator


def _report_ended(service: socket.socket, workers: set[int]) -> None:
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if child == 0:
            return
        workers.discard(child)
        _notify(service, ENDED, child, os.waitstatus_to_exitcode(status))


def _notify(service: socket.socket, kind: bytes, worker: int, status: int) -> None:
    # The main loop notices when the service has ended.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        service.send(EVENT.pack(kind, worker, status))
