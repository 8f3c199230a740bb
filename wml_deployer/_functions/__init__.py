"""Make Python functions that carry models, and rebuild in them the rows that a model was fitted on.

Users deploy functions of their own as well, by IBM's convention: what is deployed is ``score``, which takes a payload.

>>> def score(payload):
...     return {"predictions": [{"values": [[len(payload["input_data"][0]["values"])]]}]}
>>> def make_score(rate=1.1):
...     def score(payload):
...         return {"predictions": [{"values": [[rate]]}]}
...     return score
>>> is_score_function(score), is_score_function(make_score), is_score_function(abs)
(True, True, False)
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from wml_deployer.errors import ModelError
from wml_deployer.frameworks._inspection import distributions_of_modules

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["is_maker", "is_score_function", "modules_by_value", "score_of"]


def is_score_function(model: object) -> bool:
    """Whether it is a function that takes a payload, or one without required arguments that makes such a function.

    A function of rows is not one of these. They are told apart by IBM's names: the function is called ``score``, or its
    first argument ``payload``.
    """
    if not inspect.isfunction(model):
        return False
    required = _required(model)
    return not required or model.__name__ == "score" or required[0] == "payload"


def is_maker(function: Callable[..., Any]) -> bool:
    """Whether it makes the function that is deployed: IBM's clients store the values of its default arguments."""
    return not _required(function)


def score_of(function: Callable[..., Any]) -> Callable[[dict[str, Any]], Any]:
    """Return what the service calls with a payload.

    Raises:
        ModelError: A function that should make it makes something else.

    """
    if not is_maker(function):
        return function
    made = function()
    if not callable(made):
        raise ModelError(
            f"{function.__name__}() returns {type(made).__name__}, not a function that takes a payload.",
            next_step="Let it return the inner function, by its name; or give it the argument payload.",
        )
    score: Callable[[dict[str, Any]], Any] = made
    return score


def modules_by_value(model: object) -> tuple[str, ...]:
    """Name the module of a function, if nobody distributes it: then its code goes along."""
    module = model.__module__ if inspect.isfunction(model) else None
    known = module is None or module not in sys.modules or module.partition(".")[0] in distributions_of_modules()
    return () if known or module is None else (module,)


def _required(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in variadic]
