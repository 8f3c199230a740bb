"""PMML: documents in ``.pmml`` files, which a runtime of their own serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.errors import PackagingError
from wml_deployer.frameworks._file_model import FileModel
from wml_deployer.schema import ClassLabel, Field, Schema

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

__all__ = ["model_of_file"]

FILE = "model.xml"
"""IBM's clients take PMML with this suffix only, and upload the document itself."""

_TYPES = ("pmml_4.2.1",)
_DTYPES = {"double": "float64", "float": "float32", "integer": "int64", "string": "object", "boolean": "bool"}
_LEFT_OUT = frozenset({"target", "predicted", "supplementary"})


def model_of_file(path: Path) -> FileModel:
    """Describe a PMML document.

    Raises:
        PackagingError: It is none, or has no model.

    """
    import xml.etree.ElementTree as ET  # noqa: PLC0415 - only who has such a file needs it

    try:
        root = ET.parse(path).getroot()  # noqa: S314 - the caller's own file, and expat limits what it expands
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise PackagingError(f"{path} is not XML: {error}", next_step="Export the model again.") from error
    schema = next((part for part in root.findall("{*}*/{*}MiningSchema")), None)
    if _tag(root) != "PMML" or schema is None:
        raise PackagingError(f"{path} is not a PMML document with a model.", next_step="Export the model again.")
    known = {field.get("name", ""): field for field in root.findall("{*}DataDictionary/{*}DataField")}
    used = [(field.get("name", ""), field.get("usageType", "active")) for field in schema.findall("{*}MiningField")]
    fields = [Field(name, _dtype(known.get(name))) for name, usage in used if usage not in _LEFT_OUT]
    targets = [known[name] for name, usage in used if usage in {"target", "predicted"} and name in known]
    classes = _classes(targets[0]) if len(targets) == 1 else ()
    return FileModel(
        str(path), _TYPES, {FILE: path}, Schema(tuple(fields), classes), frameworks=("pmml",), is_archived=False
    )


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _dtype(field: Element | None) -> str:
    return "" if field is None else _DTYPES.get(field.get("dataType", ""), "object")


def _classes(target: Element) -> tuple[ClassLabel, ...]:
    if target.get("optype") == "continuous":
        return ()
    values = [
        value.get("value", "") for value in target.findall("{*}Value") if value.get("property") in {None, "valid"}
    ]
    return tuple(int(value) if target.get("dataType") == "integer" else value for value in values)
