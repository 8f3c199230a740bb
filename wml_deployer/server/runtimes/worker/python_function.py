"""Deployed Python functions: a ``score`` function, or a function without required arguments that returns one.

That is what IBM's clients store: the source of a function named ``score`` as it stands, or that of another function and
``score = <name>()`` below it, with the values that its parameters had by default.
https://www.ibm.com/docs/en/watsonx/saas?topic=functions-writing-deployable-python
"""

from __future__ import annotations

import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.worker.files import only_file, unzip

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer.server.runtimes.worker.contract import Request, Score

__all__ = ["load"]

_MODULE = "deployed_function"


def load(request: Request) -> Score:
    """Run the function's source and find its ``score``.

    Raises:
        LoadError: The source does not run, or leaves nothing to call.

    """
    unzip(request.directory, request.bounds)
    path = only_file(request.directory, (".py",))
    # Modules beside the function, where it was stored as an archive of several files.
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
        made = _made_by(makers[0])
        if callable(made):
            return cast("Callable[[dict[str, Any]], Any]", made)
    raise LoadError(
        "function_load_failed",
        "The code defines neither a function 'score' nor one function without required arguments that returns one.",
    )


def _is_maker(function: Any, module: ModuleType) -> bool:
    """Whether it is the code's own and can be called without arguments."""
    parameters = inspect.signature(function).parameters.values()
    required = [each for each in parameters if each.default is each.empty and each.kind not in _VARIADIC]
    return function.__module__ == module.__name__ and not required


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _made_by(maker: Callable[[], Any]) -> Any:
    try:
        return maker()
    except Exception as error:
        raise _does_not_run(error, Path(inspect.getfile(maker))) from error


def _does_not_run(error: Exception, path: Path) -> LoadError:
    return LoadError("function_load_failed", f"The function's code does not run: {_describe(error, path)}")


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
    """Name the error and the last line of the user's own code that it came through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    return f"{type(error).__name__}: {error}" + (f" (line {lines[-1]})" if lines else "")
