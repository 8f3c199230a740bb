"""Why a deployment answers otherwise than the local model: causes that are found, not guessed."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import orjson

from wml_deployer._rollout.agreement import answers, rows_that_differ
from wml_deployer.errors import WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from wml_deployer._rollout.sample import Sample

__all__ = ["Cause", "likely_causes"]

ROUNDING = 1e-3
"""Differences up to this size, with all labels equal, are what single precision makes of doubles."""

ROWS_ASKED_AGAIN = 20
MOST_ORDERS = 500


class Cause(NamedTuple):
    """What explains a disagreement, and what to do about it."""

    problem: str
    next_step: str


def likely_causes(
    score: Callable[[bytes], bytes], sample: Sample, live: pd.DataFrame, local: pd.DataFrame
) -> list[Cause]:
    """Find what explains that the live answers are not the local model's.

    The endpoint is asked once more, with the sample's columns in other orders, all in one request.

    Args:
        score: Sends payload bytes to the live endpoint and returns the answer's bytes.
        sample: The rows and the expected answers.
        live: n rows × m columns that the endpoint answered.
        local: What the local model answers.

    """
    if list(live.columns) != list(local.columns) or len(live) != len(local):
        return list(_shape(live, local))
    found = [*_classes(live, local), *_labels(live, local), *_rounding(sample, live, local)]
    return found or list(_columns(score, sample, local))


def _shape(live: pd.DataFrame, local: pd.DataFrame) -> Iterator[Cause]:
    if len(live.columns) != len(local.columns):
        yield Cause(
            "another model serves: it has other outputs or classes.",
            "See with history() and status() what serves, and who changed it.",
        )


def _classes(live: pd.DataFrame, local: pd.DataFrame) -> Iterator[Cause]:
    """The probabilities are right, and stand in another order than the model's classes."""
    names = [str(name) for name in local if str(name).startswith("probability_")]
    order = [next((n for n in names if not _differ(live[[n]], local[[name]])), None) for name in names]
    found = [name for name in order if name is not None]
    if names and found != names and sorted(found) == sorted(names):
        swapped = ", ".join(f"{name} as {seen}" for name, seen in zip(names, found, strict=True) if name != seen)
        yield Cause(
            f"the order of the classes: the deployment answers {swapped}.",
            "Store the model anew: what serves was fitted with its classes in another order.",
        )


def _labels(live: pd.DataFrame, local: pd.DataFrame) -> Iterator[Cause]:
    """The labels read the same, and are of another type."""
    for name in (name for name in local if str(name).startswith("prediction")):
        ours, theirs = local[name], live[name]
        if ours.dtype.kind != theirs.dtype.kind and list(map(_text, ours)) == list(map(_text, theirs)):
            yield Cause(
                f"the dtype of the labels: {ours.dtype} here, {theirs.dtype} from the deployment.",
                "Fit the model on labels that JSON keeps: text, whole numbers, or true and false.",
            )


def _rounding(sample: Sample, live: pd.DataFrame, local: pd.DataFrame) -> Iterator[Cause]:
    """All labels are equal, and numbers differ by no more than rounding does."""
    floats = [name for name in local if local[name].dtype.kind == "f" and live[name].dtype.kind in "fi"]
    others = [name for name in local if name not in floats]
    if not floats or _differ(live[others], local[others]):
        return
    largest = float(((live[floats] - local[floats]).abs() / local[floats].abs().clip(lower=1.0)).max().max())
    if not largest <= ROUNDING:
        return
    single = [field.name for field in sample.schema.fields if field.dtype == "float32"]
    where = (
        f"the columns {', '.join(single[:5])} are float32 here" if single else "the model may be float32 on one side"
    )
    yield Cause(
        f"the dtype: answers differ by {largest:.1e} at most, as single precision rounds; {where}, and the service "
        "computes with float64.",
        "Fit the model on float64, or give as sample= what the service gets.",
    )


def _columns(score: Callable[[bytes], bytes], sample: Sample, local: pd.DataFrame) -> Iterator[Cause]:
    """Asked with columns in another order, or simply asked again, the deployment answers rightly."""
    names = [field.name for field in sample.schema.fields]
    block = orjson.loads(sample.payload)["input_data"][0]
    rows = block["values"][:ROWS_ASKED_AGAIN]
    orders = _orders(names, len(rows[0]))
    values = [[row[place] for place in order] for order in orders for row in rows]
    payload = orjson.dumps({"input_data": [{**block, "values": values}]})
    try:
        live = answers(score(payload), sample)
    except WMLDeployerError:
        # A model that refuses text where it takes numbers says nothing about the order that it wants.
        return
    expected = local.head(len(rows))
    for position, order in enumerate(orders):
        part = live.iloc[position * len(rows) : (position + 1) * len(rows)]
        if list(part.columns) == list(expected.columns) and not _differ(part, expected):
            yield _explained(order, names)
            return


def _orders(names: list[str], width: int) -> list[list[int]]:
    """Orders that undo what columns get into: nothing, sorting by name, or its reverse, and a swap of each two."""
    plain = list(range(width))
    by_name = sorted(plain, key=lambda place: names[place]) if len(names) == width else plain
    orders = [plain, by_name, sorted(plain, key=lambda place: by_name[place]), plain[::-1]]
    for one, other in combinations(plain, 2):
        swapped = plain.copy()
        swapped[one], swapped[other] = other, one
        orders.append(swapped)
    return orders[:MOST_ORDERS]


def _explained(order: list[int], names: list[str]) -> Cause:
    if order == sorted(order):
        return Cause(
            "the answers change: asked again, the deployment answers as the local model does.",
            "Give the model a fixed random_state, or see whether it keeps something between calls.",
        )
    moved = [place for place, taken in enumerate(order) if place != taken]
    said = ", ".join(names[place] if names else f"column {place}" for place in moved[:5])
    return Cause(
        f"the order of the columns: with {said} in another order the deployment answers as the local model does.",
        "Fit the model on a DataFrame and store it anew, so that names decide and not places.",
    )


def _differ(live: pd.DataFrame, local: pd.DataFrame) -> bool:
    return len(live) != len(local) or any(rows_that_differ(live, local))


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
