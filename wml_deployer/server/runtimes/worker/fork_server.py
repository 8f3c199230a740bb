"""The fork server's life: import what models need once, then fork a worker whenever the service asks for one."""

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
        descriptor: Number of the socket's file descriptor; each request on it brings the worker's own socket and the
            end of a pipe for what it prints.

    """
    os.set_inheritable(descriptor, False)
    service = socket.socket(fileno=descriptor)
    wakeup, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _warm_up_while_wanted(descriptor)
    # What is here now lives as long as the workers do: their collector need not copy its pages to look at it.
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


def _warm_up_while_wanted(descriptor: int) -> None:
    """Import what models need, or end when the service does: a thread watches it, which must be gone before a fork."""
    reading, writing = os.pipe()
    watch = threading.Thread(target=_exit_when_unwanted, args=(descriptor, reading), daemon=True)
    watch.start()
    warm_up()
    os.close(writing)
    watch.join()
    os.close(reading)


def _exit_when_unwanted(descriptor: int, warm: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)
    poll.register(warm, 0)
    if descriptor in dict(poll.poll()):
        os._exit(0)


def _end(workers: set[int]) -> None:
    """End all workers, wait for each, and end: nobody else could take note of how they ended."""
    for worker in workers:
        # A worker that was forked just now may not lead a group of its own yet.
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
        _live(connection, output)
    os.close(connection)
    os.close(output)
    _tell(service, STARTED, child, 0)
    return child


def _live(connection: int, output: int) -> None:
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
        # Never back into the fork server's own loop.
        os._exit(1)


def _reseed() -> None:
    # All workers would draw the same numbers.
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
        _tell(service, ENDED, child, os.waitstatus_to_exitcode(status))


def _tell(service: socket.socket, kind: bytes, worker: int, status: int) -> None:
    # A service that has gone is noticed where it is listened to.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        service.send(EVENT.pack(kind, worker, status))
