"""PMML documents, evaluated by PyPMML (PMML4S) in a Java virtual machine inside the worker.

The answer has the document's output fields, in its order, as the service's recorded answer has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jpype
import orjson
from pypmml import Model
from pypmml.base import PMMLContext

from wml_deployer.server.runtimes.errors import LoadError
from wml_deployer.server.runtimes.worker.files import only_file, unzip
from wml_deployer.server.runtimes.worker.payload import Block, input_blocks, require_width

if TYPE_CHECKING:
    from wml_deployer.server.runtimes.worker.contract import Request, Score

__all__ = ["load"]

# One request at a time: what starts fast serves better than what would be faster after an hour.
_JAVA_OPTIONS = ["-Xmx1g", "-Xrs", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


def load(request: Request) -> Score:
    """Start a virtual machine and read the document.

    Raises:
        LoadError: There is no Java, not exactly one document, or the document is not PMML.

    """
    unzip(request.directory, request.bounds)
    path = only_file(request.directory, (".xml", ".pmml"))
    _start_java()
    try:
        model = Model.fromFile(str(path))
    except Exception as error:
        raise LoadError("model_load_failed", f"The PMML document cannot be read: {_said(error)}") from error
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
        # Not the default gateway, which listens on a port for anybody on the machine.
        PMMLContext.getOrCreate(gateway="jpype", java_opts=_JAVA_OPTIONS)
    except (jpype.JVMNotFoundException, OSError, ValueError) as error:
        raise LoadError(
            "missing_package",
            "PMML models need a Java runtime, version 8 or later, beside the service: install one "
            f"(Debian: default-jre-headless) or let JAVA_HOME lead to it. ({error})",
        ) from error


def _said(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
