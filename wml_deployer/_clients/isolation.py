"""Keeps what IBM's clients do to the process away from the caller: prints, log lines, environment, class flags."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any

from wml_deployer._transport.deadline import hold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["isolated"]

# Reentrant: a verb may ask the client for something while it holds the process's state.
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    # A fork waits for the one call that is on its way, so that no child is born into a changed process.
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
_FLAGS = ("cloud_platform_spaces", "icp_platform_spaces")
_FLAGGED = (("deployments", "Deployments"), ("repository", "Repository"), ("factsheets", "Factsheets"))


class _QuietStdout:
    """Swallows what one thread prints; other threads print on."""

    def __init__(self, real: IO[str]) -> None:
        self.real = real
        self.thread = threading.get_ident()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self.thread else self.real.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@contextmanager
def isolated(package: str, flags: Mapping[str, bool]) -> Iterator[None]:
    """Run the block with one of IBM's packages kept quiet, and put back what it changes.

    Args:
        package: Name of the package whose log lines are dropped: it logs whole answers of the service.
        flags: What its classes are to say within the block of the platform that they are on.

    """
    with hold(_lock), ExitStack() as stack:
        stack.enter_context(_quiet_stdout())
        stack.enter_context(_quiet_logger(package))
        stack.enter_context(_same_environment())
        stack.enter_context(_same_flags(package, flags))
        # Its constructor switches off urllib3's warnings for the whole process; its own are not the caller's affair.
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    real = sys.stdout
    quiet = _QuietStdout(real)
    sys.stdout = quiet
    try:
        yield
    finally:
        # Somebody else may have redirected stdout meanwhile: theirs stays.
        if sys.stdout is quiet:
            sys.stdout = real


@contextmanager
def _quiet_logger(package: str) -> Iterator[None]:
    logger = logging.getLogger(package)
    propagates, handlers = logger.propagate, logger.handlers
    logger.propagate, logger.handlers = False, [logging.NullHandler()]
    try:
        yield
    finally:
        logger.propagate, logger.handlers = propagates, handlers


@contextmanager
def _same_flags(package: str, flags: Mapping[str, bool]) -> Iterator[None]:
    """Keep a client on a Cloud Pak and one in the cloud apart: IBM's classes hold for the process which it is."""
    owners = [
        getattr(module, name)
        for part, name in _FLAGGED
        if (module := sys.modules.get(f"{package}.{part}")) and hasattr(getattr(module, name), _FLAGS[0])
    ]
    before = [(owner, flag, getattr(owner, flag)) for owner in owners for flag in _FLAGS]
    for owner in owners:
        for flag, value in flags.items():
            setattr(owner, flag, value)
    try:
        yield
    finally:
        for owner, flag, value in before:
            setattr(owner, flag, value)


@contextmanager
def _same_environment() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() | before.keys():
            if os.environ.get(name) != before.get(name):
                _restore(name, before.get(name))


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
