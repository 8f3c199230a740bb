"""Runtimes of the embedded service: each deployed model runs in processes of its own.

The service's side (this package) deals with frames and processes, and imports no framework; user code runs in
:mod:`wml_deployer.server.runtimes.worker`, which the service never imports.
"""

from __future__ import annotations

from wml_deployer.server.runtimes.content import WorkerLimits
from wml_deployer.server.runtimes.environment import PackageExtension
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.fork_server import ForkServer
from wml_deployer.server.runtimes.pool import WorkerPool

__all__ = ["ForkServer", "LoadError", "PackageExtension", "PredictionError", "WorkerLimits", "WorkerPool"]
