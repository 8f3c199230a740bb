"""PyTorch: modules, which are exported to ONNX where that is possible, and go live as functions otherwise.

The service has no model type for modules. ONNX is the better default: its runtime needs neither PyTorch, whose packages
take gigabytes, nor the module's own class, and it loads in any release. A function answers to the last bit as here.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

from wml_deployer.errors import UnsupportedModelError
from wml_deployer.frameworks._framework import Framework
from wml_deployer.frameworks._inspection import descends
from wml_deployer.frameworks._onnx import model_of_proto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wml_deployer.frameworks._file_model import FileModel

__all__ = ["PyTorch", "ask_module", "export_module", "is_module"]

_OPSET = 18
"""What ``torch.onnx`` writes best, and every runtime of the service takes."""

_ROWS = 4
"""How many rows an export is traced with; it takes any number afterwards."""


def _tensor_by_its_values(tensor: Any) -> Any:
    """PyTorch pickles the storage of a tensor, which has an address in it."""
    plain = tensor.detach().cpu()
    plain = plain.float() if str(plain.dtype) == "torch.bfloat16" else plain
    return type(tensor), (str(tensor.dtype), plain.numpy())


class PyTorch(Framework):
    """Modules of ``torch.nn``, and users' own."""

    name = "torch"
    package = "torch"
    aliases = ("pytorch",)
    is_served = False
    is_carried = True
    call = "torch"
    reducers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"torch.Tensor": _tensor_by_its_values}

    def is_model(self, value: object) -> bool:
        """Whether it is a module."""
        return is_module(value)

    def refuse_unfitted(self, model: Any) -> None:
        """Refuse a module in training, in which dropout is random and other layers learn from what they are asked."""
        if model.training:
            raise UnsupportedModelError(
                f"{type(model).__name__} is in training mode, in which it answers otherwise from call to call.",
                next_step="Call .eval() on it first.",
            )


def is_module(value: object) -> bool:
    """Whether an object is a PyTorch module. A model of Keras on PyTorch is one, too, and is Keras's."""
    return descends(value, "torch.nn.modules.module", "Module") and not descends(
        value, "keras.src.models.model", "Model"
    )


def ask_module(module: Any, rows: Any) -> list[Any]:
    """Return what a module answers, an array for each of its outputs.

    Args:
        module: The module, out of training.
        rows: n rows as an array, of any number of dimensions.

    """
    import torch  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415 - the object's own

    with torch.no_grad():
        answered = module(_tensor(torch, module, rows))
    return [each.detach().cpu().numpy() for each in (answered if isinstance(answered, list | tuple) else [answered])]


def export_module(module: Any, rows: Any) -> FileModel:
    """Export a module to an ONNX graph that takes any number of rows.

    Args:
        module: The module, out of training.
        rows: Some rows as an array, of any number of dimensions.

    Raises:
        UnsupportedModelError: ``torch.onnx`` cannot export it, in one line.

    """
    import torch  # noqa: PLC0415 - the object's own library, loaded already

    # An export from a single row may take one for the only number of rows.
    given = _tensor(torch, module, rows[:_ROWS] if len(rows) > 1 else rows[[0, 0]])
    try:
        with _silence():
            exported = torch.onnx.export(
                module,
                (given,),
                dynamic_shapes=({0: torch.export.Dim("rows")},),
                dynamo=True,
                opset_version=_OPSET,
                verbose=False,
            )
            proto = exported.model_proto
    except Exception as error:
        raise UnsupportedModelError(
            f"PyTorch cannot export it to ONNX: {_first_cause(error)}",
            next_step="Leave out route=: it then goes live as a function.",
        ) from error
    for part in (proto.graph, *proto.functions):
        for node in part.node:
            # Where in whose source the node comes from.
            del node.metadata_props[:]
            node.doc_string = ""
    return model_of_proto(proto)


def _first_cause(error: BaseException) -> str:
    """Name in one line what an exporter's error was caused by: its own message is advice of many lines."""
    while error.__cause__ is not None:
        error = error.__cause__
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _tensor(torch: Any, module: Any, rows: Any) -> Any:
    """Make a tensor of rows; numbers with a fraction get the type of the module's own."""
    tensor = torch.tensor(rows)
    if not tensor.is_floating_point():
        return tensor
    kinds = (weight.dtype for weight in module.parameters() if weight.is_floating_point())
    return tensor.to(next(kinds, torch.float32))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep to itself what an export prints, warns of and logs."""
    logger = logging.getLogger("torch")
    level = logger.level
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)
