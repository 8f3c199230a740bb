"""The supported pairs of model type and software specification."""

from __future__ import annotations

import re

from wml_deployer.server.errors import wrong_field

__all__ = ["check_pair", "supported_for"]

#: Recorded pairs, and those that the error messages of the service name.
_PAIRS: dict[str, tuple[str, ...]] = {
    "scikit-learn_0.20": ("scikit-learn_0.20-py3.6",),
    "scikit-learn_0.22": ("scikit-learn_0.22-py3.6",),
    "scikit-learn_0.23": ("default_py3.7", "default_py3.7_opence", "default_py3.8"),
    "scikit-learn_1.0": ("runtime-22.1-py3.9",),
    "scikit-learn_1.1": ("runtime-22.2-py3.10", "runtime-23.1-py3.10"),
    "scikit-learn_1.3": ("runtime-24.1-py3.11",),
    "scikit-learn_1.6": ("runtime-25.1-py3.12",),
    "xgboost_0.82": ("xgboost_0.82-py3.6",),
    "xgboost_0.90": ("xgboost_0.90-py3.6", "default_py3.7", "default_py3.7_opence"),
    "xgboost_1.3": ("default_py3.7_opence", "default_py3.8"),
    "xgboost_1.5": ("runtime-22.1-py3.9",),
    "xgboost_1.6": ("runtime-22.2-py3.10", "runtime-23.1-py3.10"),
    "xgboost_2.0": ("runtime-24.1-py3.11",),
    "xgboost_2.1": ("runtime-25.1-py3.12",),
    "tensorflow_1.15": ("tensorflow_1.15-py3.6",),
    "tensorflow_2.1": ("default_py3.7", "tensorflow_2.1-py3.7"),
    "tensorflow_2.4": ("default_py3.8", "tensorflow_2.4-py3.7", "tensorflow_2.4-py3.8"),
    "tensorflow_2.7": ("runtime-22.1-py3.9", "tensorflow_rt22.1-py3.9"),
    "tensorflow_2.9": ("runtime-22.2-py3.10", "tensorflow_rt22.2-py3.10"),
    "tensorflow_2.12": ("runtime-23.1-py3.10", "tensorflow_rt23.1-py3.10"),
    "tensorflow_2.14": ("runtime-24.1-py3.11", "tensorflow_rt24.1-py3.11"),
    "tensorflow_rt22.1": ("runtime-22.1-py3.9", "tensorflow_rt22.1-py3.9"),
    "tensorflow_rt22.2": ("runtime-22.2-py3.10", "tensorflow_rt22.2-py3.10"),
    "tensorflow_rt23.1": ("runtime-23.1-py3.10", "tensorflow_rt23.1-py3.10"),
    "tensorflow_rt24.1": ("runtime-24.1-py3.11", "tensorflow_rt24.1-py3.11"),
    "tensorflow_rt25.1": ("runtime-25.1-py3.12",),
    "keras_2.2.5": ("tensorflow_1.15-py3.6",),
    "pytorch-onnx_1.3": ("pytorch-onnx_1.3-py3.7", "default_py3.7"),
    "pytorch-onnx_1.7": ("pytorch-onnx_1.7-py3.8", "default_py3.8"),
    "pytorch-onnx_1.10": ("runtime-22.1-py3.9", "pytorch-onnx_rt22.1-py3.9"),
    "pytorch-onnx_1.12": ("runtime-22.2-py3.10", "pytorch-onnx_rt22.2-py3.10"),
    "pytorch-onnx_2.0": ("runtime-23.1-py3.10", "pytorch-onnx_rt23.1-py3.10"),
    "pytorch-onnx_2.1": ("runtime-24.1-py3.11", "pytorch-onnx_rt24.1-py3.11"),
    "pytorch-onnx_rt22.1": ("runtime-22.1-py3.9", "pytorch-onnx_rt22.1-py3.9"),
    "pytorch-onnx_rt22.2": ("runtime-22.2-py3.10", "pytorch-onnx_rt22.2-py3.10"),
    "pytorch-onnx_rt23.1": ("runtime-23.1-py3.10", "pytorch-onnx_rt23.1-py3.10"),
    "pytorch-onnx_rt24.1": ("runtime-24.1-py3.11", "pytorch-onnx_rt24.1-py3.11"),
    "onnxruntime_1.16": ("onnxruntime_opset_19",),
    "onnxruntime_1.17": ("onnxruntime_opset_21",),
    "mllib_2.3": ("spark-mllib_2.3",),
    "mllib_2.4": ("spark-mllib_2.4",),
    "mllib_3.0": ("spark-mllib_3.0",),
    "mllib_3.2": ("spark-mllib_3.2",),
    "mllib_3.3": ("spark-mllib_3.3",),
    "mllib_3.4": ("spark-mllib_3.4",),
    "mllib_3.5": ("spark-mllib_3.5",),
    "spss-modeler_17.1": ("spss-modeler_17.1",),
    "spss-modeler_18.1": ("spss-modeler_18.1",),
    "spss-modeler_18.2": ("spss-modeler_18.2",),
}

#: Pairs of patterns, for types with many versions.
_PATTERNS = (
    (re.compile(r"pmml_.+"), re.compile(r"pmml-.+")),
    (re.compile(r"wml-hybrid_.+"), re.compile(r"hybrid_.+|autoai-.+")),
    (re.compile(r"do-.+"), re.compile(r"do_.+")),
)


def supported_for(model_type: str) -> tuple[str, ...]:
    """Return the base specifications that support a type, as far as they are listed by name."""
    return _PAIRS.get(model_type, ())


def check_pair(model_type: str, specification: str) -> None:
    """Check that a base specification supports a model type.

    Raises:
        InvalidRequestError: The type is unknown, or only other specifications support it (recorded texts).

    """
    for types, names in _PATTERNS:
        if types.fullmatch(model_type) and names.fullmatch(specification):
            return
    supported = _PAIRS.get(model_type)
    if supported is None:
        raise wrong_field("type", f"Invalid request entity: Unsupported model type '{model_type}'.")
    if specification not in supported:
        verb = "is" if len(supported) == 1 else "are"
        # IBM's newer client checks for the first sentence; the second one is recorded.
        raise wrong_field(
            "software_spec",
            "Unsupported model type and software specification combination."
            f" Supported software specifications for {model_type} {verb}: {', '.join(supported)}",
        )
