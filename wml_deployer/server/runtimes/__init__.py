"""Runtimes of the embedded service: each deployed model runs in processes of its own.

The service's side (this package) knows frames and processes and imports no framework; the side that runs user code is
:mod:`wml_deployer.server.runtimes.worker`, which the service never imports.
"""

from __future__ import annotations

from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.extensions import PackageExtension
from wml_deployer.server.runtimes.fork_server import ForkServer
from wml_deployer.server.runtimes.limits import WorkerLimits
from wml_deployer.server.runtimes.pool import WorkerPool

__all__ = ["ForkServer", "LoadError", "PackageExtension", "PredictionError", "WorkerLimits", "WorkerPool"]
