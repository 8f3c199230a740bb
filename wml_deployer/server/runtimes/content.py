"""What a deployment serves, and how a worker is made to load it."""

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

    from wml_deployer.server.runtimes.limits import WorkerLimits
    from wml_deployer.server.runtimes.process import WorkerProcess

__all__ = ["Content"]


@dataclass(frozen=True)
class Content:
    """Stored content and what the service knows about it.

    Attributes:
        artifact: The content as it was uploaded.
        model_type: WML's type of the model, or ``"python"`` for a function.
        specification: Name of its software specification.
        input_type: Type of the stored input schema.
        fields: Dtype by name of the stored input schema's fields, in their order.
        limits: What a process that serves it may take.

    """

    artifact: Path
    model_type: str
    specification: str
    input_type: str | None
    fields: Mapping[str, str]
    limits: WorkerLimits

    async def load_into(self, worker: WorkerProcess, directory: Path) -> None:
        """Have the worker unpack the content into the directory and load it.

        Raises:
            LoadError: It cannot be unpacked or loaded, or takes too long; the worker is of no use any more.

        """
        seconds = self.limits.load_seconds
        try:
            kind, answer = await worker.connection.ask(Kind.LOAD, self._request(directory), seconds=seconds)
        except asyncio.TimeoutError as error:
            raise LoadError("model_load_timeout", f"The model did not load within {seconds:g} seconds.") from error
        except ConnectionResetError as error:
            raise LoadError(
                "model_load_failed", f"The process that was loading the model {await worker.ending()}."
            ) from error
        if kind is Kind.FAILED:
            failure = json.loads(answer)
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
