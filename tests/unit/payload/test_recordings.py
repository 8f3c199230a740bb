"""Every recorded answer of the real service becomes the frame it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from wml_deployer.payload import decode, to_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    Rows = list[list[Any]]
    Reading = Callable[[list[dict[str, Any]]], Rows]


def names(text: str) -> list[str]:
    return text.split(",")


RECORDINGS = Path(__file__).parents[2] / "data" / "wire" / "scoring"

PAIR = ["prediction", "probability_0", "probability_1"]
DIGITS = [f"prediction_{digit}" for digit in range(10)]
KERAS = [*DIGITS, "prediction_classes", *(f"probability_{digit}" for digit in range(10))]
SIGMOID = ["prediction", "prediction_classes", "probability_0"]
SCORES = [*(f"scores_{digit}" for digit in range(10)), *(f"classes_{digit}" for digit in range(10))]
CHAIN = names(
    "ID,Gender,Status,Children,Age,Customer_Status,Car_Owner,Customer_Service,Satisfaction,"
    "Probability_Area,Prediction_Area,Probability_Action,Prediction_Action"
)
CARS = names("ID,Gender,Status,Children,Age,Customer_Status,Car_Owner,Customer_Service,Business_Area,Satisfaction")
CREDIT = names(
    "CheckingStatus,LoanDuration,CreditHistory,LoanPurpose,LoanAmount,ExistingSavings,EmploymentDuration,"
    "InstallmentPercent,Sex,OthersOnLoan,CurrentResidenceDuration,OwnsProperty,Age,InstallmentPlans,Housing,"
    "ExistingCreditsCount,Job,Dependents,Telephone,ForeignWorker,CheckingStatus_IX,CreditHistory_IX,LoanPurpose_IX,"
    "ExistingSavings_IX,EmploymentDuration_IX,Sex_IX,OthersOnLoan_IX,OwnsProperty_IX,InstallmentPlans_IX,Housing_IX,"
    "Job_IX,Telephone_IX,ForeignWorker_IX,features,rawPrediction"
)


def probabilities(count: int) -> list[str]:
    return [f"probability_{position}" for position in range(count)]


def rows(blocks: list[dict[str, Any]]) -> Rows:
    return list(blocks[0]["values"])


def scalars(blocks: list[dict[str, Any]]) -> Rows:
    return [[value] for value in blocks[0]["values"]]


def nested(blocks: list[dict[str, Any]]) -> Rows:
    return [row[0] for row in blocks[0]["values"]]


def labelled(blocks: list[dict[str, Any]]) -> Rows:
    return [[label, *chances] for label, chances in blocks[0]["values"]]


def keras(blocks: list[dict[str, Any]]) -> Rows:
    return [[*scores, number, *chances] for scores, number, chances in blocks[0]["values"]]


def sigmoid(blocks: list[dict[str, Any]]) -> Rows:
    return [[score[0], number[0], chance[0]] for score, number, chance in blocks[0]["values"]]


def spark(blocks: list[dict[str, Any]]) -> Rows:
    place = blocks[0]["fields"].index("probability")
    return [[*row[:place], *row[place], *row[place + 1 :]] for row in blocks[0]["values"]]


def beside(blocks: list[dict[str, Any]]) -> Rows:
    left, right = blocks
    return [
        [*(one if isinstance(one, list) else [one]), *(other.values() if isinstance(other, dict) else other)]
        for one, other in zip(left["values"], right["values"], strict=True)
    ]


# recording -> its columns, how its rows read, the kinds of its columns (one letter each, or one for all)
EXPECTED: dict[str, tuple[list[str], Reading, str]] = {
    "autoai__1": (PAIR, labelled, "Off"),
    "autoai__2": (PAIR, labelled, "Off"),
    "autoai_timeseries__1": (["prediction"], nested, "f"),
    "autoai_timeseries__2": (["prediction"], rows, "f"),
    "autoai_ts_anomaly__1": (["prediction"], nested, "i"),
    "function_chain__1": (CHAIN, rows, "iOOifOOOiOOOO"),
    "function_chain__2": (CHAIN, rows, "iOOiiOOOiOOOO"),
    "function_custom_image__1": (["prediction"], scalars, "O"),
    "function_mnist__1": (["prediction"], scalars, "i"),
    "function_mnist__2": (["prediction"], scalars, "i"),
    "function_satisfaction__1": (SIGMOID, sigmoid, "fif"),
    "function_satisfaction__2": (SIGMOID, sigmoid, "fif"),
    "function_satisfaction__3": (SIGMOID, sigmoid, "fif"),
    "function_satisfaction__4": (SIGMOID, sigmoid, "fif"),
    "keras__1": (KERAS, keras, "ffffffffffiffffffffff"),
    "keras__2": (KERAS, keras, "ffffffffffiffffffffff"),
    "keras_export_import__1": (KERAS, keras, "ffffffffffiffffffffff"),
    "keras_export_import__2": (KERAS, keras, "ffffffffffiffffffffff"),
    "keras_horovod__1": (KERAS, keras, "ffffffffffiffffffffff"),
    "onnx_catboost_regressor__1": (["prediction"], rows, "f"),
    "onnx_lightgbm__1": (["label", "probabilities_0", "probabilities_1", "probabilities_2"], beside, "ifff"),
    "onnx_pytorch__1": (DIGITS[:4], rows, "f"),
    "onnx_sklearn_zipmap__1": (
        ["output_label", "output_probability_0", "output_probability_1", "output_probability_2"],
        beside,
        "ifff",
    ),
    "onnx_tensorflow__1": (["prediction"], scalars, "i"),
    "onnx_xgboost__1": (["label", "probabilities_0", "probabilities_1", "probabilities_2"], beside, "ifff"),
    "pmml__1": (
        ["$R-Species", "$RC-Species", "$RP-Species", "$RP-setosa", "$RP-versicolor", "$RP-virginica", "$RI-Species"],
        rows,
        "OfffffO",
    ),
    "pytorch_onnx__1": (DIGITS, rows, "f"),
    "sklearn_custom_library_regressor__1": (["prediction"], rows, "f"),
    "sklearn_pipeline_strings__1": (PAIR, labelled, "Off"),
    "sklearn_regressor__1": (["prediction"], rows, "f"),
    "sklearn_svc_no_proba__1": (["prediction"], rows, "i"),
    "spark_action__1": (
        [
            *(*CARS, "gender_ix", "customer_status_ix", "status_ix", "label", "owner_ix", "area_ix", "features"),
            *("rawPrediction", *probabilities(5), "prediction", "predictedLabel"),
        ],
        spark,
        "iOOifOOOOiffffffOOffffffO",
    ),
    "spark_business_area__1": (
        [
            *(*CARS, "words", "hash", "features", "label", "rawPrediction"),
            *(*probabilities(8), "prediction", "predictedLabel"),
        ],
        spark,
        "iOOffOOOOfOOOfOfffffffffO",
    ),
    "spark_credit__1": (
        [*CREDIT, *probabilities(2), "prediction", "predictedLabel"],
        spark,
        "OiOOiOOiOOiOiOOiOiOOfffffffffffffOOfffO",
    ),
    "spss__1": (["customerID", "Churn", "Predicted Churn", "Probability of Churn"], rows, "OOOf"),
    "tensorflow_savedmodel__1": (["prediction"], scalars, "i"),
    "tensorflow_savedmodel__2": (["prediction"], scalars, "i"),
    "tensorflow_two_blocks__1": (SCORES, beside, "ffffffffffOOOOOOOOOO"),
    "xgboost_sklearn_api__1": (PAIR, labelled, "fff"),
    "xgboost_sklearn_api__2": (PAIR, labelled, "iff"),
}


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))["body"]


def blocks_of(answer: Any) -> list[dict[str, Any]]:
    return list(answer["predictions"] if isinstance(answer, dict) else answer)


def cells(frame: pd.DataFrame) -> Rows:
    """Python values; text that pandas holds as its own kind of text is text."""
    return list(frame.astype(object).to_numpy().tolist())


def kinds(frame: pd.DataFrame) -> str:
    return "".join(dtype.kind if isinstance(dtype, np.dtype) else "O" for dtype in frame.dtypes)


def test_every_recording_is_expected() -> None:
    """No recorded shape is left out of the tests below."""
    assert sorted(EXPECTED) == sorted(path.stem for path in RECORDINGS.glob("*.json"))


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_answer_has_its_columns(name: str) -> None:
    """Each of the service's runtimes gives the columns that its kind of answer has."""
    assert EXPECTED[name][0] == list(to_frame(recorded(name)).columns)


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_answer_has_its_values(name: str) -> None:
    """Not a bit of a value is lost or moved on the way from a recorded answer into the frame."""
    answer = recorded(name)

    assert repr(EXPECTED[name][1](blocks_of(answer))) == repr(cells(to_frame(answer)))


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_answer_has_its_kinds(name: str) -> None:
    """Integers, floats and text arrive as columns of their kind."""
    frame = to_frame(recorded(name))
    expected = EXPECTED[name][2]

    assert expected * (frame.shape[1] if len(expected) == 1 else 1) == kinds(frame)


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_bytes_give_the_same_frame(name: str) -> None:
    """The bytes of a recorded answer, compact as the service sends them, decode to the frame of the document."""
    answer = recorded(name)
    expected = to_frame(answer)

    frame = decode(orjson.dumps(answer))

    assert (repr(cells(expected)), list(expected.columns), kinds(expected)) == (
        repr(cells(frame)),
        list(frame.columns),
        kinds(frame),
    )
