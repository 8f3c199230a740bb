"""Deployed Python functions: a ``score`` function, or a function without required arguments that returns one.

IBM's clients store the source of a function named ``score``, or that of another function followed by
``score = <name>()``, with the default values of its parameters.
https://www.ibm.com/docs/en/watsonx/saas?topic=functions-writing-deployable-python
"""

from __future__ import annotations

import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from wml_deployer.server.runtimes.archive import only_file, unzip
from wml_deployer.server.runtimes.errors import LoadError, PredictionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer.server.runtimes.worker.registry import Request, Score

__all__ = ["load"]

_MODULE = "deployed_function"


def load(request: Request) -> Score:
    """Run the function's source and find its ``score``.

    Raises:
        LoadError: The source fails, or does not define such a function.

    """
    unzip(request.directory, request.bounds)
    path = only_file(request.directory, (".py",))
    # For modules beside the function, if it was stored as an archive.
    sys.path.insert(0, str(path.parent))
    module = _run(path)
    function = _score_of(module)

    def score(payload: dict[str, Any]) -> Any:
        return _checked(_call(function, payload, path))

    return score


def _run(path: Path) -> ModuleType:
    module = ModuleType(_MODULE)
    module.__file__ = str(path)
    sys.modules[_MODULE] = module
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)  # noqa: S102 - what deploying a function is
    except Exception as error:
        raise _does_not_run(error, path) from error
    return module


def _score_of(module: ModuleType) -> Callable[[dict[str, Any]], Any]:
    score = getattr(module, "score", None)
    if callable(score):
        return cast("Callable[[dict[str, Any]], Any]", score)
    makers = [value for value in vars(module).values() if inspect.isfunction(value) and _is_maker(value, module)]
    if len(makers) == 1:
        function = _call_maker(makers[0])
        if callable(function):
            return cast("Callable[[dict[str, Any]], Any]", function)
    raise LoadError(
        "function_load_failed",
        "The code defines neither a function 'score' nor one function without required arguments that returns one.",
    )


def _is_maker(function: Any, module: ModuleType) -> bool:
    """Return whether a function was defined by the code, and can be called without arguments."""
    parameters = inspect.signature(function).parameters.values()
    required = [each for each in parameters if each.default is each.empty and each.kind not in _VARIADIC]
    return function.__module__ == module.__name__ and not required


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _call_maker(maker: Callable[[], Any]) -> Any:
    try:
        return maker()
    except Exception as error:
        raise _does_not_run(error, Path(inspect.getfile(maker))) from error


def _does_not_run(error: Exception, path: Path) -> LoadError:
    return LoadError("function_load_failed", f"The code of the function failed: {_describe(error, path)}")


def _call(function: Callable[[dict[str, Any]], Any], payload: dict[str, Any], path: Path) -> Any:
    try:
        return function(payload)
    except MemoryError:
        raise
    except Exception as error:
        raise PredictionError(400, "function_failed", f"The function raised {_describe(error, path)}") from error


def _checked(answer: Any) -> Any:
    if isinstance(answer, dict) and isinstance(answer.get("predictions"), list):
        return answer
    raise PredictionError(
        400, "invalid_function_output", "The function must return a dictionary with the list 'predictions'."
    )


def _describe(error: Exception, path: Path) -> str:
    """Return the error with the last line of user code in its traceback."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    return f"{type(error).__name__}: {error}" + (f" (line {lines[-1]})" if lines else "")
