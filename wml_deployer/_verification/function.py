"""Answer requests in this process as a Python function of the service does: with the very module that is stored."""

from __future__ import annotations

import gzip
from types import ModuleType
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer._verification.user_code import user_code

if TYPE_CHECKING:
    from wml_deployer._functions.loader import ModelFunction
    from wml_deployer.packaging import Package

__all__ = ["FunctionRuntime"]


class FunctionRuntime:
    """A model as a function serves it.

    Args:
        package: What is stored of the function.

    Raises:
        ModelError: It raises when it is imported.

    """

    def __init__(self, package: Package) -> None:
        """Import the module, which loads the model."""
        module = ModuleType("deployed_function")
        source = gzip.decompress(package.path.read_bytes())
        with user_code("Importing the function", "See that the model can be unpickled."):
            exec(compile(source, "function.py", "exec"), module.__dict__)  # noqa: S102 - as the service does
        self._score = module.__dict__["score"]
        self._function: ModelFunction = self._score.__self__

    def read(self, body: bytes) -> Any:
        """Return what the function calls the model with.

        Args:
            body: A request body with one block of rows.

        Raises:
            ValueError: The function would refuse the rows.

        """
        return self._function.read(orjson.loads(body)["input_data"][0])

    def answer(self, body: bytes, arrived: Any) -> bytes:
        """Return what the function answers to a request."""
        del arrived  # it may ask the model about parts of the rows
        return orjson.dumps(self._score(orjson.loads(body)), option=orjson.OPT_NON_STR_KEYS)
