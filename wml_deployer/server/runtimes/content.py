"""What a deployment serves: the stored content, its limits, and how a worker loads it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wml_deployer.server.runtimes.errors import LoadError
from wml_deployer.server.runtimes.frames import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wml_deployer.server.runtimes.process import WorkerProcess

__all__ = ["Content", "WorkerLimits"]


@dataclass(frozen=True)
class WorkerLimits:
    """Limits of one worker process.

    Attributes:
        predict_seconds: Wall time of a prediction.
        load_seconds: Wall time of unpacking and loading.
        install_seconds: Wall time of installing the package extensions.
        memory_bytes: Address space of the process (``RLIMIT_AS``); None for no limit.
        unpacked_bytes: Size of the unpacked content.
        unpacked_files: Number of files in the unpacked content.
        idle_seconds: Time without requests after which a worker is ended.

    """

    predict_seconds: float = 60.0
    load_seconds: float = 120.0
    install_seconds: float = 600.0
    memory_bytes: int | None = 8 * 2**30
    unpacked_bytes: int = 4 * 2**30
    unpacked_files: int = 20_000
    idle_seconds: float = 1800.0


@dataclass(frozen=True)
class Content:
    """Stored content, with what a worker needs to know about it.

    Attributes:
        artifact: Path of the uploaded file.
        model_type: Model type; ``"python"`` for a function.
        specification: Name of the software specification.
        input_type: Type of the input schema, if there is one.
        fields: Fields of the input schema: name to dtype, in order.
        limits: Limits of each worker.

    """

    artifact: Path
    model_type: str
    specification: str
    input_type: str | None
    fields: Mapping[str, str]
    limits: WorkerLimits

    async def load_into(self, worker: WorkerProcess, directory: Path) -> None:
        """Have a worker unpack the content into a directory and load it.

        Raises:
            LoadError: This failed or took too long; the worker must be ended.

        """
        seconds = self.limits.load_seconds
        try:
            kind, response = await worker.connection.request(Kind.LOAD, self._request(directory), seconds=seconds)
        except asyncio.TimeoutError as error:
            raise LoadError("model_load_timeout", f"The model did not load within {seconds:g} seconds.") from error
        except ConnectionResetError as error:
            raise LoadError(
                "model_load_failed", f"The process that was loading the model {await worker.ending()}."
            ) from error
        if kind is Kind.FAILED:
            failure = json.loads(response)
            raise LoadError(failure["code"], failure["message"])

    def _request(self, directory: Path) -> bytes:
        request = {
            "artifact": str(self.artifact.resolve()),
            "directory": str(directory.resolve()),
            "model_type": self.model_type,
            "specification": self.specification,
            "input_type": self.input_type,
            "fields": dict(self.fields),
            "memory_bytes": self.limits.memory_bytes,
            "unpacked_bytes": self.limits.unpacked_bytes,
            "unpacked_files": self.limits.unpacked_files,
        }
        return json.dumps(request).encode()
