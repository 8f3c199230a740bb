"""PMML documents, evaluated by PyPMML (PMML4S) in a Java virtual machine inside the worker.

The response has the output fields of the document, in its order (recorded).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jpype
import orjson
from pypmml import Model
from pypmml.base import PMMLContext

from wml_deployer.server.runtimes.archive import only_file, unzip
from wml_deployer.server.runtimes.errors import LoadError
from wml_deployer.server.runtimes.worker.payload import Block, input_blocks, require_width

if TYPE_CHECKING:
    from wml_deployer.server.runtimes.worker.registry import Request, Score

__all__ = ["load"]

# Optimized for a fast start, not for long-running servers.
_JAVA_OPTIONS = ["-Xmx1g", "-Xrs", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


def load(request: Request) -> Score:
    """Start a virtual machine and read the document.

    Raises:
        LoadError: Java is missing, or the content is not exactly one PMML document.

    """
    unzip(request.directory, request.bounds)
    path = only_file(request.directory, (".xml", ".pmml"))
    _start_java()
    try:
        model = Model.fromFile(str(path))
    except Exception as error:
        raise LoadError("model_load_failed", f"The PMML document cannot be read: {_message_of(error)}") from error
    names = [str(name) for name in model.inputNames]

    def answer(block: Block) -> dict[str, Any]:
        fields = block.fields or names
        require_width(block.values, len(fields))
        table = orjson.dumps({"columns": fields, "data": block.values}).decode()
        scored = orjson.loads(str(model.predict(table)))
        return {"fields": scored["columns"], "values": scored["data"]}

    return lambda payload: {"predictions": [answer(block) for block in input_blocks(payload)]}


def _start_java() -> None:
    try:
        # Not the default gateway, which listens on a port that any user of the machine can reach.
        PMMLContext.getOrCreate(gateway="jpype", java_opts=_JAVA_OPTIONS)
    except (jpype.JVMNotFoundException, OSError, ValueError) as error:
        raise LoadError(
            "missing_package",
            "PMML models need a Java runtime, version 8 or later, beside the service: install one "
            f"(Debian: default-jre-headless) or let JAVA_HOME lead to it. ({error})",
        ) from error


def _message_of(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
