"""How much of the machine one deployed model may take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WorkerLimits"]


@dataclass(frozen=True)
class WorkerLimits:
    """Bounds for one worker process.

    Attributes:
        predict_seconds: Wall time of one request in the model.
        load_seconds: Wall time of unpacking and loading.
        install_seconds: Wall time of installing the package extensions.
        memory_bytes: Address space of the process (``RLIMIT_AS``); None for no limit.
        unpacked_bytes: Size of the content once unpacked.
        unpacked_files: Number of files in the content.
        idle_seconds: A worker without a request for so long is ended; the next request starts one.

    """

    predict_seconds: float = 60.0
    load_seconds: float = 120.0
    install_seconds: float = 600.0
    memory_bytes: int | None = 8 * 2**30
    unpacked_bytes: int = 4 * 2**30
    unpacked_files: int = 20_000
    idle_seconds: float = 1800.0
